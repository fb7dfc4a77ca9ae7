"""The syntax that a canonical form is made of: each kind of node, and which of its fields count.

Written out here, not taken from the running Python, so that all versions write the same text. What
a later Python adds is not in the table; a module that uses it counts by its bytes instead
(``UnreadableError``), until somebody has decided here what the new syntax means.
"""

from __future__ import annotations

from typing import Final

_COUNTED: Final = """
FunctionDef         name type_params args body decorator_list
AsyncFunctionDef    name type_params args body decorator_list
ClassDef            name type_params bases keywords body decorator_list
Return              value
Delete              targets
Assign              targets value
TypeAlias           name type_params value
AugAssign           target op value
AnnAssign           target annotation value
For                 target iter body orelse
AsyncFor            target iter body orelse
While               test body orelse
If                  test body orelse
With                items body
AsyncWith           items body
Match               subject cases
Raise               exc cause
Try                 body handlers orelse finalbody
TryStar             body handlers orelse finalbody
Assert              test msg
Import              names
ImportFrom          module names level
Global              names
Nonlocal            names
Expr                value
Pass
Break
Continue
BoolOp              op values
NamedExpr           target value
BinOp               left op right
UnaryOp             op operand
Lambda              args body
IfExp               test body orelse
Dict                keys values
Set                 elts
ListComp            elt generators
SetComp             elt generators
DictComp            key value generators
GeneratorExp        elt generators
Await               value
Yield               value
YieldFrom           value
Compare             left ops comparators
Call                func args keywords
FormattedValue      value conversion format_spec
Interpolation       value str conversion format_spec
JoinedStr           values
TemplateStr         values
Constant            value
Attribute           value attr
Subscript           value slice
Starred             value
Name                id
List                elts
Tuple               elts
Slice               lower upper step
And
Or
Add
Sub
Mult
MatMult
Div
Mod
Pow
LShift
RShift
BitOr
BitXor
BitAnd
FloorDiv
Invert
Not
UAdd
USub
Eq
NotEq
Lt
LtE
Gt
GtE
Is
IsNot
In
NotIn
comprehension       target iter ifs is_async
ExceptHandler       type name body
arguments           posonlyargs args vararg kwonlyargs kwarg defaults kw_defaults
arg                 arg annotation
keyword             arg value
alias               name asname
withitem            context_expr optional_vars
match_case          pattern guard body
MatchValue          value
MatchSingleton      value
MatchSequence       patterns
MatchMapping        keys patterns rest
MatchClass          cls patterns kwd_attrs kwd_patterns
MatchStar           name
MatchAs             pattern name
MatchOr             patterns
TypeVar             name bound default_value
ParamSpec           name default_value
TypeVarTuple        name default_value
Module              body
"""


def _table(text: str) -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for line in text.split("\n"):
        kind, *fields = line.split() or [""]
        table[kind] = tuple(fields)
    del table[""]
    return table


COUNTED: Final = _table(_COUNTED)
"""The fields of each kind of node that count, in the order in which they are written."""

DROPPED: Final = frozenset(
    {
        "annotation",  # of arguments and variables; that of a class's field is written
        "ctx",  # told by where the expression stands
        "kind",  # the u of u"text"
        "returns",
        "simple",
        "type_comment",
        "type_ignores",
    }
)
"""Fields of any node that do not count."""

UNPARSED: Final = frozenset(
    {
        "AugLoad",
        "AugStore",
        "Bytes",
        "Del",
        "Ellipsis",
        "Expression",
        "ExtSlice",
        "FunctionType",
        "Index",
        "Interactive",
        "Load",
        "NameConstant",
        "Num",
        "Param",
        "Store",
        "Str",
        "Suite",
        "TypeIgnore",
    }
)
"""Kinds of nodes that the syntax tree of a module no longer has, or that nothing counts of."""


class UnreadableError(Exception):
    """Code has syntax that the table lacks, or is nested too deeply to be followed."""
