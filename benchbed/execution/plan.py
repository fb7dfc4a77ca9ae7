"""The plan: methods × seeds, with their baselines, as runs that are cached or still to be made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from benchbed.basics.canonical import digest
from benchbed.basics.errors import DataError, MethodError, PluginError
from benchbed.contracts.dataset import Dataset
from benchbed.contracts.protocol import Protocol, TransformEntry
from benchbed.discovery.loading import make_component
from benchbed.discovery.method import Component, Method, plain_component, resolve_under
from benchbed.discovery.registry import Registry
from benchbed.discovery.spec import show_value
from benchbed.records.job import Job
from benchbed.records.record import ENGINE, Record, has_gradients, run_key
from benchbed.records.store import Refused, Store

State = Literal["cached", "new", "stale", "failed before", "damaged"]


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run of a plan.

    Attributes:
        state: ``cached`` runs are not repeated; ``stale`` ones are, because a plugin's source
            changed at the same version; so are those that failed or whose record is damaged.
        stale: the components whose source changed.
        unlogged: gradients are to be logged, and the cached record has none.
    """

    job: Job
    state: State
    stale: tuple[str, ...] = ()
    unlogged: bool = False

    @property
    def key(self) -> str:
        """The run key."""
        return self.job.key

    @property
    def protocol_id(self) -> str:
        """The protocol, as ``name@version``."""
        return self.job.protocol.id

    @property
    def method(self) -> str:
        """The method's canonical name."""
        return self.job.method

    @property
    def tasks(self) -> list[str]:
        """The tasks that it trains."""
        return self.job.tasks

    @property
    def seed(self) -> int:
        """The seed."""
        return self.job.seed

    @property
    def epochs(self) -> int:
        """How many epochs it has."""
        return self.job.protocol.epochs

    @property
    def label(self) -> str:
        """The run as shown to people."""
        task = f"/{self.job.tasks[0]}" if self.job.one_run_per_task else ""
        return f"{self.job.method}{task} seed {self.job.seed}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be run, and what is there already."""

    protocol: Protocol
    methods: tuple[Method, ...]
    seeds: tuple[int, ...]
    runs: tuple[PlannedRun, ...]
    measurements: tuple[Job, ...]
    measured: int = 0
    damaged: tuple[Refused, ...] = ()

    @property
    def missing(self) -> tuple[PlannedRun, ...]:
        """The runs that would be trained."""
        return tuple(run for run in self.runs if run.state != "cached")


@dataclass(frozen=True, slots=True)
class Settings:
    """How runs are carried out; none of it enters a run key."""

    results: Path = Path("results")
    data_root: Path | None = None
    threads: int = 1
    device: str = "auto"
    accept_stale: bool = False
    pretrained: Path | None = None
    log_gradients: bool = False
    commit: str = ""
    dirty: bool = False


