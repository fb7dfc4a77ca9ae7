"""``benchbed report`` on 10,000 generated records of 20 epochs × 12 curves. Target: under 3 s."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from benchbed.catalogue import find_protocol
from benchbed.execution.plan import Settings, make_plan
from benchbed.record import (
    Budget,
    Costs,
    Macs,
    MetricInfo,
    Parameters,
    Record,
)
from benchbed.registry import discover
from benchmarks.timing import alternate, save

METHODS, SEEDS, EPOCHS = 20, 500, 20
NAMES = ("accuracy", "macro_accuracy", "loss")


def generate(root: Path) -> int:
    """Write records of 20 methods of DWA at 500 seeds each; return how many."""
    registry = discover({"BENCHBED_PLUGINS": "zoo"})
    protocol = find_protocol("digits", registry)
    methods = [f"hps+dwa:T={i + 1}" for i in range(METHODS - 1)]
    plan = make_plan(protocol, methods, registry, Settings(root), range(SEEDS))
    count = 0
    for run in plan.runs:
        job = run.job
        path = job.place.below(root / "runs") / f"{job.key}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(_record(job)), indent=1))
        count += 1
    return count


def _record(job) -> Record:
    pick = random.Random(job.key).random
    scores = {task: {name: 0.9 + 0.1 * pick() for name in NAMES[:2]} for task in job.tasks}
    curves = {
        f"{split}/{task}/{name}": [pick() for _ in range(EPOCHS)]
        for split in ("train", "validation")
        for task in job.protocol.tasks
        for name in NAMES[:2]
    }
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
        seed=job.seed,
        engine=1,
        components=job.components,
        data_digest=job.data_digest,
        metrics=dict.fromkeys(job.tasks, info),
        test=scores,
        validation=scores,
        selection=str(job.protocol.selection),
        selected_epoch=EPOCHS,
        curves=curves,
        costs=costs,
        budget=Budget(EPOCHS, 680, 21_560, 3.0),
        environment={"python": "3.11"},
        commit="",
        dirty=False,
        started="2026-01-01T00:00:00Z",
        finished="2026-01-01T00:00:03Z",
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        count = generate(root)
        size = sum(path.stat().st_size for path in root.rglob("*.json")) / count

        def report() -> None:
            command = [sys.executable, "-m", "benchbed", "report", "digits", "--format", "json"]
            subprocess.run([*command, "--results", folder], capture_output=True, check=True)

        times = alternate({"report": report}, 5)
    save(
        "report",
        {
            "what": "seconds a report; target 3",
            "records": count,
            "bytes_a_record": round(size),
            "times": times,
        },
    )


if __name__ == "__main__":
    main()
