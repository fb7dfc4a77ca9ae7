"""All that a definition reaches: other definitions, and the modules that are imported for them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from benchbed.discovery.source import known
from benchbed.discovery.source.contents import Contents
from benchbed.discovery.source.effects import chooses_imports
from benchbed.discovery.source.judging import Judge
from benchbed.discovery.source.modules import Module
from benchbed.discovery.source.program import Node, Program, Unit, Whole
from benchbed.discovery.source.references import Import, imports_of


class Reach:
    """What is reached from a definition.

    Attributes:
        nodes: definitions, and modules as values.
        modules: the modules that are imported, those with source.
        looks: what is looked at, by ``known.LOOKS``.
        others: modules of other packages that are imported for what this changes.
    """

    def __init__(self, program: Program, contents: Contents, judge: Judge) -> None:
        self.program = program
        self.contents = contents
        self.judge = judge
        self.nodes: set[Node] = set()
        self.modules: set[str] = set()
        self.looks: set[str] = set()
        self.others: set[str] = set()
        self._waiting: list[Node] = []
        self._unrun: list[str] = []

    @property
    def introspects(self) -> bool:
        """Whether docstrings or annotations of functions are looked at."""
        return "all" in self.looks or {"annotation", "signature"} <= self.looks

    def follow(self, module: str, pieces: Sequence[str | Node]) -> None:
        """Follow everything from a module that is imported, and from what is taken of it."""
        self._run(module)
        self._add(pieces)
        while self._waiting or self._unrun:
            if self._waiting:
                self._follow_node(self._waiting.pop())
            else:
                self._follow_module(self._unrun.pop())

    def effects_of(self, name: str) -> list[str | Node]:
        """Return the statements of a module that have an effect, in order.

        Among them stand marks of the definitions whose values may depend on the effects before.
        """
        module = self.program.readable(name)
        if module is None:
            return [Whole(name)]
        effects = self._effects(module)
        pieces: list[str | Node] = []
        for index in range(len(module.statements)) if effects else ():
            if index in effects:
                pieces += self.contents.statement(module, index).pieces
            else:
                pieces += self._mark(module, index)
        return pieces

    def _effects(self, module: Module) -> list[int]:
        """Return the indices of effects; an import after one is one too, if it may notice."""
        found: list[int] = []
        begun = False
        for index, node in enumerate(module.statements):
            if self.judge.has_effect(module, index):
                found.append(index)
                begun = begun or not chooses_imports(node, module.flags)
            elif begun and isinstance(node, ast.Import | ast.ImportFrom):
                items = imports_of(node, module.package)
                found += [] if all(map(self.judge.is_quiet_import, items)) else [index]
        return found

    def _mark(self, module: Module, index: int) -> list[str | Node]:
        names = module.binds[index]
        units = [unit for name in names if (unit := Unit(module.name, name)) in self.nodes]
        if not units or not self.judge.is_sensitive(module, index):
            return []
        return ["here ", *units, ";"]

    def _add(self, pieces: Iterable[str | Node]) -> None:
        for piece in pieces:
            if not isinstance(piece, str) and piece not in self.nodes:
                self.nodes.add(piece)
                self._waiting.append(piece)

    def _run(self, name: str) -> None:
        """Note that a module is imported, and the packages above it before."""
        for prefix in known.prefixes(name):
            if prefix not in self.modules and self.program.module(prefix) is not None:
                self.modules.add(prefix)
                self._unrun.append(prefix)

    def _follow_node(self, node: Node) -> None:
        self._run(node.module)
        content = self.contents.node(node)
        self.looks |= content.looks
        self._add(content.pieces)
        self._import(content.imports, self.program.readable(node.module))

    def _follow_module(self, name: str) -> None:
        module = self.program.readable(name)
        if module is None:
            self._add([Whole(name)])
            return
        self._import(module.imports, module)
        for index in self._effects(module):
            content = self.contents.statement(module, index)
            self.looks |= content.looks
            self._add(content.pieces)
            self._import(content.imports, module)

    def _import(self, imports: Iterable[Import], module: Module | None) -> None:
        for item in imports:
            if not self.program.is_own(item.module):
                if module is not None and _is_for_its_effect(item, module):
                    self.others.add(item.run)
                continue
            self._run(item.run)
            found = self.program.module(item.module)
            if item.name not in {"", "*"} and (found is None or found.is_package):
                self._run(f"{item.module}.{item.name}")


def _is_for_its_effect(item: Import, module: Module) -> bool:
    """Return whether an import binds a name that its module never uses."""
    if item.name or known.is_known(item.run):
        return False
    nodes = (node for statement in module.statements for node in ast.walk(statement))
    return not any(isinstance(node, ast.Name) and node.id == item.local for node in nodes)
