"""Jobs: of a run, of a measurement, of a method for its costs, of a record's run made again."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from benchbed.basics.canonical import digest
from benchbed.basics.errors import PluginError
from benchbed.contracts.protocol import Protocol
from benchbed.discovery.method import Method
from benchbed.discovery.registry import Registry
from benchbed.execution.parts import Parts, resolve
from benchbed.execution.planned import Settings
from benchbed.records.job import Job
from benchbed.records.record import ENGINE, Record, run_key
from benchbed.records.source_links import Sources, sources_of


def task_sets(method: Method, protocol: Protocol) -> list[list[str]]:
    """Return the tasks of each run of a method: all, or one by one for the single-task baseline."""
    names = list(protocol.tasks)
    if method.one_run_per_task:
        return [[name] for name in names]
    return [names]


def training_job(
    parts: Parts, method: Method, tasks: list[str], seed: int, settings: Settings
) -> Job:
    """Return the job of one run, with its run key.

    Args:
        parts: the protocol's components and the digests of the inputs.
        method: one of its methods.
        tasks: those of the protocol's tasks that the run trains.
        seed: of the run.
        settings: where and how.
    """
    job = Job(
        key="",
        kind="train",
        protocol=parts.protocol,
        method=method.name,
        architecture=method.architecture,
        backbone=method.backbone,
        weighting=list(method.weighting),
        task_components=parts.tasks,
        dataset=parts.dataset,
        tasks=tasks,
        seed=seed,
        data_digest=parts.data_digest,
        results=str(settings.results),
        data_root=str(settings.data_root or ""),
        threads=settings.threads,
        device=settings.device,
        commit=settings.commit,
        dirty=settings.dirty,
        one_run_per_task=method.one_run_per_task,
        traits=list(method.traits),
        transforms=parts.transforms,
        evaluation_transforms=parts.evaluation_transforms,
        pretrained=str(settings.pretrained.absolute()) if settings.pretrained else "",
        pretrained_digest=parts.pretrained_digest,
        log_gradients=settings.log_gradients,
    )
    key = run_key(
        parts.protocol.digest,
        job.components,
        parts.data_digest,
        seed,
        tasks,
        pretrained=parts.pretrained_digest,
    )
    return msgspec.structs.replace(job, key=key)


def measurement_job(parts: Parts, method: Method, settings: Settings) -> Job:
    """Return the job that measures a method on all tasks.

    Other than a run's, its key holds the components' sources: a measurement is cheap, and made
    again after any change.
    """
    job = training_job(parts, method, list(parts.protocol.tasks), 0, settings)
    key = measurement_key(job, sources_of(job.components))
    return msgspec.structs.replace(job, key=key, kind="measure")


def measurement_key(job: Job, sources: Sources) -> str:
    """Return the key of a method's measurement with given sources of its components."""
    identity = [
        [*part.identity().values(), sources[f"{part.kind} {part.id}"]] for part in job.components
    ]
    return digest(["measure", ENGINE, job.protocol.digest, identity])[:32]


def method_jobs(protocol: Protocol, methods: Sequence[str], registry: Registry) -> list[Job]:
    """Return one job a method with all the protocol's tasks, for costing; no data is looked at.

    Raises:
        MethodError, PluginError: something does not exist or makes no sense.
    """
    parts = resolve(protocol, methods, registry)
    tasks = list(protocol.tasks)
    settings = Settings(device="cpu")
    return [training_job(parts, method, tasks, 0, settings) for method in parts.methods]


def record_job(record: Record, protocol: Protocol, registry: Registry, **changes: object) -> Job:
    """Return the job that makes a record's run again.

    Args:
        record: the record.
        protocol: the one that it was made under.
        registry: the installed plugins.
        changes: fields of the job that the record does not tell, such as ``device``.

    Raises:
        PluginError: the components that made the record are not what is installed.
        MethodError: the installed plugins know no such method.
    """
    (anew,) = method_jobs(protocol, [record.method], registry)
    job = msgspec.structs.replace(
        anew,
        key=record.key,
        tasks=record.tasks,
        seed=record.seed,
        data_digest=record.data_digest,
        **changes,
    )
    _require_same_components(record, job)
    return job


def _require_same_components(record: Record, job: Job) -> None:
    installed = [component.identity() for component in job.components]
    recorded = [component.identity() for component in record.components]
    if installed == recorded:
        return
    other = [component for component in record.components if component.identity() not in installed]
    listed = ", ".join(f"{item.kind} {item.id} {item.version}" for item in other)
    raise PluginError(
        f"The installed plugins make another run of {record.method} than the record's. What "
        f"differs: {listed or 'their order'}. Install the versions that the record names."
    )
