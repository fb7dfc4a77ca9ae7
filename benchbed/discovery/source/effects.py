"""Which statements of a module do something when it is imported, beyond defining a name.

A definition that is pure counts where it is reached, wherever it stands. A statement with an effect
counts in any case. What cannot be told from the file alone is left as references: what is called,
subclassed or made a metaclass of.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from benchbed.discovery.source import known
from benchbed.discovery.source.modules import SCRIPT, Module, blocks
from benchbed.discovery.source.pruning import Flags, kept
from benchbed.discovery.source.references import Reference, dotted, imports_of
from benchbed.discovery.source.scopes import Comprehension, arguments, bindings, targets

LITERALS: Final = (
    ast.Constant,
    ast.Dict,
    ast.DictComp,
    ast.JoinedStr,
    ast.List,
    ast.ListComp,
    ast.Set,
    ast.SetComp,
    ast.Tuple,
)
"""Expressions whose value is of a builtin type and belongs to nobody else."""


class Doubts(NamedTuple):
    """What a statement does that may be more than defining a name.

    Attributes:
        certain: it is more.
        calls: what it calls.
        bases: what it subclasses.
        metaclasses: what makes its classes.
        reads: it takes values of other packages that may change.
    """

    certain: bool = False
    calls: tuple[Reference, ...] = ()
    bases: tuple[Reference, ...] = ()
    metaclasses: tuple[Reference, ...] = ()
    reads: bool = False


class _CertainError(Exception):
    """The statement has an effect."""


def doubts(module: Module, index: int) -> Doubts:
    """Return what is doubtful about a statement of a module."""
    if index not in module.doubts:
        module.doubts[index] = _doubts(module, index)
    found: Doubts = module.doubts[index]
    return found


def class_doubts(module: Module, node: ast.ClassDef) -> Doubts:
    """Return what is doubtful about the definition of a class."""
    finder = _Finder(module)
    try:
        finder.definition(node)
    except _CertainError:
        return Doubts(certain=True)
    return finder.found()


def _doubts(module: Module, index: int) -> Doubts:
    node = module.statements[index]
    names = module.binds[index]
    if names in (["__all__"], [SCRIPT]):
        return Doubts()
    if any(len(module.binders[name]) > 1 and not module.bound.alias(name) for name in names):
        return Doubts(certain=True)
    if isinstance(node, ast.Import | ast.ImportFrom):
        return Doubts(certain=_takes_all_of_another(node, module))
    finder = _Finder(module)
    try:
        finder.statement(node)
    except _CertainError:
        return Doubts(certain=True)
    return finder.found()


def chooses_imports(node: ast.stmt, flags: Flags) -> bool:
    """Return whether a statement only imports, or chooses what to import."""
    inside = blocks(node, flags)
    if isinstance(node, ast.Try | ast.If):
        return all(chooses_imports(part, flags) for part in inside)
    if isinstance(node, ast.Assign):
        return isinstance(node.value, ast.Constant) and all(map(_is_plain, node.targets))
    return isinstance(node, ast.Import | ast.ImportFrom | ast.Pass | ast.Raise)


def _takes_all_of_another(node: ast.Import | ast.ImportFrom, module: Module) -> bool:
    items = imports_of(node, module.package)
    return any(item.local == "*" and item.module.partition(".")[0] != module.top for item in items)


class _Finder:
    """Goes through what is evaluated when a definition is made; stops at the first effect."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.calls: list[Reference] = []
        self.bases: list[Reference] = []
        self.metaclasses: list[Reference] = []
        self.reads = False
        self.local: set[str] = set()

    def found(self) -> Doubts:
        return Doubts(
            calls=tuple(self.calls),
            bases=tuple(self.bases),
            metaclasses=tuple(self.metaclasses),
            reads=self.reads,
        )

    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self.definition(node)
            case ast.Assign(targets=targets, value=value) if all(map(_is_plain, targets)):
                self.value(value)
            case ast.AnnAssign(target=target, value=value) if _is_plain(target):
                self.value(value)
            case ast.Import() | ast.ImportFrom():
                pass
            case _ if type(node).__name__ == "TypeAlias":
                pass
            case _:
                raise _CertainError

    def definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        for decorator in node.decorator_list:
            self.decorator(decorator)
        if isinstance(node, ast.ClassDef):
            self.class_definition(node)
            return
        for default in [*node.args.defaults, *node.args.kw_defaults]:
            self.value(default)

    def decorator(self, node: ast.expr) -> None:
        root = dotted(node)[:1]
        accessor = isinstance(node, ast.Attribute) and node.attr in known.ACCESSORS
        if accessor and root and root[0] in self.local:
            return
        self.expression(node)
        if not isinstance(node, ast.Call):
            self.call(node)
        elif self.module.external(dotted(node.func)) in known.DEFERRING:
            self.call(node.args[0])

    def class_definition(self, node: ast.ClassDef) -> None:
        for base in node.bases:
            self.expression(base)
            self.bases.append(self.reference(_generic(base)))
        for keyword in node.keywords:
            self.expression(keyword.value)
            if keyword.arg == "metaclass":
                self.metaclasses.append(self.reference(keyword.value))
        before = self.local
        self.local = before | bindings(node.body, self.module.package, self.module.flags).names
        for statement in kept(node.body, self.module.flags):
            self.statement(statement)
        self.local = before

    def value(self, node: ast.expr | None) -> None:
        """Go through an expression that is kept: a constant's value, a default."""
        if node is None:
            return
        self.expression(node)
        for part in _evaluated(node):
            path = self.module.external(dotted(part)) if isinstance(part, ast.expr) else None
            self.reads = self.reads or (path is not None and not known.is_steady(path))

    def expression(self, node: ast.expr) -> None:
        parts = list(_evaluated(node))
        before = self.local
        self.local = before | _own_names(parts)
        for part in parts:
            if isinstance(part, ast.Call):
                self.call(part.func)
                self.called_by(part)
            elif isinstance(part, ast.Await | ast.Yield | ast.YieldFrom):
                raise _CertainError
        self.local = before

    def call(self, function: ast.expr) -> None:
        """Note what is called; a method that changes nothing but its own new object is left out."""
        if isinstance(function, ast.Attribute) and not dotted(function):
            if isinstance(function.value, LITERALS) and function.attr in known.METHODS:
                return
            if isinstance(function.value, ast.Call) and self.is_new(function.value):
                return
        self.calls.append(self.reference(function))

    def called_by(self, node: ast.Call) -> None:
        """Note what a call is given to call."""
        path = self.module.external(dotted(node.func)) or ""
        place = known.CALLING.get(path, len(node.args))
        given = [*node.args[place : place + 1]]
        given += [item.value for item in node.keywords if item.arg in {"key", "func"}]
        for function in given:
            if isinstance(function, ast.Lambda):
                self.lambda_body(function)
            elif not isinstance(function, ast.Constant):
                self.call(function)

    def lambda_body(self, node: ast.Lambda) -> None:
        before = self.local
        self.local = before | {argument.arg for argument in arguments(node.args)}
        self.expression(node.body)
        self.local = before

    def is_new(self, node: ast.Call) -> bool:
        """Return whether a call makes an object that nobody else holds."""
        parts = dotted(node.func)
        path = None if parts and parts[0] in self.local else self.module.external(parts)
        return path is not None and path != "logging.getLogger" and known.is_inert(path)

    def may_be_starred(self, name: str) -> bool:
        names = self.module.bound.names
        return "*" in names and name not in names

    def reference(self, node: ast.expr) -> Reference:
        parts = dotted(node)
        if not parts or parts[0] in self.local or self.may_be_starred(parts[0]):
            raise _CertainError
        return Reference(self.module.name, parts[0], parts[1:], bare=True, eager=True)


def _is_plain(target: ast.expr) -> bool:
    """Return whether assigning to a target changes nothing but names."""
    if isinstance(target, ast.Tuple | ast.List):
        return all(map(_is_plain, target.elts))
    if isinstance(target, ast.Starred):
        return _is_plain(target.value)
    return isinstance(target, ast.Name)


def _generic(base: ast.expr) -> ast.expr:
    """Return ``Base`` of ``Base[int]``."""
    return base.value if isinstance(base, ast.Subscript) else base


def _evaluated(node: ast.expr) -> Iterator[ast.AST]:
    """Yield the parts of an expression that are evaluated with it; not the bodies of lambdas."""
    waiting: list[ast.AST] = [node]
    while waiting:
        part = waiting.pop()
        yield part
        if isinstance(part, ast.Lambda):
            waiting += [*part.args.defaults, *filter(None, part.args.kw_defaults)]
        else:
            waiting += ast.iter_child_nodes(part)


def _own_names(parts: Iterable[ast.AST]) -> set[str]:
    """Return the names that comprehensions among some nodes bind for themselves."""
    names: set[str] = set()
    for part in parts:
        if isinstance(part, Comprehension):
            names |= targets(part)
    return names
