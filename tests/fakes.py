"""Records, failures and measurements made without training; imports no torch.

The hook at the end announces the networks of ``tests/misfits.py``: ``registry.add_plugin(fakes,
…)`` in this process, or a plugin module with ``from tests.fakes import *`` in another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from benchbed import Option, Spec, hookimpl
from benchbed.contracts.protocol import Protocol, parse_protocol
from benchbed.discovery.method import Component
from benchbed.execution.plan import Plan, Settings, make_plan
from benchbed.records.job import Job
from benchbed.records.record import (
    ENGINE,
    Budget,
    Costs,
    Failure,
    Macs,
    Measurement,
    MetricInfo,
    Parameters,
    Record,
    run_key,
    seal,
)
from benchbed.records.store import Place, Store

TRIO = parse_protocol(
    """
    name = "trio"
    version = 2
    epochs = 3
    batch_size = 8
    seeds = [0, 1]
    backbone = "conv-small"
    seconds_per_run = 12
    [data]
    dataset = "scenes"
    [tasks.seg]
    task = "segmentation"
    [tasks.depth]
    task = "regression"
    [tasks.parts]
    task = "segmentation"
    [optimizer]
    name = "adam"
    lr = 0.01
    [selection]
    rule = "last"
    """,
    "trio",
)

METRICS = {
    "seg": {
        "miou": MetricInfo(higher_is_better=True, primary=True, percent=True),
        "acc": MetricInfo(higher_is_better=True, percent=True),
    },
    "depth": {
        "abs": MetricInfo(higher_is_better=False, primary=True),
        "rel": MetricInfo(higher_is_better=False),
    },
    "parts": {"miou": MetricInfo(higher_is_better=True, primary=True, percent=True)},
}

SCORES = {
    "seg": {"miou": 0.5, "acc": 0.8},
    "depth": {"abs": 0.25, "rel": 0.125},
    "parts": {"miou": 0.4},
}

Scores = Mapping[str, Mapping[str, float]]


def scaled(factor: float, scores: Scores = SCORES) -> dict[str, dict[str, float]]:
    """All scores times a factor."""
    return {t: {m: factor * value for m, value in ms.items()} for t, ms in scores.items()}


def costs(tasks: Iterable[str], parameters: int = 1000, macs: int = 2000) -> Costs:
    """Costs in which everything is shared."""
    return Costs(
        parameters=Parameters(parameters, parameters, dict.fromkeys(tasks, 0)),
        macs=Macs(macs, dict.fromkeys(tasks, macs)),
        other_ops={"batch_norm": 10},
        uncounted=["sigmoid"],
        size_kb={"fp32": parameters / 256, "fp16": parameters / 512},
    )


def components(
    method: str,
    tasks: Iterable[str],
    *,
    protocol: Protocol = TRIO,
    backbone: str = "conv-small",
    versions: Mapping[str, str] | None = None,
    sources: Mapping[str, str] | None = None,
    options: Mapping[str, Mapping[str, object]] | None = None,
) -> list[Component]:
    """The components of ``architecture+weighting``; a name without ``+`` has no weighting."""
    architecture, _, weighting = method.partition("+")
    parts = [("architecture", architecture.partition(":")[0])]
    parts += [("backbone", backbone)] if backbone else []
    parts += [("weighting", weighting.partition(":")[0])] if weighting else []
    parts += [("task", protocol.tasks[task].task) for task in tasks]
    parts += [("dataset", protocol.data.dataset)]
    return [
        Component(
            kind=kind,
            id=name,
            version=(versions or {}).get(name, "1.0"),
            target=f"fake.{kind}:Thing",
            options=dict((options or {}).get(name, {})),
            distribution="fake",
            distribution_version="1.0",
            source=(sources or {}).get(name, "s0"),
        )
        for kind, name in parts
    ]


def record(
    method: str = "hps+equal",
    seed: int = 0,
    test: Scores | None = None,
    *,
    protocol: Protocol = TRIO,
    tasks: Iterable[str] | None = None,
    digest: str | None = None,
    engine: int = ENGINE,
    data_digest: str = "data 1",
    parameters: int = 1000,
    finished: str = "2026-01-01T00:00:00Z",
    seconds: float = 10.0,
    metrics: Mapping[str, Mapping[str, MetricInfo]] = METRICS,
    **more,
) -> Record:
    """A sound record; ``test`` holds the scores of its tasks."""
    names = list(tasks or protocol.tasks)
    parts = components(method, names, protocol=protocol, **more)
    digest = digest or protocol.digest
    test = test or SCORES
    return Record(
        schema="benchbed.record/1",
        key=run_key(digest, parts, data_digest, seed, names, engine),
        protocol=protocol.id,
        protocol_digest=digest,
        method=method,
        tasks=names,
        seed=seed,
        engine=engine,
        components=parts,
        data_digest=data_digest,
        metrics={task: dict(metrics[task]) for task in names},
        test={task: dict(test[task]) for task in names},
        validation={task: dict(test[task]) for task in names},
        selection=str(protocol.selection),
        selected_epoch=protocol.epochs,
        curves={f"train/{task}/loss": [1.0, 0.5, None] for task in names},
        costs=costs(names, parameters),
        budget=Budget(protocol.epochs, 12, 90, seconds),
        environment={"python": "3.11", "device": "cpu"},
        commit="0" * 40,
        dirty=False,
        started="2026-01-01T00:00:00Z",
        finished=finished,
    )


def with_key(item: Record, **changes: object) -> Record:
    """A record with other fields and the run key that goes with them."""
    changed = msgspec.structs.replace(item, **changes, content="")
    key = run_key(
        changed.protocol_digest,
        changed.components,
        changed.data_digest,
        changed.seed,
        changed.tasks,
        changed.engine,
        changed.pretrained,
    )
    return seal(msgspec.structs.replace(changed, key=key))


def single(seed: int = 0, test: Scores | None = None, skip: Iterable[str] = (), **more):
    """The records of the single-task baseline for one seed, one a task."""
    return [
        record("single-task", seed, test, tasks=[task], **more)
        for task in TRIO.tasks
        if task not in skip
    ]


def record_of_job(job: Job, value: float = 0.5, **changes) -> Record:
    """The record that a planned run would leave, with one made-up metric a task."""
    info = {"accuracy": MetricInfo(higher_is_better=True, primary=True, percent=True)}
    fields = {
        "schema": "benchbed.record/1",
        "key": job.key,
        "protocol": job.protocol.id,
        "protocol_digest": job.protocol.digest,
        "method": job.method,
        "tasks": job.tasks,
        "seed": job.seed,
        "engine": ENGINE,
        "components": job.components,
        "data_digest": job.data_digest,
        "metrics": dict.fromkeys(job.tasks, info),
        "test": {task: {"accuracy": value} for task in job.tasks},
        "validation": {},
        "selection": str(job.protocol.selection),
        "selected_epoch": job.protocol.epochs,
        "curves": {},
        "costs": costs(job.tasks),
        "budget": Budget(job.protocol.epochs, 12, 90, 10.0),
        "environment": {"device": "cpu"},
        "commit": "",
        "dirty": False,
        "started": "2026-01-01T00:00:00Z",
        "finished": "2026-01-01T00:00:00Z",
    }
    return Record(**fields | changes)


def failure(
    method: str = "hps+equal",
    seed: int = 0,
    *,
    protocol: Protocol = TRIO,
    tasks: Iterable[str] | None = None,
    digest: str | None = None,
    **more,
) -> Failure:
    """A failure of the run that :func:`record` makes with the same arguments."""
    names = list(tasks or protocol.tasks)
    return Failure(
        schema="benchbed.failure/1",
        key=run_key(
            digest or protocol.digest,
            components(method, names, protocol=protocol, **more),
            "data 1",
            seed,
            names,
        ),
        protocol=protocol.id,
        protocol_digest=digest or protocol.digest,
        method=method,
        tasks=names,
        seed=seed,
        status="failed",
        error="ValueError: no",
        traceback="Traceback: no",
        usage=False,
        finished="2026-01-01T00:00:00Z",
    )


def measurement(
    method: str = "hps+equal",
    step_ms: float = 1.5,
    *,
    protocol: Protocol = TRIO,
    key: str = "",
    finished: str = "2026-01-01T00:00:00Z",
) -> Measurement:
    """A measurement of a method."""
    return Measurement(
        schema="benchbed.measurement/1",
        key=key or f"m-{method.replace(':', '-').replace('+', '-')}-{finished[:10]}",
        protocol=protocol.id,
        protocol_digest=protocol.digest,
        method=method,
        step_ms=step_ms,
        latency_ms=0.5,
        peak_memory_mb=20.0,
        threads=1,
        environment={"device": "cpu", "cpu": "a CPU"},
        finished=finished,
    )


def place_of(item: Record | Failure | Measurement) -> Place:
    """Where an item made here lies."""
    name, _, version = item.protocol.partition("@")
    architecture, _, weighting = item.method.partition("+")
    last = weighting.partition(":")[0] or "+".join(getattr(item, "tasks", ["all"]))
    return Place(name, int(version), architecture.partition(":")[0], last)


def put(store: Store, *items: Record | Failure | Measurement) -> list[Path]:
    """Write items where they belong; return their paths."""
    shelves = {Record: "runs", Failure: "failed", Measurement: "measurements"}
    return [store.write(shelves[type(item)], place_of(item), item) for item in items]


def fill(plan: Plan, results: Path | str) -> None:
    """Give every run and measurement of a plan a made-up record."""
    store = Store(results)
    for run in plan.runs:
        store.write("runs", run.job.place, record_of_job(run.job, 0.5 + run.job.seed / 100))
    for job in plan.measurements:
        item = measurement(job.method, protocol=job.protocol, key=job.key)
        store.write("measurements", job.place, item)


def one_job(protocol, method, registry, results, seed=0, **settings) -> Job:
    """The job of one run of a method, baselines left out."""
    plan = make_plan(protocol, [method], registry, Settings(Path(results), **settings), [seed])
    return plan.runs[-1].job


def left_behind(results: Path) -> list[str]:
    """Names of the temporary files, checkpoints and locks below a folder."""
    return sorted(
        path.name
        for path in results.rglob("*")
        if path.is_file() and (path.suffix in {".tmp", ".pt", ".lock"} or path.name[0] == ".")
    )


MINI = """
name = "mini"
version = 1
epochs = 4
batch_size = 128
backbone = "mlp"
seeds = [0, 1]