@dataclass(slots=True)
class _Parts:
    protocol: Protocol
    tasks: dict[str, Component]
    dataset: Component
    data_digest: str
    methods: list[Method] = field(default_factory=list)
    transforms: list[Component] = field(default_factory=list)
    evaluation_transforms: list[Component] = field(default_factory=list)
    pretrained_digest: str = ""


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
        MethodError, PluginError, DataError: something does not exist or makes no sense.
    """
    parts = _resolve(protocol, methods, registry)
    parts.data_digest = make_component(parts.dataset, Dataset).digest(settings.data_root)
    parts.pretrained_digest = file_digest(settings.pretrained)
    parts.methods = _with_baselines(parts.methods, protocol, registry)
    store = Store(settings.results)
    chosen = tuple(protocol.seeds if seeds is None else dict.fromkeys(seeds))
    runs: list[PlannedRun] = []
    damaged: list[Refused] = []
    for seed in chosen:
        for method in parts.methods:
            for tasks in _task_sets(method, protocol):
                run, refused = _planned(_job(parts, method, tasks, seed, settings), store, settings)
                runs.append(run)
                damaged += [refused] if refused else []
    jobs = [_measurement(parts, method, settings) for method in parts.methods]
    open_jobs = [job for job in jobs if store.find_measurement(job.place, job.key) is None]
    return Plan(
        protocol,
        tuple(parts.methods),
        chosen,
        tuple(runs),
        tuple(open_jobs),
        len(jobs) - len(open_jobs),
        tuple(damaged),
    )


def method_jobs(protocol: Protocol, methods: Sequence[str], registry: Registry) -> list[Job]:
    """Return one job a method with all the protocol's tasks, for costing; no data is looked at.

    Raises:
        MethodError, PluginError: something does not exist or makes no sense.
    """
    parts = _resolve(protocol, methods, registry)
    tasks = list(protocol.tasks)
    return [_job(parts, method, tasks, 0, Settings(device="cpu")) for method in parts.methods]


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
    job = msgspec.structs.replace(
        method_jobs(protocol, [record.method], registry)[0],
        key=record.key,
        tasks=record.tasks,
        seed=record.seed,
        data_digest=record.data_digest,
        **changes,
    )
    installed = [component.identity() for component in job.components]
    if installed != [component.identity() for component in record.components]:
        other = [c for c in record.components if c.identity() not in installed]
        listed = ", ".join(f"{c.kind} {c.id} {c.version}" for c in other) or "their order"
        raise PluginError(
            f"The installed plugins make another run of {record.method} than the record's. What "
            f"differs: {listed}. Install the versions that the record names."
        )
    return job


def require_data(job: Job, digest: str) -> None:
    """Refuse a data set that is not the one that a record was made on.

    Raises:
        DataError: with the remedy.
    """
    if digest != job.data_digest:
        raise DataError(
            f"Data set '{job.dataset.id}' is not the one that the record was made on (its digest "
            "differs); give that one's folder with --data-root."
        )


def require_unchanged(job: Job, dataset: Dataset) -> None:
    """Refuse to go on with data that is no longer what the run was planned for.

    Raises:
        DataError: with the remedy.
    """
    if dataset.digest(Path(job.data_root) if job.data_root else None) != job.data_digest:
        raise DataError(
            f"The files of data set '{job.dataset.id}' have changed since this run was planned; "
            "give the command again."
        )


def _resolve(protocol: Protocol, methods: Sequence[str], registry: Registry) -> _Parts:
    if not methods:
        raise MethodError("Name at least one method, for instance hps+equal.")
    tasks = {
        name: plain_component("task", registry.get("task", entry.task), entry.options)
        for name, entry in protocol.tasks.items()
    }
    dataset = plain_component(
        "dataset", registry.get("dataset", protocol.data.dataset), protocol.data.options
    )
    found = [resolve_under(protocol, name, registry) for name in methods]
    unique = {method.name: method for method in found}
    return _Parts(
        protocol,
        tasks,
        dataset,
        "",
        list(unique.values()),
        _transforms(protocol.transforms, registry),
        _transforms(protocol.evaluation_transforms, registry),
    )


def _transforms(entries: Sequence[TransformEntry], registry: Registry) -> list[Component]:
    return [
        plain_component("transform", registry.get("transform", entry.name), entry.options)
        for entry in entries
    ]


def file_digest(path: Path | None) -> str:
    """Return the SHA-256 of a file, or nothing without one.

    Raises:
        DataError: it cannot be read.
    """
    if path is None:
        return ""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"Cannot read --pretrained {path}: {error.strerror}.") from error


def _with_baselines(
    methods: Sequence[Method], protocol: Protocol, registry: Registry
) -> list[Method]:
    """Return the methods, before them the baselines with each backbone in use."""
    baselines = [
        resolve_under(
            protocol, baseline_name(protocol.delta_m.baseline, method.backbone, protocol), registry
        )
        for method in methods
        if not method.one_run_per_task
    ]
    return list({method.name: method for method in [*baselines, *methods]}.values())


def baseline_name(baseline: str, backbone: Component | None, protocol: Protocol) -> str:
    """Return the baseline's name with a method's backbone, where that is not the protocol's."""
    if backbone is None:
        return baseline
    options = dict(backbone.options)
    name = str(options.pop("model")) if "model" in options else backbone.id
    architecture, plus, weighting = baseline.partition("+")
    head, _, own = architecture.partition(":")
    given = [item for item in own.split(",") if item and not item.startswith("backbone")]
    given += [f"backbone={name}"] if name != protocol.backbone else []
    given += [f"backbone.{key}={show_value(value)}" for key, value in options.items()]
    return head + (":" + ",".join(given) if given else "") + plus + weighting


def _task_sets(method: Method, protocol: Protocol) -> Iterable[list[str]]:
    names = list(protocol.tasks)
    return [[name] for name in names] if method.one_run_per_task else [names]


def _job(parts: _Parts, method: Method, tasks: list[str], seed: int, settings: Settings) -> Job:
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
        job.data_digest,
        seed,
        tasks,
        pretrained=parts.pretrained_digest,
    )
    return msgspec.structs.replace(job, key=key)


def _measurement(parts: _Parts, method: Method, settings: Settings) -> Job:
    job = _job(parts, method, list(parts.protocol.tasks), 0, settings)
    identity = [
        [*(component.identity().values()), component.source] for component in job.components
    ]
    key = digest(["measure", ENGINE, parts.protocol.digest, identity])[:32]
    return msgspec.structs.replace(job, key=key, kind="measure")


def _planned(job: Job, store: Store, settings: Settings) -> tuple[PlannedRun, Refused | None]:
    found = store.find(job.place, job.key)
    if isinstance(found, Refused):
        return PlannedRun(job, "damaged"), found
    if found is None:
        failed = store.find_failure(job.place, job.key) is not None
        return PlannedRun(job, "failed before" if failed else "new"), None
    changed = stale_components(found, job)
    if changed and not settings.accept_stale:
        return PlannedRun(job, "stale", changed), None
    unlogged = settings.log_gradients and len(job.tasks) > 1 and not has_gradients(found)
    return PlannedRun(job, "cached", changed, unlogged), None


def stale_components(record: Record, job: Job) -> tuple[str, ...]:
    """Return the components whose source differs from the one that made the record."""
    before = {(c.kind, c.id): c.source for c in record.components}
    return tuple(
        f"{c.kind} {c.id}" for c in job.components if before.get((c.kind, c.id)) != c.source
    )


def estimate_seconds(plan: Plan, jobs: int, records: Sequence[Record]) -> tuple[float, str] | None:
    """Return about how long the missing runs take, and what that is derived from.

    Args:
        plan: the plan.
        jobs: runs side by side.
        records: earlier records of the protocol.
    """
    by_method: dict[str, list[float]] = {}
    for record in records:
        by_method.setdefault(record.method, []).append(record.budget.seconds)
    everything = [seconds for values in by_method.values() for seconds in values]
    default = sum(everything) / len(everything) if everything else plan.protocol.seconds_per_run
    if not default:
        return None
    means = {method: sum(values) / len(values) for method, values in by_method.items()}
    total = sum(means.get(run.job.method, default) for run in plan.missing)
    basis = "from earlier records" if everything else "from the protocol's own estimate"
    return total / max(1, min(jobs, len(plan.missing))), basis
