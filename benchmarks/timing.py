"""Alternated measurements: medians and minima of wall and CPU time."""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from benchbed.basics.environment import describe, now

HERE = Path(__file__).parent


def alternate(
    actions: Mapping[str, Callable[[], object]], repeats: int, warm_up: int = 1
) -> dict[str, dict[str, float]]:
    """Run the actions in turns; return median and minimum wall and CPU seconds of each."""
    wall: dict[str, list[float]] = {name: [] for name in actions}
    cpu: dict[str, list[float]] = {name: [] for name in actions}
    names = list(actions)
    for turn in range(warm_up + repeats):
        for name in names if turn % 2 else reversed(names):
            started, started_cpu = time.perf_counter(), time.process_time()
            actions[name]()
            if turn >= warm_up:
                wall[name].append(time.perf_counter() - started)
                cpu[name].append(time.process_time() - started_cpu)
    return {
        name: {
            "median_s": statistics.median(wall[name]),
            "min_s": min(wall[name]),
            "cpu_median_s": statistics.median(cpu[name]),
            "cpu_min_s": min(cpu[name]),
        }
        for name in actions
    }


def save(name: str, values: Mapping[str, object]) -> None:
    """Print a benchmark's numbers and keep them with the machine's name."""
    document = {**values, "environment": describe("cpu", 1), "when": now()}
    text = json.dumps(document, indent=1)
    print(text)
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}-{platform.machine()}.json").write_text(text + "\n")
