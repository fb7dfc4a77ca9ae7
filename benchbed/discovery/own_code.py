"""Plugins of one's own that are not packaged: a file named on the command line, a class in Python.

Nothing else leads to a file: no record, job, suite, protocol, environment or results folder does.
Versions hold the code's digest, so that results of other code are other runs.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, Final

from benchbed.basics.errors import PluginError
from benchbed.discovery.registry import Entry, Registry
from benchbed.discovery.shipped import Shipped, install
from benchbed.discovery.spec import Kind, Option, Spec, Value

MARK: Final = "+file."
"""What stands in a version between the component's own and the code's digest."""
LARGEST: Final = 10_000_000
"""Bytes of a file; what is larger is no method."""
_LEADING: Final[Mapping[Kind, int]] = MappingProxyType(
    {
        "architecture": 1,
        "backbone": 1,
        "task": 2,
        "dataset": 0,
        "weighting": 1,
        "transform": 0,
        "logger": 1,
    }
)
"""How many arguments a constructor gets before the options."""


def add_file(registry: Registry, path: Path) -> None:
    """Add what a Python file defines: what its hooks return, or else its plugin classes.

    Args:
        registry: the installed plugins, whose names stay theirs.
        path: as the user named it.

    Raises:
        PluginError: the file cannot be loaded, defines nothing, or takes a name that is taken.
    """
    content = _read(path)
    digest = hashlib.sha256(content).hexdigest()[:8]
    shipped = Shipped(f"benchbed_file_{digest}", "source", content, str(path.absolute()))
    module = install(shipped)
    registry.shipped[shipped.module] = shipped
    if _has_hooks(module, registry):
        _add_hooks(registry, module, path, digest)
        return
    classes = list(_plugin_classes(module))
    if not classes:
        raise PluginError(
            f"{path} defines no hook and no class that extends benchbed.Weighting, Architecture, "
            "Backbone, Task, Dataset or Transform."
        )
    for cls in classes:
        _add_class(registry, cls, shipped.module, digest, path.name)


def add_class(registry: Registry, cls: type) -> Spec:
    """Add a class that was defined in a notebook or script; return its Spec.

    Raises:
        PluginError: it is no plugin class, cannot be sent to other processes, or takes a name that
            is taken.
    """
    if _kind(cls) is None:
        raise PluginError(
            f"{cls.__name__} extends none of benchbed.Weighting, Architecture, Backbone, Task, "
            "Dataset and Transform."
        )
    content = _pickled(cls)
    digest = hashlib.sha256(_without_marks(content)).hexdigest()[:8]
    name = f"benchbed_class_{digest}"
    shown = inspect.getsourcefile(cls) or f"<{cls.__name__}>"
    registry.shipped[name] = Shipped(name, "pickle", content, shown)
    install(registry.shipped[name])
    return _add_class(registry, cls, name, digest, cls.__name__)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST or not path.is_file():
            raise PluginError(f"--plugin {path}: that is no Python file.")
        return path.read_bytes()
    except OSError as error:
        raise PluginError(f"Cannot read --plugin {path}: {error.strerror}.") from error


def _pickled(cls: type) -> bytes:
    import cloudpickle

    module = sys.modules.get(cls.__module__)
    try:
        with _by_value(module):
            content: bytes = cloudpickle.dumps(cls)
    except Exception as error:
        raise PluginError(
            f"{cls.__name__} cannot be sent to the processes that train ({error}); write it into a "
            "file and give that."
        ) from error
    return content


@contextlib.contextmanager
def _by_value(module: ModuleType | None) -> Iterator[None]:
    """Let a module's classes and functions be pickled with their code, not by their names."""
    import cloudpickle

    if module is None or module.__name__ == "__main__":  # these are anyway
        yield
        return
    cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        cloudpickle.unregister_pickle_by_value(module)


def _without_marks(content: bytes) -> bytes:
    """Return a pickle without the random marks by which cloudpickle knows classes again.

    With them the same code would be another run in each process; where a later cloudpickle keeps
    them elsewhere it is so, and nothing is mixed.
    """
    import cloudpickle

    known = getattr(cloudpickle.cloudpickle, "_DYNAMIC_CLASS_TRACKER_BY_CLASS", {})
    for mark in known.values():
        content = content.replace(str(mark).encode(), b"")
    return content


# Hooks ------------------------------------------------------------------------------------------


def _has_hooks(module: ModuleType, registry: Registry) -> bool:
    names = [name for name in vars(module) if name.startswith("benchbed_")]
    return any(registry.manager.parse_hookimpl_opts(module, name) for name in names)


