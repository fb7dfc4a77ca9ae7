"""Changes of a definition's meaning, each at one place of its syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from itertools import pairwise
from random import Random

Change = Callable[[], None]

OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.USub: ast.UAdd,
    ast.Not: ast.Invert,
}
COMPARISONS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
IDLE = (ast.Pass, ast.Global, ast.Import, ast.ImportFrom, ast.Nonlocal)


def changes(definition: ast.stmt) -> dict[str, list[Change]]:
    """Return all changes of a definition that are known here, by their kind."""
    found: dict[str, list[Change]] = {}
    for node in _meant(definition):
        for kind, change in _changes(node):
            found.setdefault(kind, []).append(change)
    return found


def change_at_random(definition: ast.stmt, random: Random) -> str:
    """Change a definition in one place, and return the kind of change; none if there is none."""
    found = changes(definition)
    if not found:
        return ""
    kind = random.choice(sorted(found))
    random.choice(found[kind])()
    return kind


def _meant(definition: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a definition that have a meaning: not docstrings, not annotations."""
    waiting = [definition]
    while waiting:
        node = waiting.pop()
        yield node
        for name, value in ast.iter_fields(node):
            if name in {"annotation", "returns"}:
                continue
            parts = value if isinstance(value, list) else [value]
            waiting += [part for part in parts if isinstance(part, ast.AST) and not _idle(part)]


def _idle(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _changes(node: ast.AST) -> Iterator[tuple[str, Change]]:
    """Yield the changes that one node allows."""
    match node:
        case ast.Constant(value) if isinstance(value, bool | int | float | str):
            yield "constant", _set(node, "value", _other(value))
        case ast.BinOp(op=op) | ast.BoolOp(op=op) | ast.UnaryOp(op=op) | ast.AugAssign(op=op):
            if type(op) in OPERATORS:
                yield "operator", _set(node, "op", OPERATORS[type(op)]())
        case ast.Compare(ops=[op, *others]):
            yield "comparison", _set(node, "ops", [COMPARISONS[type(op)](), *others])
        case ast.keyword(arg=str() as name):
            yield "keyword renamed", _set(node, "arg", f"{name}_x")
        case ast.Attribute(attr=name):
            yield "attribute renamed", _set(node, "attr", f"{name}_x")
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            yield "condition negated", _set(node, "test", ast.UnaryOp(ast.Not(), test))
        case ast.Return(value=ast.expr()):
            yield "nothing returned", _set(node, "value", None)
        case ast.arguments(defaults=[*_, last]):
            yield "default", _set(node, "defaults", [*node.defaults[:-1], _plus_one(last)])
        case ast.ClassDef(bases=[_, *others]):
            yield "base left out", _set(node, "bases", others)
        case ast.Call():
            yield from _in_call(node)
        case ast.FunctionDef():
            yield from _in_function(node)


def _in_call(node: ast.Call) -> Iterator[tuple[str, Change]]:
    args = node.args
    if args:
        yield "argument left out", _set(node, "args", args[:-1])
    if len(args) > 1 and ast.dump(args[0]) != ast.dump(args[1]):
        yield "arguments swapped", _set(node, "args", [args[1], args[0], *args[2:]])
    if node.keywords:
        yield "keyword left out", _set(node, "keywords", node.keywords[:-1])


def _in_function(node: ast.FunctionDef) -> Iterator[tuple[str, Change]]:
    if node.decorator_list:
        yield "decorator left out", _set(node, "decorator_list", node.decorator_list[1:])
    yield from _in_block(node.body)


def _in_block(body: list[ast.stmt]) -> Iterator[tuple[str, Change]]:
    """Yield changes of a function's statements."""
    for index, node in enumerate(body):
        bare = isinstance(node, ast.AnnAssign) and node.value is None
        if not isinstance(node, IDLE) and not _idle(node) and not bare:
            yield "statement left out", _replace(body, index, [ast.Pass()])
    for index, (first, second) in enumerate(pairwise(body)):
        plain = not isinstance(first, IDLE) and not isinstance(second, IDLE)
        if plain and not _idle(first) and ast.dump(first) != ast.dump(second):
            yield "statements swapped", _replace(body, index, [second, first], 2)


def _other(value: bool | float | str) -> bool | float | str:
    if isinstance(value, bool):
        return not value
    return f"{value}x" if isinstance(value, str) else value + 1


def _plus_one(node: ast.expr) -> ast.expr:
    return ast.BinOp(node, ast.Add(), ast.Constant(1))


def _set(node: ast.AST, name: str, value: object) -> Change:
    return lambda: setattr(node, name, value)


def _replace(body: list[ast.stmt], index: int, nodes: list[ast.stmt], count: int = 1) -> Change:
    def change() -> None:
        body[index : index + count] = nodes

    return change
