"""One module as read from its file: its statements, the names that they bind, what they import."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchbed.discovery.source.parsing import parsed
from benchbed.discovery.source.pruning import Flags, branches, flags_of, is_script, kept
from benchbed.discovery.source.references import Import, imports_of
from benchbed.discovery.source.scopes import Bindings, bindings

SCRIPT = "__main__"
"""Name under which a module's ``if __name__ == "__main__":`` goes."""

NOTHING = Flags(frozenset(), frozenset())


@dataclass(eq=False)
class Module:
    r"""What is known of one file alone.

    Attributes:
        name: dotted, absolute.
        package: where its relative imports start.
        digest: of the bytes, with line ends as ``\n``.
        readable: whether the syntax is understood. If not, the whole file counts as it stands.
        docstring: of the module.
        flags: how ``TYPE_CHECKING`` is spelt.
        statements: all that do something, in order.
        bound: the names of the module.
        binders: for each name the indices of the statements that bind it, in order.
        binds: for each statement the names that it binds; ``__all__`` where it is changed, and
            ``__main__`` for what is done as a script.
        stars: the modules of which all is imported.
        shared: names that some function declares ``global`` or ``nonlocal``.
        imports: what is imported while the module itself is.
        forms: the canonical forms made so far, by statement.
    """

    name: str
    package: str
    digest: str
    readable: bool = False
    docstring: str | None = None
    flags: Flags = NOTHING
    statements: list[ast.stmt] = field(default_factory=list)
    bound: Bindings = field(default_factory=Bindings)
    binders: dict[str, list[int]] = field(default_factory=dict)
    binds: list[list[str]] = field(default_factory=list)
    stars: list[str] = field(default_factory=list)
    shared: frozenset[str] = frozenset()
    imports: tuple[Import, ...] = ()
    forms: dict[Any, Any] = field(default_factory=dict)
    doubts: dict[int, Any] = field(default_factory=dict)

    @property
    def top(self) -> str:
        """Name of the package that counts as the component's own."""
        return self.name.partition(".")[0]

    @property
    def is_package(self) -> bool:
        """Whether it is an ``__init__.py``."""
        return self.name == self.package

    def names(self) -> list[str]:
        """Return all names that the module binds, sorted."""
        return sorted(self.bound.names - {"*"})

    def exports(self) -> frozenset[str] | None:
        """Return the names in ``__all__``; none if there is none, or if it is computed."""
        indices = self.binders.get("__all__", [])
        if len(indices) != 1:
            return None
        match self.statements[indices[0]]:
            case (
                ast.Assign(value=ast.List(elts) | ast.Tuple(elts))
                | ast.AnnAssign(value=ast.List(elts) | ast.Tuple(elts))
            ):
                texts = [item.value for item in elts if isinstance(item, ast.Constant)]
                return frozenset(map(str, texts)) if len(texts) == len(elts) else None
            case _:
                return None

    def external(self, parts: tuple[str, ...]) -> str | None:
        """Return the full path of a dotted name of another package or of the builtins, if it is."""
        if not parts:
            return None
        root, *rest = parts
        alias = self.bound.alias(root)
        if alias is not None and alias.module.partition(".")[0] != self.top:
            return ".".join(filter(None, [alias.module, alias.name, *rest]))
        if root in self.bound.names or "*" in self.bound.names:
            return None
        return ".".join(["builtins", *parts])


@lru_cache(maxsize=4096)
def read_module(name: str, path: Path, mtime_ns: int, size: int) -> Module:
    """Return a module read from its file.

    ``mtime_ns`` and ``size`` are part of the cache key: a file edited in between is read again.
    """
    content = path.read_bytes().replace(b"\r\n", b"\n")
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    digest = hashlib.sha256(content).hexdigest()
    tree = parsed(content)
    if tree is None:
        return Module(name, package, digest)
    module = Module(name, package, digest, readable=True)
    _analyse(module, tree)
    declared = [] if b"global" not in content and b"nonlocal" not in content else _declared(tree)
    module.shared = frozenset(item for node in declared for item in node.names)
    for node in declared:
        for item in node.names if isinstance(node, ast.Global) else ():
            module.bound.bind(item)
    return module


def _analyse(module: Module, tree: ast.Module) -> None:
    module.docstring = ast.get_docstring(tree, clean=False)
    module.flags = flags_of(tree)
    scripts = [node for node in tree.body if is_script(node, module.flags)]
    running = [node for node in kept(tree.body, module.flags) if not _only_annotates(node)]
    module.statements = [*running, *scripts]
    module.imports = tuple(imports_within(module.statements, module.package, module.flags))
    for index, statement in enumerate(module.statements):
        found = bindings([statement], module.package, module.flags)
        module.bound.add(found)
        names = found.names | found.outer
        if statement in scripts:
            names = {SCRIPT}
        elif _changes_all(statement):
            names = {"__all__"}
        module.binds.append(sorted(names))
        for name in module.binds[index]:
            module.binders.setdefault(name, []).append(index)
    module.bound.names |= module.bound.outer | ({SCRIPT} if scripts else set())
    module.stars = [item.module for item in module.bound.imports.get("*", [])]


def _declared(tree: ast.Module) -> list[ast.Global | ast.Nonlocal]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Global | ast.Nonlocal)]


def _only_annotates(node: ast.stmt) -> bool:
    return isinstance(node, ast.AnnAssign) and node.value is None


def _changes_all(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(ast.Call(ast.Attribute(ast.Name("__all__")))):
            return True
        case _:
            return False


def imports_within(body: Iterable[ast.stmt], package: str, flags: Flags) -> Iterator[Import]:
    """Yield what statements import when they run, those in functions left out."""
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from imports_of(node, package)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += blocks(node, flags)


def blocks(node: ast.AST, flags: Flags) -> list[ast.stmt]:
    """Return the statements that stand directly inside another."""
    if isinstance(node, ast.If):
        return branches(node, flags)
    inside: list[ast.stmt] = []
    for name in ("body", "handlers", "cases", "orelse", "finalbody"):
        for part in getattr(node, name, []):
            inside += [part] if isinstance(part, ast.stmt) else blocks(part, flags)
    return inside
