"""Which names a piece of code binds, by Python's rules of scope."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from benchbed.discovery.source.pruning import Flags, branches
from benchbed.discovery.source.references import Import, imports_of

Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Bindings:
    """The names that one scope binds.

    Attributes:
        names: all names bound here, but those declared global or nonlocal.
        imports: of those that an import binds, what it imports.
        otherwise: the names bound by anything but an import.
        outer: names declared ``global``.
        enclosing: names declared ``nonlocal``.
    """

    names: set[str] = field(default_factory=set)
    imports: dict[str, list[Import]] = field(default_factory=dict)
    otherwise: set[str] = field(default_factory=set)
    outer: set[str] = field(default_factory=set)
    enclosing: set[str] = field(default_factory=set)

    def bind(self, name: str | None) -> None:
        """Note a name that is bound by something else than an import."""
        if name is not None:
            self.names.add(name)
            self.otherwise.add(name)

    def add(self, other: Bindings) -> None:
        """Add what other code of the same scope binds."""
        self.names |= other.names
        self.otherwise |= other.otherwise
        self.outer |= other.outer
        for name, imports in other.imports.items():
            self.imports.setdefault(name, []).extend(imports)

    def alias(self, name: str) -> Import | None:
        """Return what a name always stands for: it is bound by imports of one thing alone."""
        found = self.imports.get(name)
        if not found or name in self.otherwise:
            return None
        first = found[0]
        same = all(item.module == first.module and item.name == first.name for item in found)
        return first if same else None


def bindings(body: Iterable[ast.AST], package: str, flags: Flags) -> Bindings:
    """Return what statements or expressions bind in the scope in which they stand.

    Args:
        body: the statements of a scope, or some of them; of a function without its arguments.
        package: the package in which the module lies, for relative imports.
        flags: how the module spells ``TYPE_CHECKING``.
    """
    found = Bindings()
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name):
            if _stored(node):
                found.names.add(node.id)
                found.otherwise.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            _note_imports(node, package, found)
        elif isinstance(node, ast.If):
            waiting += (node.test, *branches(node, flags))
        else:
            visit = _VISITS.get(type(node), _children)
            waiting += visit(node, found)
    found.names -= found.outer | found.enclosing
    return found


def arguments(node: ast.arguments) -> list[ast.arg]:
    """Return all arguments of a function."""
    several = [*node.posonlyargs, *node.args, *node.kwonlyargs]
    return [*several, *filter(None, [node.vararg, node.kwarg])]


def targets(node: Comprehension) -> set[str]:
    """Return the names that a comprehension binds for itself."""
    nodes = [found for part in node.generators for found in ast.walk(part.target)]
    return {found.id for found in nodes if isinstance(found, ast.Name) and _stored(found)}


def children(node: ast.AST) -> list[ast.AST]:
    """Return the nodes directly below another, without those that only mark how a name is used."""
    below: list[ast.AST] = []
    kind: Any = type(node)
    for name in _inner_fields(kind):
        value = getattr(node, name, None)
        if isinstance(value, list):
            below += [item for item in value if isinstance(item, ast.AST)]
        elif isinstance(value, ast.AST):
            below.append(value)
    return below


@lru_cache(maxsize=512)
def _inner_fields(kind: Any) -> tuple[str, ...]:
    return tuple(name for name in kind._fields if name not in {"ctx", "op", "ops", "type_comment"})


def _note_imports(node: ast.Import | ast.ImportFrom, package: str, found: Bindings) -> None:
    for item in imports_of(node, package):
        found.names.add(item.local)
        found.imports.setdefault(item.local, []).append(item)


def _children(node: ast.AST, found: Bindings) -> Iterable[ast.AST]:
    return children(node)


def _annotated(node: Any, found: Bindings) -> Iterable[ast.AST]:
    """Visit an annotation; ``(name): int`` binds nothing, ``name: int`` does."""
    target, *others = children(node)
    return [target, *others] if node.simple or node.value is not None else others


def _function(node: Any, found: Bindings) -> Iterable[ast.AST]:
    found.bind(node.name)
    return [*node.decorator_list, *defaults(node.args)]


def _class(node: Any, found: Bindings) -> Iterable[ast.AST]:
    found.bind(node.name)
    return [*node.decorator_list, *node.bases, *node.keywords]


def _lambda(node: Any, found: Bindings) -> Iterable[ast.AST]:
    return defaults(node.args)


def _comprehension(node: Any, found: Bindings) -> Iterable[ast.AST]:
    return [node.generators[0].iter, *_walrus(node)]


def _named(node: Any, found: Bindings) -> Iterable[ast.AST]:
    found.bind(node.name)
    return children(node)


def _mapping(node: Any, found: Bindings) -> Iterable[ast.AST]:
    found.bind(node.rest)
    return children(node)


def _global(node: Any, found: Bindings) -> Iterable[ast.AST]:
    found.outer.update(node.names)
    return ()


def _nonlocal(node: Any, found: Bindings) -> Iterable[ast.AST]:
    found.enclosing.update(node.names)
    return ()


_VISITS: Final[Mapping[type[ast.AST], Callable[[Any, Bindings], Iterable[ast.AST]]]] = {
    ast.AnnAssign: _annotated,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
    ast.DictComp: _comprehension,
    ast.ExceptHandler: _named,
    ast.FunctionDef: _function,
    ast.GeneratorExp: _comprehension,
    ast.Global: _global,
    ast.Lambda: _lambda,
    ast.ListComp: _comprehension,
    ast.MatchAs: _named,
    ast.MatchMapping: _mapping,
    ast.MatchStar: _named,
    ast.Nonlocal: _nonlocal,
    ast.SetComp: _comprehension,
}


def defaults(node: ast.arguments) -> list[ast.expr]:
    """Return the default values of a function's arguments."""
    return [*node.defaults, *filter(None, node.kw_defaults)]


def _walrus(node: Comprehension) -> Iterator[ast.Name]:
    """Yield the targets of ``:=`` inside a comprehension: they belong to the scope around it."""
    waiting: list[ast.AST] = [node]
    while waiting:
        found = waiting.pop()
        if isinstance(found, ast.NamedExpr):
            yield found.target
        if not isinstance(found, ast.Lambda):
            waiting += children(found)


def _stored(node: ast.Name) -> bool:
    return not isinstance(node.ctx, ast.Load)
