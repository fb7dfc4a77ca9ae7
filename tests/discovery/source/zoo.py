"""A copy of the zoo's sources that tests may change, and what its components reach.

What is reached is told here in a way of its own, by names alone, so that the tests do not lean on
what they test. It finds less than all: names that a definition also binds itself are left out.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import os
import sys
from functools import lru_cache
from pathlib import Path

from benchbed.discovery.source import module_file, source_digest
from benchbed_zoo import manifest

ZOO = "benchbed_zoo"
COPY = "copy_of_benchbed_zoo"
KINDS = ("architectures", "backbones", "tasks", "datasets", "transforms", "weightings")


def targets() -> list[str]:
    """Return the targets of all components, as they are called in the copy."""
    specs = [spec for kind in KINDS for spec in getattr(manifest, f"benchbed_{kind}")()]
    return [spec.target.replace(ZOO, COPY) for spec in specs]


class Zoo:
    """The copy: texts by module name, written to files when they change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.times: dict[tuple[str, str], int] = {}  # one for each text, as if it came back
        origin = module_file(ZOO).parent
        self.original = {}
        for path in sorted(origin.rglob("*.py")):
            parts = (COPY, *path.relative_to(origin).with_suffix("").parts)
            self.original[".".join(parts)] = path.read_text("utf-8").replace(ZOO, COPY)
        self.texts = {}
        self.change(self.original)

    def change(self, texts: dict[str, str]) -> None:
        """Make the files those of ``texts``."""
        for module in self.texts.keys() - texts.keys():
            self.path(module).unlink()
        for module, text in texts.items():
            if self.texts.get(module) != text:
                path = self.path(module)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
                time = self.times.setdefault((module, text), 10**18 + len(self.times))
                os.utime(path, ns=(time, time))
        if self.texts.keys() != texts.keys():
            importlib.invalidate_caches()
        self.texts = dict(texts)

    def path(self, module: str) -> Path:
        return self.folder / f"{module.replace('.', '/')}.py"

    def digest(self, target: str) -> str:
        assert str(self.folder) in sys.path
        return source_digest(target)


def file_of(module: str, texts: dict[str, str]) -> str:
    """Return the key of a module's text; that of a package is its ``__init__``."""
    return module if module in texts else f"{module}.__init__"


def reached(target: str, texts: dict[str, str]) -> list[tuple[str, str]]:
    """Return definitions that a target surely reaches, as module and name."""
    module, _, name = target.partition(":")
    found: list[tuple[str, str]] = []
    waiting = [(file_of(module, texts), name)]
    while waiting:
        place = waiting.pop()
        if place in found:
            continue
        tree = parsed(texts[place[0]])
        imported = _imported(tree, texts)
        node = definition(tree, place[1])
        if node is None:
            waiting += [imported[place[1]]] if place[1] in imported else []
            continue
        found.append(place)
        for used in sorted(names_used(node)):
            if used in imported:
                waiting.append(imported[used])
            elif definition(tree, used) is not None:
                waiting.append((place[0], used))
    return found


@lru_cache(maxsize=1024)
def parsed(text: str) -> ast.Module:
    """Return a syntax tree to be read only."""
    return ast.parse(text)


def definition(tree: ast.Module, name: str) -> ast.stmt | None:
    """Return the one statement at the top of a module that defines a name."""
    found = [node for node in tree.body if name in bound_by(node)]
    return found[0] if len(found) == 1 else None


def bound_by(node: ast.stmt) -> list[str]:
    """Return the names that a plain definition binds."""
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=[ast.Name(name)]):
            return [name]
        case ast.AnnAssign(target=ast.Name(name), value=ast.expr()):
            return [name]
        case _:
            return []


def names_used(node: ast.AST) -> set[str]:
    """Return the names that a definition reads and does not bind, annotations left out."""
    read: set[str] = set()
    bound: set[str] = set()
    waiting: list[ast.AST] = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, ast.Name):
            (read if isinstance(part.ctx, ast.Load) else bound).add(part.id)
        elif isinstance(part, ast.arg):
            bound.add(part.arg)
            continue
        elif isinstance(part, ast.FunctionDef | ast.ClassDef) and part is not node:
            bound.add(part.name)
        elif isinstance(part, ast.alias):
            bound.add(part.asname or part.name)
        elif isinstance(part, ast.ExceptHandler | ast.MatchAs) and part.name:
            bound.add(part.name)
        inside = list(ast.iter_child_nodes(part))
        annotation = getattr(part, "annotation", None) or getattr(part, "returns", None)
        waiting += [child for child in inside if child is not annotation]
    return read - bound - set(dir(builtins))


def _imported(tree: ast.Module, texts: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Return what names imported from the zoo are called where they are defined."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == COPY:
            module = file_of(node.module, texts)
            for alias in node.names:
                if module in texts and f"{node.module}.{alias.name}" not in texts:
                    found[alias.asname or alias.name] = (module, alias.name)
    return found
