"""What the installed plugins would make of a protocol's runs; nothing of it needs torch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from benchbed.basics.errors import BenchbedError, DataError
from benchbed.contracts.dataset import Dataset
from benchbed.contracts.protocol import Protocol
from benchbed.discovery.component import Component
from benchbed.discovery.loading import make_component
from benchbed.discovery.method import Method, plain_component, resolve_under
from benchbed.discovery.registry import Registry
from benchbed.discovery.spec import Kind, Value


@dataclass(frozen=True, slots=True)
class Installed:
    """The installed plugins, as far as records are held against them.

    Attributes:
        protocol: of the records.
        registry: the plugins.
        data_root: the folder of the data sets.
    """

    protocol: Protocol
    registry: Registry
    data_root: Path | None = None

    def fingerprint(self) -> list[Any]:
        """Return plain data that is another one whenever the answers below may be others."""
        specs: list[Any] = []
        for (kind, name), entry in sorted(self.registry.entries.items()):
            options = {key: repr(option) for key, option in entry.spec.options.items()}
            specs.append([kind, name, entry.spec.version, sorted(entry.spec.traits), options])
        return [specs, str(self.data_root or "")]

    def shared(self) -> dict[str, list[Component]]:
        """Return what all rows share, as of :func:`shared_parts`; nothing where any is missing."""
        protocol = self.protocol
        data = protocol.data
        transforms = (*protocol.transforms, *protocol.evaluation_transforms)
        try:
            found = [self._component("task", e.task, e.options) for e in protocol.tasks.values()]
            found.append(self._component("dataset", data.dataset, data.options))
            found += [self._component("transform", e.name, e.options) for e in transforms]
        except BenchbedError:
            return {}
        return shared_parts(found, list(protocol.tasks))

    def _component(self, kind: Kind, name: str, given: Mapping[str, Value]) -> Component:
        """Return a component without its source, which no table asks for."""
        spec = self.registry.get(kind, name).spec
        return Component(kind, name, spec.version, spec.target, spec.resolve(given))

    def method(self, name: str) -> Method | None:
        """Return the method that a name means; ``None`` where its plugins are not there."""
        with contextlib.suppress(BenchbedError):
            return resolve_under(self.protocol, name, self.registry)
        return None

    def data_digest(self) -> str:
        """Return the digest of the data set's data, or nothing where it is not there."""
        data = self.protocol.data
        try:
            entry = self.registry.get("dataset", data.dataset)
            component = plain_component("dataset", entry, data.options)
            return make_component(component, Dataset).digest(self.data_root)
        except (BenchbedError, DataError, msgspec.ValidationError):
            return ""


def shared_parts(
    components: Iterable[Component], tasks: Sequence[str]
) -> dict[str, list[Component]]:
    """Return of a run's components those that all rows of a table share, by what they are for.

    Args:
        components: of a run; those of its tasks are in the order of the tasks.
        tasks: the run's.
    """
    found: dict[str, list[Component]] = {"data set": [], "transforms": []}
    names = iter(tasks)
    for item in components:
        if item.kind == "task":
            found.setdefault(f"task '{next(names, '')}'", []).append(item)
        elif item.kind == "dataset":
            found["data set"].append(item)
        elif item.kind == "transform":
            found["transforms"].append(item)
    return found


SHARED: Final = frozenset({"task", "dataset", "transform"})
"""Kinds of the components that all rows of a table share; the others are a method's own."""
