"""A package as a program: what a name means across its modules."""

from __future__ import annotations

from typing import Final, NamedTuple

from benchbed.discovery.source.finding import is_module, module_file, submodules
from benchbed.discovery.source.modules import Module, read_module
from benchbed.discovery.source.references import Import, Reference

BED: Final = "benchbed"


class Unit(NamedTuple):
    """A name that a module of the own package defines."""

    module: str
    name: str


class Whole(NamedTuple):
    """A module of the own package as a value: any of its names may be meant."""

    module: str


class External(NamedTuple):
    """A name of another package.

    Attributes:
        parts: its full path.
        modules: what of the path is known to be a module, by the import.
    """

    parts: tuple[str, ...]
    modules: frozenset[str] = frozenset()

    @property
    def path(self) -> str:
        """The full path as text."""
        return ".".join(self.parts)


Node = Unit | Whole
"""What has a text of its own in the canonical form."""


class Meaning(NamedTuple):
    """What a reference means.

    Attributes:
        targets: what it is; several where it may be one or the other.
        path: attributes that follow and are looked up when the code runs.
    """

    targets: tuple[Unit | Whole | External, ...]
    path: tuple[str, ...] = ()


class Program:
    """The modules of one top-level package, each read when it is first asked for.

    Attributes:
        top: name of the package.
        unreadable: modules that count by their bytes.
    """

    def __init__(self, top: str, unreadable: frozenset[str] = frozenset()) -> None:
        self.top = top
        self.unreadable = unreadable
        self._modules: dict[str, Module | None] = {}
        self._members: dict[tuple[str, str, bool], Meaning] = {}
        self._meanings: dict[Reference, Meaning] = {}
        self._everything: list[str] = []

    def module(self, name: str) -> Module | None:
        """Return a module; none if it has no source."""
        if name not in self._modules:
            self._modules[name] = self._read(name)
        return self._modules[name]

    def _read(self, name: str) -> Module | None:
        path = module_file(name)
        if path is None:
            return None
        stat = path.stat()
        return read_module(name, path, stat.st_mtime_ns, stat.st_size)

    def readable(self, name: str) -> Module | None:
        """Return a module; none if it has no source, or one that is not understood."""
        found = self.module(name)
        return found if found and found.readable and name not in self.unreadable else None

    def is_own(self, module: str) -> bool:
        """Return whether a module belongs to the package."""
        return module.partition(".")[0] == self.top

    def everything(self) -> list[str]:
        """Return the names of all modules of the package."""
        if not self._everything:
            self._everything = [self.top, *submodules(self.top)]
        return self._everything

    def meaning(self, reference: Reference) -> Meaning:
        """Return what a reference means."""
        if reference not in self._meanings:
            found = self._named(reference.module, reference.name, reference.bare)
            self._meanings[reference] = self._attributes(found, reference.path)
        return self._meanings[reference]

    def _attributes(self, found: Meaning, path: tuple[str, ...]) -> Meaning:
        """Return what attributes of something mean, as far as modules go."""
        if len(found.targets) > 1 or found.path or not path:
            return Meaning(found.targets, found.path + path)
        (target,) = found.targets
        if isinstance(target, Whole):
            return self._attributes(self._member(target.module, path[0], False, ()), path[1:])
        if isinstance(target, External):
            return Meaning((External(target.parts + path, target.modules),))
        return Meaning(found.targets, path)

    def _named(self, module: str, name: str, bare: bool) -> Meaning:
        if not self.is_own(module):
            return _other(Import("", module, name, module))
        if not name:
            return self._itself(module)
        key = (module, name, bare)
        if key not in self._members:
            self._members[key] = self._member(module, name, bare, ())
        return self._members[key]

    def _itself(self, module: str) -> Meaning:
        if self.module(module) is None and not submodules(module):
            return Meaning((External(tuple(module.split("."))),))
        return Meaning((Whole(module),))

    def _member(
        self, module: str, name: str, bare: bool, seen: tuple[tuple[str, str], ...]
    ) -> Meaning:
        """Return what a name of an own module means.

        Args:
            module: where it is looked up.
            name: the name.
            bare: it stands in the module itself, where it may be a builtin.
            seen: what is being looked up already, for imports in a circle.
        """
        unknown = Meaning((Whole(module),), (name,))
        below = f"{module}.{name}"
        if (module, name) in seen:  # a package that imports a module of its own by "from . import"
            return self._itself(below) if is_module(below) else unknown
        seen = (*seen, (module, name))
        found = self.readable(module)
        if found is None:
            if self.module(module) is not None:
                return unknown
            return self._itself(below) if is_module(below) else Meaning((_external(below),))
        choices = self._bound(found, name, seen)
        for star in found.stars:
            choices += self._offered(star, name, seen)
        if choices:
            targets = tuple(dict.fromkeys(one for choice in choices for one in choice.targets))
            return Meaning(targets, choices[0].path)
        if found.is_package and is_module(below):
            return self._itself(below)
        if bare:
            return Meaning((External(("builtins", name)),))
        if "__getattr__" in found.bound.names and not name.startswith("__"):
            return Meaning((Unit(module, "__getattr__"),), (name,))
        return unknown

    def _bound(self, found: Module, name: str, seen: tuple[tuple[str, str], ...]) -> list[Meaning]:
        """Return what a module itself binds a name to."""
        alias = found.bound.alias(name)
        if alias is None:
            return [Meaning((Unit(found.name, name),))] if name in found.bound.names else []
        if self.is_own(alias.module):
            if alias.name:
                return [self._member(alias.module, alias.name, False, seen)]
            return [self._itself(alias.module)]
        known = frozenset(item.run for item in found.bound.imports[name])
        return [Meaning((External(_other(alias).targets[0].parts, known),))]  # type: ignore[union-attr]

    def _offered(self, star: str, name: str, seen: tuple[tuple[str, str], ...]) -> list[Meaning]:
        """Return what ``from star import *`` may bind a name to."""
        if not self.is_own(star):
            return []
        found = self.readable(star)
        if found is None:
            unreadable = self.module(star) is not None
            return [Meaning((Whole(star),), (name,))] if unreadable else []
        exports = found.exports()
        computed = exports is None and "__all__" in found.bound.names
        hidden = name.startswith("_") and not computed if exports is None else name not in exports
        if hidden or (star, name) in seen:
            return []
        within = name in found.bound.names
        for other in found.stars:
            within = within or bool(self._offered(other, name, (*seen, (star, name))))
        if not within:
            return []
        choices = [self._member(star, name, False, seen)]
        return [*choices, Meaning((Unit(star, "__all__"),))] if computed else choices


def _external(path: str) -> External:
    return External(tuple(path.split(".")))


def _other(item: Import) -> Meaning:
    """Return what an import from another package means."""
    parts = (*item.module.split("."), *filter(None, [item.name]))
    return Meaning((External(parts, frozenset({item.module})),))
