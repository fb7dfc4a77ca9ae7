"""The plan: methods × seeds, with their baselines, as runs that are cached or still to be made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from benchbed.contracts.dataset import Dataset
from benchbed.contracts.protocol import Protocol
from benchbed.discovery.loading import make_component
from benchbed.discovery.registry import Registry
from benchbed.execution.baselines import with_baselines
from benchbed.execution.checks import require_batches, require_sound
from benchbed.execution.inputs import file_digest
from benchbed.execution.jobs import measurement_job, task_sets, training_job
from benchbed.execution.parts import Parts, resolve
from benchbed.execution.planned import Plan, PlannedRun, Settings
from benchbed.execution.state import is_measured, planned_run
from benchbed.records.job import Job
from benchbed.records.source_links import read_source_links
from benchbed.records.store import Refused, Store

__all__ = ["Plan", "PlannedRun", "Settings", "make_plan"]


def make_plan(
    protocol: Protocol,
    methods: Sequence[str],
    registry: Registry,
    settings: Settings,
    seeds: Sequence[int] | None = None,
) -> Plan:
    """Expand methods × seeds into runs, the baselines of every backbone in use included.

    Args:
        protocol: what is held equal.
        methods: names as typed; duplicates count once.
        registry: the installed plugins.
        settings: where and how.
        seeds: the protocol's own by default.

    Raises:
        MethodError, PluginError, ProtocolError, DataError: something does not exist or makes no
            sense.
    """
    parts = _resolve_with_inputs(protocol, methods, registry, settings)
    chosen = tuple(protocol.seeds if seeds is None else dict.fromkeys(seeds))
    store = Store(settings.results)
    links = read_source_links(store, protocol.name, protocol.version)

    shipped = tuple(registry.shipped.values())
    runs: list[PlannedRun] = []
    damaged: list[Refused] = []
    for job in _training_jobs(parts, chosen, settings):
        found = store.find(job.place, job.key)
        if isinstance(found, Refused):
            damaged.append(found)
        run = planned_run(job, found, store, settings, links)
        runs.append(replace(run, shipped=shipped))

    measurements: list[Job] = []
    for method in parts.methods:
        job = measurement_job(parts, method, settings)
        trained_by = [
            training_job(parts, method, tasks, 0, settings) for tasks in task_sets(method, protocol)
        ]
        if not is_measured(job, trained_by, store, links):
            measurements.append(job)

    return Plan(
        protocol=protocol,
        methods=parts.methods,
        seeds=chosen,
        runs=tuple(runs),
        measurements=tuple(measurements),
        measured=len(parts.methods) - len(measurements),
        damaged=tuple(damaged),
        shipped=shipped,
    )


def _resolve_with_inputs(
    protocol: Protocol, methods: Sequence[str], registry: Registry, settings: Settings
) -> Parts:
    """Resolve the components, then look at the data and the weights that runs begin with."""
    parts = resolve(protocol, methods, registry)
    dataset = make_component(parts.dataset, Dataset)
    require_sound(protocol, dataset, registry, settings.device)
    require_batches(protocol, dataset, settings.data_root)
    return replace(
        parts,
        data_digest=dataset.digest(settings.data_root),
        pretrained_digest=file_digest(settings.pretrained),
        methods=with_baselines(parts.methods, protocol, registry),
    )


def _training_jobs(parts: Parts, seeds: Sequence[int], settings: Settings) -> Iterator[Job]:
    # seed by seed, so that an interrupted benchmark has compared all methods on the first seeds
    for seed in seeds:
        for method in parts.methods:
            for tasks in task_sets(method, parts.protocol):
                yield training_job(parts, method, tasks, seed, settings)
