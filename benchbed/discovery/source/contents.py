"""What stands in the canonical form for each definition: text, and which definitions it names."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from benchbed.discovery.source import known
from benchbed.discovery.source.constants import constant_text
from benchbed.discovery.source.finding import is_module
from benchbed.discovery.source.form import Form, form
from benchbed.discovery.source.modules import Module
from benchbed.discovery.source.nodes import UnreadableError
from benchbed.discovery.source.program import BED, External, Node, Program, Unit, Whole
from benchbed.discovery.source.references import (
    Below,
    Extra,
    Import,
    Named,
    Piece,
    Reference,
    imports_of,
)


class Content(NamedTuple):
    """The text of a definition or statement, with gaps for definitions of the own package.

    Attributes:
        pieces: text, and nodes.
        imports: what is imported when its code runs.
        looks: what it looks at, by ``known.LOOKS``.
    """

    pieces: tuple[str | Node, ...]
    imports: tuple[Import, ...] = ()
    looks: frozenset[str] = frozenset()


class Spelling(NamedTuple):
    """How one reference is written, and what is looked at through it."""

    pieces: list[str | Node]
    looks: frozenset[str] = frozenset()


class NotUnderstoodError(Exception):
    """A module has syntax that is unknown. ``module`` is its name."""

    def __init__(self, module: str) -> None:
        super().__init__(module)
        self.module = module


class Contents:
    """The contents of a program's definitions and statements, each made once.

    Attributes:
        full: docstrings and annotations of functions count.
    """

    def __init__(self, program: Program, full: bool) -> None:
        self.program = program
        self.full = full
        self._nodes: dict[Node, Content] = {}
        self._spellings: dict[Reference | Below | Named, Spelling] = {}

    def node(self, node: Node) -> Content:
        """Return the content of a definition."""
        if node not in self._nodes:
            made = self._unit(node) if isinstance(node, Unit) else self._whole(node)
            self._nodes[node] = made
        return self._nodes[node]

    def statement(self, module: Module, index: int) -> Content:
        """Return the content of a statement of a module."""
        return self._joined([self._form(module, index)])

    def _unit(self, unit: Unit) -> Content:
        module = self.program.readable(unit.module)
        indices = module.binders.get(unit.name, []) if module else []
        return self._joined([self._form(module, index) for index in indices if module])

    def _whole(self, whole: Whole) -> Content:
        """Return all names of a module, and the modules below it."""
        found = self.program.module(whole.module)
        module = self.program.readable(whole.module)
        pieces: list[Piece] = ["Module("]
        if module is not None and self.full:
            pieces.append(constant_text(module.docstring))
        if module is not None:
            for name in module.names():
                pieces += [f"{name}=", Reference(module.name, name), ";"]
            for star in module.stars:
                pieces += ["*", Reference(star, ""), ";"]
        elif found is not None:
            pieces += [f"bytes={found.digest}", *_imported(found)]
        if found is None or found.is_package:
            pieces.append(Below(f"{whole.module}."))
        return self._joined([Form((*pieces, ")"), (), frozenset())])

    def _form(self, module: Module, index: int) -> Form:
        try:
            return form(module, index)
        except UnreadableError as error:
            raise NotUnderstoodError(module.name) from error

    def _joined(self, forms: list[Form]) -> Content:
        spelt: list[str | Node] = []
        looks: set[str] = set()
        for item in forms:
            looks |= item.looks
            for piece in self._counted(item.pieces):
                if isinstance(piece, str):
                    spelt.append(piece)
                else:
                    spelling = self._spelt(piece)
                    spelt += spelling.pieces
                    looks |= spelling.looks
            spelt.append(";")
        imports = tuple(found for item in forms for found in item.imports)
        return Content(tuple(spelt), imports, frozenset(looks))

    def _counted(self, pieces: Iterable[Piece]) -> Iterator[str | Reference | Below | Named]:
        for piece in pieces:
            if not isinstance(piece, Extra):
                yield piece
            elif self.full:
                yield from self._counted(piece.pieces)

    def _spelt(self, piece: Reference | Below | Named) -> Spelling:
        if piece not in self._spellings:
            match piece:
                case Reference():
                    self._spellings[piece] = self.reference(piece)
                case Below(start):
                    self._spellings[piece] = Spelling(self._below(start))
                case Named(text):
                    self._spellings[piece] = Spelling(self._text(text))
        return self._spellings[piece]

    def reference(self, reference: Reference) -> Spelling:
        """Return how a reference is written."""
        targets, path = self.program.meaning(reference)
        pieces: list[str | Node] = []
        looks: set[str] = set()
        everywhere = False
        for target in targets:
            pieces += [" or "] if pieces else []
            if isinstance(target, External):
                pieces.append(self._external(target))
                prefixes = known.prefixes(target.path)
                everywhere = everywhere or not known.EVERYWHERE.isdisjoint(prefixes)
                looks |= {known.LOOKS[prefix] for prefix in prefixes if prefix in known.LOOKS}
            else:
                pieces.append(target)
        pieces += [f".{attribute}" for attribute in path]
        if everywhere:
            pieces += self._below(self.program.top)
        return Spelling(pieces, frozenset(looks))

    def _external(self, target: External) -> str:
        """Return the path of a name elsewhere; of benchbed, whose folders move, the name alone."""
        if target.parts[0] != BED or self.program.top == BED:
            return f"<{target.path}>"
        count = 1
        while count < len(target.parts) and _is_bed_module(target, count + 1):
            count += 1
        name, *attributes = target.parts[count:] or target.parts[-1:]
        return "".join([f"<{BED}:{name}>", *(f".{attribute}" for attribute in attributes)])

    def _below(self, start: str) -> list[str | Node]:
        spelt: list[str | Node] = ["{"]
        for name in self.program.everything():
            if name.startswith(start):
                spelt += [f"{name[len(start) :]}=", Whole(name), ";"]
        return [*spelt, "}"]

    def _text(self, text: str) -> list[str | Node]:
        """Return what a text names in the own package, if anything."""
        module, colon, name = text.partition(":")
        parts = module.split(".")
        count = len(parts)
        while count > 1 and not is_module(".".join(parts[:count])):
            count -= 1
        named = ".".join(parts[:count])
        if (colon and count < len(parts)) or not is_module(named):
            return []
        rest = tuple(filter(None, [*parts[count:], name]))
        found = self.program.readable(named)
        if count == 1 and rest and (found is None or rest[0] not in found.bound.names):
            return []
        first, path = (rest[0], rest[1:]) if rest else ("", ())
        return ["{", *self.reference(Reference(named, first, path)).pieces, "}"]


def _is_bed_module(target: External, count: int) -> bool:
    name = ".".join(target.parts[:count])
    return any(f"{module}.".startswith(f"{name}.") for module in target.modules) or is_module(name)


def _imported(module: Module) -> list[Piece]:
    """Return all that a module imports of its own package, wherever it does."""
    pieces: list[Piece] = []
    for statement in module.statements:
        for node in ast.walk(statement):
            if isinstance(node, ast.Import | ast.ImportFrom):
                for item in imports_of(node, module.package):
                    name = item.name if item.local != "*" else ""
                    pieces += [Reference(item.run, name, eager=True), ";"]
    return pieces
