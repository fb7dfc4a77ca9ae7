"""What of a body of statements never does anything: it is left out before anything else."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

from benchbed.discovery.source.references import dotted

_TYPING = ("typing", "typing_extensions")


class Flags(NamedTuple):
    """How a module spells what only type checkers look at, as dotted names."""

    checking: frozenset[tuple[str, ...]]
    overload: frozenset[tuple[str, ...]]


def flags_of(tree: ast.Module) -> Flags:
    """Return how a module spells ``typing.TYPE_CHECKING`` and ``typing.overload``."""
    checking: set[tuple[str, ...]] = set()
    overload: set[tuple[str, ...]] = set()
    for node in tree.body:
        match node:
            case ast.ImportFrom(module=module, names=names) if module in _TYPING:
                for alias in names:
                    local = (alias.asname or alias.name,)
                    checking |= {local} if alias.name == "TYPE_CHECKING" else set()
                    overload |= {local} if alias.name == "overload" else set()
            case ast.Import(names=names):
                modules = [alias.asname or alias.name for alias in names if alias.name in _TYPING]
                checking |= {(module, "TYPE_CHECKING") for module in modules}
                overload |= {(module, "overload") for module in modules}
            case ast.Assign(targets=[ast.Name("TYPE_CHECKING")], value=ast.Constant(False)):
                checking.add(("TYPE_CHECKING",))
            case _:
                pass
    return Flags(frozenset(checking), frozenset(overload))


def kept(body: Iterable[ast.stmt], flags: Flags) -> list[ast.stmt]:
    """Return the statements that do something, with those of a branch that always runs.

    Args:
        body: statements of one block.
        flags: how the module spells ``TYPE_CHECKING``.
    """
    statements: list[ast.stmt] = []
    for node in body:
        if isinstance(node, ast.If) and _decided(node, flags):
            statements += kept(branches(node, flags), flags)
        elif not _idle(node, flags):
            statements.append(node)
    return statements


def branches(node: ast.If, flags: Flags) -> list[ast.stmt]:
    """Return the statements of an ``if`` that may run."""
    if _never(node.test, flags):
        return node.orelse
    if _decided(node, flags):
        return node.body
    return [*node.body, *node.orelse]


def is_script(node: ast.stmt, flags: Flags) -> bool:
    """Return whether a statement is what a module does when it is run as a script."""
    return isinstance(node, ast.If) and _never(node.test, Flags(frozenset(), flags.overload))


def _decided(node: ast.If, flags: Flags) -> bool:
    test = node.test
    negated = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
    return _never(test.operand if negated else test, flags)  # type: ignore[attr-defined]


def _never(test: ast.expr, flags: Flags) -> bool:
    """Return whether a condition is false in a module that is imported."""
    match test:
        case ast.Compare(ast.Name("__name__"), [ast.Eq()], [ast.Constant("__main__")]):
            return True
        case _:
            return dotted(test) in flags.checking


def _idle(node: ast.stmt, flags: Flags) -> bool:
    match node:
        case ast.Pass() | ast.Global() | ast.ImportFrom(module="__future__"):
            return True
        case ast.Expr(ast.Constant()):
            return True
        case ast.FunctionDef(decorator_list=decorators):
            return any(dotted(decorator) in flags.overload for decorator in decorators)
        case _:
            return False