[data]
dataset = "digits"

[tasks.holes]
task = "classification"

[tasks.parity]
task = "classification"

[optimizer]
name = "adam"
lr = 0.01

[selection]
rule = "best-validation"
"""


def write_mini(folder: Path, **replacements: object) -> Path:
    """Write a protocol that trains in a tenth of a second, planned without importing torch."""
    lines = MINI.strip().splitlines()
    for key, value in replacements.items():
        lines = [f"{key} = {value}" if line.startswith(f"{key} =") else line for line in lines]
    path = folder / "mini.toml"
    path.write_text("\n".join(lines))
    return path


@hookimpl
def benchbed_architectures():
    """The networks that misbehave."""
    return [
        Spec("slow", "1.0", "tests.misfits:SlowNet", options={"pace": Option(int, 1)}),
        Spec("raising", "1.0", "tests.misfits:RaisingNet"),
        Spec(
            "exiting", "1.0", "tests.misfits:ExitingNet", options={"politely": Option(bool, False)}
        ),
        Spec("suicidal", "1.0", "tests.misfits:SuicidalNet"),
        Spec(
            "infinite",
            "1.0",
            "tests.misfits:InfiniteNet",
            options={"where": Option(str, "training", choices=("training", "evaluation"))},
        ),
        Spec("plain", "1.0", "tests.misfits:PlainNet"),
        Spec("absent", "1.0", "tests.misfits:NoSuchNet"),
    ]
