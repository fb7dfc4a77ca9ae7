"""What a piece of code refers to, before it is known what that is.

The form of a statement is a sequence of pieces: text, and in between what must be looked up in
other places of the program.
"""

from __future__ import annotations

import ast
from typing import NamedTuple


class Reference(NamedTuple):
    """A name of a module, and the attributes taken of it.

    Attributes:
        module: where the name is looked up.
        name: the name; empty for the module itself.
        path: attributes that follow, as ``("nn", "functional")`` in ``torch.nn.functional``.
        bare: the name stands alone in its own module, where builtins may be meant.
        eager: evaluated while the module is imported, not when a function is called.
    """

    module: str
    name: str
    path: tuple[str, ...] = ()
    bare: bool = False
    eager: bool = False


class Below(NamedTuple):
    """All modules whose names begin with a text: what a computed import may load."""

    start: str


class Named(NamedTuple):
    """A text that may name a module or a member of one, as ``"package.module:Class"``."""

    text: str


class Extra(NamedTuple):
    """What counts only where docstrings and annotations are looked at."""

    pieces: tuple[Piece, ...]


Piece = str | Reference | Below | Named | Extra


class Import(NamedTuple):
    """One name that an import statement binds.

    Attributes:
        local: the name bound; ``*`` for all that the module offers.
        module: what is imported from, absolute.
        name: the member of the module; empty where the module itself is bound.
        run: the module that is imported; ``import a.b`` binds ``a`` and runs ``a.b``.
    """

    local: str
    module: str
    name: str
    run: str


def imports_of(node: ast.Import | ast.ImportFrom, package: str) -> list[Import]:
    """Return what an import statement binds, in a module that lies in ``package``."""
    if isinstance(node, ast.Import):
        return [_plain(alias) for alias in node.names]
    module = node.module or ""
    if node.level:
        parts = package.split(".")
        above = parts[: len(parts) - node.level + 1]
        module = ".".join([*above, *filter(None, [module])])
    return [Import(alias.asname or alias.name, module, alias.name, module) for alias in node.names]


def _plain(alias: ast.alias) -> Import:
    if alias.asname is not None:
        return Import(alias.asname, alias.name, "", alias.name)
    top = alias.name.partition(".")[0]
    return Import(top, top, "", alias.name)


def dotted(node: ast.expr) -> tuple[str, ...]:
    """Return ``("a", "b", "c")`` for ``a.b.c``, and nothing for any other expression."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ()
    return (node.id, *reversed(parts))
