"""A component with all its options, as it enters a run key and a record."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from benchbed.discovery.registry import Entry
from benchbed.discovery.source import source_digest
from benchbed.discovery.spec import Kind, Value


class Component(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A component with all its options, as it enters a run key and a record."""

    kind: str
    id: str
    version: str
    target: str
    options: dict[str, bool | int | float | str] = {}
    distribution: str = ""
    distribution_version: str = ""
    source: str = ""

    def identity(self) -> dict[str, object]:
        """Return what of it enters the run key."""
        names = ("kind", "id", "version", "options")
        return {name: getattr(self, name) for name in names}


def component_of(entry: Entry, options: dict[str, Value]) -> Component:
    """Return a registered component with its options, all of them and validated."""
    spec = entry.spec
    return Component(
        kind=entry.kind,
        id=spec.id,
        version=spec.version,
        target=spec.target,
        options=options,
        distribution=entry.distribution,
        distribution_version=entry.distribution_version,
        source=source_digest(spec.target),
    )


def plain_component(kind: Kind, entry: Entry, options: Mapping[str, Value]) -> Component:
    """Return the component of a task or data set, its options validated."""
    assert entry.kind == kind
    return component_of(entry, entry.spec.resolve(options))
