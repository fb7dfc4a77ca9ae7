"""What the weights of every strategy at Gramian level cost, from the Gramian alone.

Target: at most 0.3 ms for up to 11 tasks and 1 ms for 40.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
import torch

from benchbed.contracts.weighting import Weighting, WeightingContext
from benchbed.discovery.loading import load
from benchbed.discovery.method import resolve_weighting
from benchbed.discovery.registry import Registry, discover
from benchbed.engine.strategy import build_strategy
from benchmarks.timing import save
from tests.zoo.weightings.checks import KINDS, losses, names

COUNTS, SEEDS, SECONDS = (2, 3, 5, 11, 40), 5, 0.03
GRAMIANS = ("random", "conditioned", "conflicting")


def at_gramian_level(registry: Registry) -> list[str]:
    """Names of the strategies that solve for weights; those that declare no level are loaded."""
    specs = [entry.spec for entry in registry.of_kind("weighting")]
    return [
        spec.id
        for spec in specs
        if not spec.traits & {"loss", "jacobian"}
        and load(spec.target, Weighting).level == "gramian"
    ]


def gramian(kind: str, count: int, batches: int, seed: int) -> torch.Tensor:
    """That of all gradients, batch by batch: the first batch's, and the same with noise."""
    jacobian = KINDS[kind](count, seed)
    draw = np.random.default_rng(seed)
    scale = 0.1 * np.abs(jacobian).max()
    noisy = [jacobian + scale * draw.normal(size=jacobian.shape) for _ in range(batches - 1)]
    rows = np.vstack([jacobian, *noisy])
    return torch.from_numpy(rows @ rows.T)


def times(name: str, registry: Registry, kind: str, count: int) -> dict[str, float]:
    """Median and minimum milliseconds of a call, over several Gramians that are asked in turns."""
    context = WeightingContext(names(count))
    torch.manual_seed(0)
    strategy = build_strategy(resolve_weighting(name, registry, names(count)), context).last
    given = losses(count)
    problems = [gramian(kind, count, strategy.batches, seed) for seed in range(SEEDS)]
    for problem in problems:
        strategy.weights(problem, given)
    found: list[float] = []
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end or len(found) < 4 * SEEDS:
        for problem in problems:
            started = time.perf_counter()
            strategy.weights(problem, given)
            found.append(1000 * (time.perf_counter() - started))
    return {"median_ms": statistics.median(found), "min_ms": min(found)}


def main() -> None:
    torch.set_num_threads(1)
    registry = discover({"BENCHBED_PLUGINS": "zoo"})
    found = {
        name: {
            kind: {str(count): times(name, registry, kind, count) for count in COUNTS}
            for kind in GRAMIANS
        }
        for name in at_gramian_level(registry)
    }
    over = [
        f"{name} {kind} {count}"
        for name, kinds in found.items()
        for kind, counts in kinds.items()
        for count, values in counts.items()
        if values["median_ms"] > (1.0 if int(count) > 11 else 0.3)
    ]
    save(
        "solvers",
        {
            "what": "ms a call of weights() by number of tasks; target 0.3 to 11 tasks, 1 at 40",
            "medians_over_the_target": over,
            "times": found,
        },
    )


if __name__ == "__main__":
    main()
