"""``benchbed report`` on 100,000 generated records of 20 epochs × 12 curves.

Targets: JSON in under 20 s without an index and under 1 s with one, in under 1 GB of memory.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchbed.discovery.catalogue import find_protocol
from benchbed.discovery.registry import discover
from benchbed.execution.plan import Settings, make_plan
from benchbed.records.index import SETTLED
from benchbed.records.job import Job
from benchbed.records.record import (
    ENGINE,
    Budget,
    Costs,
    Macs,
    MetricInfo,
    Parameters,
    Record,
    run_key,
    seal,
)
from benchmarks.timing import save

METHODS, SEEDS, EPOCHS = 397, 250, 20
NAMES = ("accuracy", "macro_accuracy")


def generate(root: Path) -> int:
    """Write the records of DWA at 397 temperatures and of the baseline; return how many."""
    registry = discover({"BENCHBED_PLUGINS": "zoo"})
    protocol = find_protocol("digits", registry)
    methods = [f"hps+dwa:T={i + 1}" for i in range(METHODS)]
    count = 0
    for run in make_plan(protocol, methods, registry, Settings(root), [0]).runs:
        folder = run.job.place.below(root / "runs")
        folder.mkdir(parents=True, exist_ok=True)
        for record in _records(run.job):
            content = msgspec.json.format(msgspec.json.encode(record), indent=1)
            (folder / f"{record.key}.json").write_bytes(content)
            count += 1
    return count


def _records(job: Job) -> Iterator[Record]:
    first = _record(job)
    for seed in range(SEEDS):
        key = run_key(job.protocol.digest, job.components, job.data_digest, seed, job.tasks)
        pick = random.Random(key).random
        test = {task: {name: 0.9 + 0.1 * pick() for name in NAMES} for task in job.tasks}
        curves = {
            f"{split}/{task}/{name}": [pick() for _ in range(EPOCHS)]
            for split in ("train", "validation")
            for task in job.protocol.tasks
            for name in NAMES
        }
        own = {"key": key, "seed": seed, "test": test, "validation": test, "curves": curves}
        yield seal(msgspec.structs.replace(first, **own))


def _record(job: Job) -> Record:
    costs = Costs(
        Parameters(1000, 900, dict.fromkeys(job.tasks, 33)),
        Macs(10_000, dict.fromkeys(job.tasks, 5000)),
        {"batch_norm": 10},
        [],
        {"fp32": 4.0, "fp16": 2.0},
    )
    info = {"accuracy": MetricInfo(True, True, True), "macro_accuracy": MetricInfo(True)}
    return Record(
        schema="benchbed.record/1",
        key=job.key,
        protocol=job.protocol.id,
        protocol_digest=job.protocol.digest,
        method=job.method,
        tasks=job.tasks,
        seed=0,
        engine=ENGINE,
        components=job.components,
        data_digest=job.data_digest,
        metrics=dict.fromkeys(job.tasks, info),
        test={},
        validation={},
        selection=str(job.protocol.selection),
        selected_epoch=EPOCHS,
        curves={},
        costs=costs,
        budget=Budget(EPOCHS, 680, 21_560, 3.0),
        environment={"python": "3.11"},
        commit="",
        dirty=False,
        started="2026-01-01T00:00:00Z",
        finished="2026-01-01T00:00:03Z",
    )


def report(folder: str) -> dict[str, float]:
    """Run ``benchbed report`` in a process of its own; return its seconds and its memory's peak."""
    command = [sys.executable, "-m", "benchbed", "report", "digits", "--format", "json"]
    started = time.perf_counter()
    process = subprocess.Popen([*command, "--results", folder], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    if status:
        raise SystemExit(f"benchbed report ended with status {status}")
    return {
        "wall_s": wall,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_memory_mb": usage.ru_maxrss / 1024,
    }


def summary(runs: list[dict[str, float]]) -> dict[str, float]:
    """Return medians, the least wall time (others may use the machine), and the highest peak."""
    return {
        "wall_median_s": statistics.median(run["wall_s"] for run in runs),
        "wall_min_s": min(run["wall_s"] for run in runs),
        "cpu_median_s": statistics.median(run["cpu_s"] for run in runs),
        "peak_memory_mb": max(run["peak_memory_mb"] for run in runs),
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        count = generate(root)
        size = sum(path.stat().st_size for path in root.rglob("*.json")) / count
        time.sleep(1 + SETTLED / 1e9)  # until no file is too young for the index
        without, one_new, unchanged = [], [], []
        for _ in range(3):
            for path in (root / "index").glob("*"):
                path.unlink()
            without.append(report(folder))
            unchanged += [report(folder) for _ in range(5)]
            next(root.rglob("runs/**/*.json")).touch()
            time.sleep(1 + SETTLED / 1e9)
            one_new.append(report(folder))
    save(
        "report",
        {
            "what": "benchbed report --format json, from start to end of its process",
            "targets": "without index 20 s, with index 1 s, memory 1000 MB",
            "records": count,
            "bytes_a_record": round(size),
            "without_index": summary(without),
            "with_index": summary(unchanged),
            "with_index_one_record_changed": summary(one_new),
        },
    )


if __name__ == "__main__":
    main()
