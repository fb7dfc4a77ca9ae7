"""Whether a record can be compared with ours: the same data, the same plugins, the same metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from benchbed.basics.errors import BenchbedError
from benchbed.basics.texts import visible
from benchbed.contracts.dataset import Dataset
from benchbed.contracts.protocol import Protocol
from benchbed.discovery.catalogue import protocols
from benchbed.discovery.loading import make_component
from benchbed.discovery.registry import Registry
from benchbed.discovery.spec import Kind
from benchbed.execution.jobs import method_jobs
from benchbed.records.record import MetricInfo, Record
from benchbed.records.store import Store

Metrics = Mapping[str, MetricInfo]


@dataclass(frozen=True, slots=True)
class _Common:
    """What comparable records of a protocol share; nothing is asked where nothing is known.

    Attributes:
        data: digests of the data.
        metrics: by task, the sets of metrics that there may be.
    """

    data: frozenset[str]
    metrics: Mapping[str, Sequence[Metrics]]


class CommonGround:
    """Holds records against the installed plugins and the records that were there before.

    A table shows only records that are comparable; an odd one could push ours out of it.

    Args:
        store: our results folder.
        registry: the installed plugins.
    """

    def __init__(self, store: Store, registry: Registry) -> None:
        self.protocols = protocols(registry)
        self._store, self._registry = store, registry
        self._known: dict[tuple[str, str], _Common] = {}

    def problem(self, record: Record) -> str:
        """Return in what a record cannot be compared with ours, or nothing."""
        identity = record.protocol, record.protocol_digest
        if identity not in self._known:
            self._known[identity] = self._common(*identity)
        common = self._known[identity]
        if common.data and record.data_digest not in common.data:
            return f"made from other data than our records of {record.protocol}"
        return self._other_version(record) or _other_metrics(record, common)

    def _other_version(self, record: Record) -> str:
        """Return which plugin has another version here, under a protocol that is installed."""
        if record.protocol not in self.protocols:
            return ""
        for part in record.components:
            entry = self._registry.entries.get((cast("Kind", part.kind), part.id))
            if entry is not None and entry.spec.version != part.version:
                other = f"where {entry.spec.version} is installed"
                return f"made by {part.kind} {part.id} {visible(part.version, 40)}, {other}"
        return ""

    def _common(self, name: str, digest: str) -> _Common:
        place, _, version = name.partition("@")
        records, _ = self._store.records(place, int(version))
        data: set[str] = set()
        metrics: dict[str, list[Metrics]] = {}
        for record in records:
            if record.protocol_digest != digest:
                continue
            data.add(record.data_digest)
            for task, infos in record.metrics.items():
                sets = metrics.setdefault(task, [])
                if infos not in sets:
                    sets.append(infos)
        protocol = self.protocols.get(name)
        if protocol is not None:
            metrics |= _installed_metrics(protocol, self._registry)
        return _Common(frozenset(data), metrics)


def _installed_metrics(protocol: Protocol, registry: Registry) -> dict[str, list[Metrics]]:
    """Return the metrics of a protocol's tasks, or nothing where its plugins are not there."""
    # These import torch, which takes seconds: not where all records are refused or there already.
    from benchbed.engine.session import build_task
    from benchbed.execution.results import metric_infos

    metrics: dict[str, list[Metrics]] = {}
    try:
        (job,) = method_jobs(protocol, [protocol.delta_m.baseline], registry)
        dataset = make_component(job.dataset, Dataset)
        for name in protocol.tasks:
            task = build_task(job, name, dataset)
            metrics[name] = [metric_infos(task)]
    except BenchbedError:
        return {}
    return metrics


def _other_metrics(record: Record, common: _Common) -> str:
    """Return which task has metrics that no comparable record has."""
    for task in record.tasks:
        known = common.metrics.get(task, ())
        if known and not any(_same(record.metrics[task], metrics) for metrics in known):
            return f"task '{task}' has other metrics, or metrics of another direction or kind"
    return ""


def _same(one: Metrics, two: Metrics) -> bool:
    """Tell whether two sets are the same, but for details, which are left out where empty."""
    for name in one.keys() & two.keys():
        if one[name] != two[name]:
            return False
    both = {**one, **two}
    in_one_alone = one.keys() ^ two.keys()
    return all(both[name].detail for name in in_one_alone)