def _add_hooks(registry: Registry, module: ModuleType, path: Path, digest: str) -> None:
    """Register a manifest; its components' targets lie in it under the name that it is loaded by.

    Raises:
        PluginError: something of it is broken.
    """
    before, known = len(registry.broken), set(registry.entries)
    registry.add_plugin(module, module.__name__, path.name, f"file.{digest}")
    if len(registry.broken) > before:
        raise PluginError(f"--plugin {path}: {registry.broken[before].error}")
    for key in registry.entries.keys() - known:
        entry = registry.entries[key]
        home, _, name = entry.spec.target.partition(":")
        target = f"{module.__name__}:{name}" if home == path.stem else entry.spec.target
        spec = replace(entry.spec, version=_marked(entry.spec.version, digest), target=target)
        registry.entries[key] = replace(entry, spec=spec)


def _marked(version: str, digest: str) -> str:
    return f"{version}{MARK}{digest}"


# Classes ----------------------------------------------------------------------------------------


def _plugin_classes(module: ModuleType) -> Iterator[type]:
    """Yield the plugin classes that a module defines itself, but for private and abstract ones."""
    for name, found in vars(module).items():
        own = isinstance(found, type) and found.__module__ == module.__name__
        if own and not name.startswith("_") and _kind(found) and not inspect.isabstract(found):
            yield found


def _kind(cls: type) -> Kind | None:
    # these import torch, as the class has already
    from benchbed.contracts.architecture import Architecture
    from benchbed.contracts.backbone import Backbone
    from benchbed.contracts.dataset import Dataset
    from benchbed.contracts.logger import Logger
    from benchbed.contracts.task import Task
    from benchbed.contracts.transform import Transform
    from benchbed.contracts.weighting import Weighting

    bases: dict[Kind, type] = {
        "architecture": Architecture,
        "backbone": Backbone,
        "task": Task,
        "dataset": Dataset,
        "weighting": Weighting,
        "transform": Transform,
        "logger": Logger,
    }
    for kind, base in bases.items():
        if isinstance(cls, type) and issubclass(cls, base) and cls is not base:
            return kind
    return None


def _add_class(registry: Registry, cls: type, module: str, digest: str, source: str) -> Spec:
    kind = _kind(cls)
    assert kind is not None
    spec = Spec(
        id=_id(cls),
        version=_marked(str(vars(cls).get("version", "1.0")), digest),
        target=f"{module}:{cls.__name__}",
        summary=(inspect.getdoc(cls) or "").partition("\n")[0],
        options=_options(cls, kind),
        traits=_traits(cls, kind),
    )
    spec.check(kind)
    other = registry.entries.get((kind, spec.id))
    if other is not None and other.spec.version != spec.version:
        raise PluginError(
            f"{source}: there is a {kind} '{spec.id}' of {other.distribution}; rename the class, "
            "or give it another 'id'."
        )
    registry.entries[kind, spec.id] = Entry(kind, spec, source, f"file.{digest}")
    return spec


def _id(cls: type) -> str:
    """Return a class's ``id``, or its name in small letters with hyphens, ``my-weighting``."""
    given = vars(cls).get("id")
    if isinstance(given, str):
        return given
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", cls.__name__).lower()


def _options(cls: type, kind: Kind) -> dict[str, Option]:
    """Return the options that a constructor shows by its defaults.

    Raises:
        PluginError: one has no default, or none that a name can hold.
    """
    parameters = list(inspect.signature(cls).parameters.values())[_LEADING[kind] :]
    found: dict[str, Option] = {}
    for parameter in parameters:
        if parameter.kind in {parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL}:
            continue
        default: Any = parameter.default
        if not isinstance(default, bool | int | float | str):
            raise PluginError(
                f"{cls.__name__}: the option '{parameter.name}' needs a default, a number, a text "
                "or a truth value."
            )
        value: Value = default
        is_backbone = kind == "architecture" and parameter.name == "backbone"
        found[parameter.name] = Option(type(value), value, backbone=is_backbone)
    return found


def _traits(cls: Any, kind: Kind) -> frozenset[str]:
    """Return what planning must know of a class."""
    if kind == "architecture" and cls.execution == "single-tasking":
        return frozenset({"single-tasking"})
    if kind != "weighting":
        return frozenset()
    from benchbed.contracts.weighting import Weighting

    level = getattr(cls, "level", "loss")
    transforms = cls.transform is not Weighting.transform
    return frozenset({level, "additive"} if level == "loss" and transforms else {level})
