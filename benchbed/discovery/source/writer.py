"""Writing syntax as canonical text: the general way, and whose names are whose."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple

from benchbed.discovery.source import known
from benchbed.discovery.source.constants import constant_text
from benchbed.discovery.source.modules import Module
from benchbed.discovery.source.nodes import COUNTED, DROPPED, UnreadableError
from benchbed.discovery.source.pruning import kept
from benchbed.discovery.source.references import Extra, Import, Piece, Reference, dotted
from benchbed.discovery.source.scopes import Bindings, bindings

DEPTH: Final = 120
"""Nesting that is followed: beyond what is written by hand, below where Python's stack ends."""

_BLOCKS: Final = frozenset({"body", "finalbody", "orelse"})


@dataclass
class Scope:
    """One scope around the code that is being written.

    ``kind`` is ``function`` (a comprehension and a lambda too), ``class`` or ``type``, that of
    type parameters. ``done`` are names of a class that are bound by then in any case.
    """

    kind: str
    bound: Bindings
    done: set[str] = field(default_factory=set)


class Writer:
    """Writes nodes into ``out``.

    Args:
        module: where the code stands.
        special: how nodes are written for which the general way will not do, by their kind.

    Attributes:
        out: text, and what must be looked up.
        imports: what the code imports when all of it has run.
        looks: what the code looks at, by ``known.LOOKING``.
        scopes: those around, the innermost last.
        classes: names of the classes around.
        deferred: how many functions around run later than the import of the module.
        trying: how many ``try`` statements are around.
        typed: annotations of functions count here.
        quoted: how texts are written inside an annotation: ``names`` for the names in them,
            ``both`` for the text too.
    """

    def __init__(self, module: Module, special: Specials) -> None:
        self.module = module
        self.out: list[Piece] = []
        self.imports: list[Import] = []
        self.looks: set[str] = set()
        self.scopes: list[Scope] = []
        self.classes: list[str] = []
        self.deferred = 0
        self.trying = 0
        self.typed = False
        self.quoted = ""
        self._special = special
        self._depth = 0

    def pieces(self) -> tuple[Piece, ...]:
        """Return what was written."""
        return _joined(self.out)

    # Nodes

    def write(self, node: ast.AST) -> None:
        """Write a node.

        Raises:
            UnreadableError: the node is of an unknown kind, or nested too deeply.
        """
        self._depth += 1
        if self._depth > DEPTH:
            raise UnreadableError(f"nested more than {DEPTH} deep")
        kind: Any = type(node)
        layout = _layout(kind)
        for name in layout.unknown:
            if getattr(node, name, None):
                raise UnreadableError(f"{layout.kind}.{name} is unknown")
        special = self._special.get(layout.kind)
        if special is not None:
            special(self, node)
        else:
            self.plain(node)
        self._depth -= 1

    def plain(self, node: ast.AST) -> None:
        """Write a node in the general way: its kind, and all fields that hold anything."""
        kind: Any = type(node)
        layout = _layout(kind)
        self.out.append(layout.opening)
        if layout.fields:
            self.fields(node, layout.fields)
            self.out.append(")")

    def fields(self, node: ast.AST, names: Sequence[str]) -> None:
        """Write fields of a node, those that are empty left out."""
        out = self.out
        for name in names:
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                out.append(f"{name}=")
                self.write(value)
                out.append(",")
            elif not isinstance(value, list):
                out.append("" if value is None else f"{name}={value},")
            elif name in _BLOCKS:
                self.block(name, value)
            elif value:
                self._list(name, value)

    def _list(self, name: str, values: list[Any]) -> None:
        self.out.append(f"{name}=[")
        for value in values:
            if isinstance(value, ast.AST):
                self.write(value)
            else:
                self.out.append("-" if value is None else value)
            self.out.append(",")
        self.out.append("],")

    def block(self, name: str, body: list[ast.stmt]) -> None:
        """Write statements; nothing at all if none of them does anything."""
        start = len(self.out)
        self.out.append(f"{name}=[")
        for node in kept(body, self.module.flags):
            before = len(self.out)
            self.write(node)
            if len(self.out) > before:
                self.out.append(";")
            if self.scopes and self.scopes[-1].kind == "class":
                self._settle(node, self.scopes[-1])
        if len(self.out) == start + 1:
            self.out.pop()
        else:
            self.out.append("],")

    def _settle(self, node: ast.stmt, scope: Scope) -> None:
        """Note which names of a class are bound once a statement has run."""
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                scope.done.add(node.name)
            case ast.Assign() | ast.AnnAssign(value=ast.expr()) | ast.Import() | ast.ImportFrom():
                scope.done |= self.found([node]).names
            case ast.AnnAssign():
                pass
            case _:
                scope.done -= self.found([node]).names

    # Names

    def name(self, name: str, path: tuple[str, ...] = (), load: bool = True) -> None:
        """Write a name and the attributes taken of it."""
        scope = self.owner(name)
        if scope is None:
            self._free(name, path)
            return
        imported = self.alias(name, scope)
        if imported is not None:
            self.refer(imported.module, imported.name, path)
            return
        self.out.append(name)
        if scope.kind == "class" and load and name not in scope.done:
            self.out.append(" or ")
            self._free(name, ())
        self.out += [f".{attribute}" for attribute in path]

    def bind(self, name: str) -> None:
        """Write a name that is bound here by other means than an expression."""
        if self.owner(name) is None:
            self._free(name, ())
        else:
            self.out.append(name)

    def refer(self, module: str, name: str, path: tuple[str, ...] = (), bare: bool = False) -> None:
        """Write a reference to a name of a module."""
        self.out.append(Reference(module, name, path, bare, eager=not self.deferred))

    def _free(self, name: str, path: tuple[str, ...]) -> None:
        """Write a name that is the module's own or a builtin."""
        self.refer(self.module.name, self.mangled(name), path, bare=True)
        if name == "__doc__" and name not in self.module.bound.names:
            self.out.append(constant_text(self.module.docstring))
        if name in self.module.bound.names:
            return
        if name in known.PLACE:
            self.out.append(constant_text(self.module.name.partition(".")[2]))
        if name in known.PLACE or name in known.OWN_NAMESPACE:
            self.refer(self.module.name, "")

    def owner(self, name: str) -> Scope | None:
        """Return the scope to which a name belongs here; none if it is the module's."""
        inside = True  # directly in the class whose scope is next
        for scope in reversed(self.scopes):
            if scope.kind == "class" and not inside:
                continue
            if name in scope.bound.outer:
                return None
            if name in scope.bound.names:
                return scope
            inside = inside and scope.kind == "type"
        return None

    def alias(self, name: str, scope: Scope | None) -> Import | None:
        """Return what a name of a function stands for, if it is bound by an import alone."""
        if scope is None or scope.kind != "function" or name in self.module.shared:
            return None
        return scope.bound.alias(name)

    def mangled(self, name: str) -> str:
        """Return a name as Python reads it inside a class."""
        if not self.classes or not name.startswith("__") or name.endswith("__"):
            return name
        return f"_{self.classes[-1].lstrip('_')}{name}"

    def path_of(self, node: ast.expr) -> str | None:
        """Return the full path of a name of another package or of the builtins."""
        parts = dotted(node)
        if not parts:
            return None
        scope = self.owner(parts[0])
        if scope is None:
            return self.module.external(parts)
        imported = self.alias(parts[0], scope)
        if imported is None or imported.module.partition(".")[0] == self.module.top:
            return None
        return ".".join(filter(None, [imported.module, imported.name, *parts[1:]]))

    # What is around

    @contextmanager
    def scope(self, kind: str, bound: Bindings) -> Iterator[None]:
        """Enter a scope."""
        self.scopes.append(Scope(kind, bound))
        yield
        self.scopes.pop()

    @contextmanager
    def later(self) -> Iterator[None]:
        """Enter code that runs when it is called."""
        self.deferred += 1
        yield
        self.deferred -= 1

    @contextmanager
    def quoting(self, how: str) -> Iterator[None]:
        """Enter a part of an annotation in which texts are written in a certain way."""
        before, self.quoted = self.quoted, how
        yield
        self.quoted = before

    @contextmanager
    def extra(self) -> Iterator[None]:
        """Enter what counts only where docstrings and annotations are looked at."""
        before, self.out = self.out, []
        yield
        before.append(Extra(_joined(self.out)))
        self.out = before

    def found(self, body: Sequence[ast.AST]) -> Bindings:
        """Return what code binds."""
        return bindings(body, self.module.package, self.module.flags)


def _joined(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """Return pieces, texts that follow each other as one."""
    joined: list[Piece] = []
    texts: list[str] = []
    for piece in pieces:
        if isinstance(piece, str):
            texts.append(piece)
        else:
            joined += ["".join(texts), piece]
            texts.clear()
    return (*joined, "".join(texts))


Specials = Mapping[str, Callable[[Writer, Any], None]]


class _Layout(NamedTuple):
    """How a kind of node is written: its fields, and those that the table lacks."""

    kind: str
    opening: str
    fields: tuple[str, ...]
    unknown: tuple[str, ...]


@lru_cache(maxsize=512)
def _layout(kind: Any) -> _Layout:
    """Return how a kind of node is written.

    Raises:
        UnreadableError: the table lacks the kind.
    """
    name: str = kind.__name__
    if name not in COUNTED:
        raise UnreadableError(f"{name} is unknown")
    fields = COUNTED[name]
    unknown = [item for item in kind._fields if item not in fields and item not in DROPPED]
    return _Layout(name, f"{name}(" if fields else name, fields, tuple(unknown))
