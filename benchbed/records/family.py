"""What the runs of one method share that differ in nothing but their seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from benchbed.basics.canonical import digest
from benchbed.discovery.component import Component
from benchbed.records.record import ENGINE


class _Run(Protocol):
    """What enters a run key, but the seed: of a record or its summary."""

    @property
    def protocol_digest(self) -> str: ...
    @property
    def components(self) -> Sequence[Component]: ...
    @property
    def data_digest(self) -> str: ...
    @property
    def tasks(self) -> Sequence[str]: ...
    @property
    def engine(self) -> int: ...
    @property
    def pretrained(self) -> str: ...


def family_digest(
    protocol_digest: str,
    components: Iterable[Component],
    data_digest: str,
    tasks: Sequence[str],
    engine: int = ENGINE,
    pretrained: str = "",
) -> str:
    """Return the digest of all that enters a run key but the seed: what a method's seeds share."""
    identity = {
        "protocol": protocol_digest,
        "components": [component.identity() for component in components],
        "data": data_digest,
        "tasks": list(tasks),
        "engine": engine,
        "pretrained": pretrained,
    }
    return digest(identity)[:32]


def family_key(run: _Run) -> str:
    """Return what a run shares with the other seeds of its method (:func:`family_digest`)."""
    return family_digest(
        run.protocol_digest,
        run.components,
        run.data_digest,
        run.tasks,
        run.engine,
        run.pretrained,
    )
