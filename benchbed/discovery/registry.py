"""Discovery of plugins: each entry point by itself, a broken one named and left out."""

from __future__ import annotations

import inspect
import os
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Final, Literal, cast

import pluggy

from benchbed.basics.errors import PluginError, one_line, suggest
from benchbed.discovery import hookspecs
from benchbed.discovery.shipped import Shipped
from benchbed.discovery.spec import Kind, Spec

GROUP: Final = "benchbed"
_SPEC_HOOKS: Final[Mapping[str, Kind]] = {
    "benchbed_architectures": "architecture",
    "benchbed_backbones": "backbone",
    "benchbed_tasks": "task",
    "benchbed_datasets": "dataset",
    "benchbed_weightings": "weighting",
    "benchbed_transforms": "transform",
    "benchbed_executors": "executor",
    "benchbed_loggers": "logger",
}
FileKind = Literal["protocol", "suite", "published"]
_FILE_HOOKS: Final[Mapping[str, FileKind]] = {
    "benchbed_protocols": "protocol",
    "benchbed_suites": "suite",
    "benchbed_published": "published",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A component as registered: its Spec and the distribution that brought it."""

    kind: Kind
    spec: Spec
    distribution: str
    distribution_version: str


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A protocol, suite or printed table as registered."""

    kind: FileKind
    path: Path
    distribution: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A plugin, or one component of it, that was left out, and why."""

    plugin: str
    distribution: str
    error: str
    traceback: str = ""

    def __str__(self) -> str:
        return f"plugin '{self.plugin}' of {self.distribution}: {self.error}"


@dataclass(frozen=True, slots=True)
class _Plugin:
    """A manifest module, the name of its entry point, and the distribution that brought it."""

    module: object
    name: str
    distribution: str
    version: str


@dataclass(slots=True)
class Registry:
    """What was discovered. Made by :func:`discover`; holds no global state.

    ``conflicts``: why a protocol does not count, by ``name@version``: plugins differ on it.
    ``shipped``: code that is in no installed package, by the module that it is imported as.
    """

    entries: dict[tuple[Kind, str], Entry] = field(default_factory=dict)
    files: list[FileEntry] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    origins: dict[tuple[FileKind, str], str] = field(default_factory=dict)
    documents: dict[Path, Any] = field(default_factory=dict)
    conflicts: dict[str, str] = field(default_factory=dict)
    shipped: dict[str, Shipped] = field(default_factory=dict)
    manager: pluggy.PluginManager = field(default_factory=lambda: pluggy.PluginManager(GROUP))

    def __post_init__(self) -> None:
        self.manager.add_hookspecs(hookspecs)

    def of_kind(self, kind: Kind) -> list[Entry]:
        """Return the components of one kind, by id."""
        found = [entry for entry in self.entries.values() if entry.kind == kind]
        return sorted(found, key=lambda entry: entry.spec.id)

    def get(self, kind: Kind, name: str) -> Entry:
        """Look a component up by name.

        Raises:
            PluginError: there is none; the message suggests the nearest name, or says that the
                plugin which might have brought it is broken.
        """
        entry = self.entries.get((kind, name))
        if entry is None:
            known = [other.spec.id for other in self.of_kind(kind)]
            broken = self.left_out()
            raise PluginError(f"There is no {kind} '{name}'.{suggest(name, known)}{broken}")
        return entry

    def left_out(self) -> str:
        """Return what was left out, as an appendix to a sentence."""
        return "".join(f" Left out: {str(item).rstrip('.')}." for item in self.broken)

    def require_sound(self) -> None:
        """Refuse to go on with a broken plugin.

        Raises:
            PluginError: there is one.
        """
        if self.broken:
            raise PluginError(
                f"Plugins are broken, and --strict-plugins was given.{self.left_out()}"
            )

    def observers(self, hook: str) -> Iterator[tuple[Callable[..., Any], tuple[str, ...]]]:
        """Yield each plugin's implementation of an observing hook, and the arguments it takes."""
        for impl in getattr(self.manager.hook, hook).get_hookimpls():
            yield cast("Callable[..., Any]", impl.function), tuple(impl.argnames)

    def add_plugin(self, module: object, name: str, distribution: str, version: str) -> None:
        """Register one manifest module and everything its hooks return.

        Raises:
            PluginError: a hook's name is unknown or its arguments are wrong.
        """
        plugin = _Plugin(module, name, distribution, version)
        self._register(plugin)
        for hook, kind in _SPEC_HOOKS.items():
            for spec in self._call(plugin, hook):
                self._add(kind, spec, plugin)
        for hook, file_kind in _FILE_HOOKS.items():
            for path in self._call(plugin, hook):
                try:
                    self.files.append(FileEntry(file_kind, Path(path), distribution))
                except TypeError as error:
                    message = f"its hook {hook} must return paths, not {path!r} ({error})"
                    self.broken.append(Broken(name, distribution, message))

    def _register(self, plugin: _Plugin) -> None:
        """Give a plugin's module to pluggy, wholly or not at all."""
        module, name = plugin.module, plugin.name
        if self.manager.is_registered(module) or self.manager.has_plugin(name):
            raise PluginError(f"its module or its name '{name}' is registered already.")
        try:
            self.manager.register(module, name)
            self._refuse_unknown_hooks(module)
        except pluggy.PluginValidationError as error:
            self._unregister(module)
            raise PluginError(one_line(error)) from error
        except PluginError:
            self._unregister(module)
            raise

    def _unregister(self, module: object) -> None:
        if self.manager.is_registered(module):
            self.manager.unregister(module)

    def _refuse_unknown_hooks(self, module: object) -> None:
        # pluggy itself passes over names that it does not know
        known = [name for name in dir(hookspecs) if name.startswith("benchbed_")]
        for name in dir(module):
            options = self.manager.parse_hookimpl_opts(module, name)
            hook = name if options is None else options.get("specname") or name
            if options is not None and hook not in known:
                raise PluginError(f"there is no hook '{hook}'.{suggest(hook, known)}")
            if options is None and name in known and inspect.isfunction(getattr(module, name)):
                raise PluginError(f"'{name}' must be marked with @benchbed.hookimpl.")

    def _call(self, plugin: _Plugin, hook: str) -> list[Any]:
        """Return what one plugin's hook returns; if it raises, nothing, and it is broken."""
        for impl in getattr(self.manager.hook, hook).get_hookimpls():
            if impl.plugin is not plugin.module:
                continue
            try:
                return list(impl.function())
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
                message = f"its hook {hook} raised {one_line(error)}"
                text = traceback.format_exc()
                self.broken.append(Broken(plugin.name, plugin.distribution, message, text))
        return []

    def _add(self, kind: Kind, spec: Any, plugin: _Plugin) -> None:
        """Add a component, or note what is wrong with its Spec."""
        try:
            if not isinstance(spec, Spec):
                raise PluginError(f"a {kind} hook must return benchbed.Spec, not {spec!r}.")
            spec.check(kind)
            other = self.entries.get((kind, spec.id))
            if other is not None:
                raise PluginError(
                    f"{kind} '{spec.id}' is already registered by {other.distribution}; "
                    "rename one of them."
                )
        except PluginError as error:
            self.broken.append(Broken(plugin.name, plugin.distribution, str(error)))
        else:
            entry = Entry(kind, spec, plugin.distribution, plugin.version)
            self.entries[kind, spec.id] = entry


def discover(environ: Mapping[str, str] = os.environ, *, strict: bool = False) -> Registry:
    """Load every installed plugin of the entry-point group ``benchbed``.

    ``BENCHBED_PLUGINS`` (names of entry points or distributions, comma separated) picks among them;
    empty picks none. Plugins are loaded in the order benchbed, then by distribution name.

    Raises:
        PluginError: with ``strict``, any plugin is broken; always, a picked plugin is not there.
    """
    registry = Registry()
    found = sorted(entry_points(group=GROUP), key=_order)
    for point in _picked(found, environ.get("BENCHBED_PLUGINS")):
        distribution, version = _distribution(point)
        try:
            registry.add_plugin(point.load(), point.name, distribution, version)
        except PluginError as error:
            registry.broken.append(Broken(point.name, distribution, str(error)))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
            text = traceback.format_exc()
            registry.broken.append(Broken(point.name, distribution, one_line(error), text))
    if strict:
        registry.require_sound()
    return registry


def _distribution(point: EntryPoint) -> tuple[str, str]:
    if point.dist is None:
        return "unknown", "0"
    try:
        return point.dist.name or "unknown", point.dist.version or "0"
    except Exception:  # noqa: BLE001 - where metadata is gone, some finders raise what they like
        return "unknown", "0"


def _order(point: EntryPoint) -> tuple[bool, str, str]:
    # benchbed's own first: of two components of one id the other one is left out
    name = _distribution(point)[0]
    return name != "benchbed", name, point.name


def _picked(found: list[EntryPoint], picks: str | None) -> Iterable[EntryPoint]:
    """Return the entry points of which a pick names the plugin or the distribution."""
    if picks is None:
        return found
    wanted = {name.strip() for name in picks.split(",") if name.strip()}
    names: set[str] = set()
    picked: list[EntryPoint] = []
    for point in found:
        own = {point.name, _distribution(point)[0]}
        names |= own
        if own & wanted:
            picked.append(point)
    missing = min(wanted - names, default=None)
    if missing is not None:
        raise PluginError(
            f"BENCHBED_PLUGINS names '{missing}', which is not installed.{suggest(missing, names)}"
        )
    return picked
