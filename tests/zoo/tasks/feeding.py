"""Feeding a task's metrics sample by sample in all sorts of ways that must make no difference."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from hypothesis import strategies as st
from torch import Tensor
from torchmetrics import MetricCollection

from benchbed.contracts.task import Task

Batches = Sequence[Sequence[int]]


@st.composite
def splits(draw: st.DrawFn, count: int) -> Sequence[Batches]:
    """Samples in any order, cut into batches, which are dealt out to some processes."""
    order = draw(st.permutations(range(count)))
    cuts = sorted(draw(st.sets(st.integers(1, count), max_size=3)) | {0, count})
    processes: list[Batches] = [[] for _ in range(3)]
    for start, stop in pairwise(cuts):
        processes[draw(st.integers(0, 2))].append(order[start:stop])
    return [batches for batches in processes if batches]


def scores(
    task: Task, output: Tensor, target: Tensor, processes: Sequence[Batches] | None = None
) -> dict[str, float]:
    """The metrics by name; by default over all samples in one batch."""
    processes = processes or [[range(len(target))]]
    gathered = [task.metrics() for _ in processes]
    for metrics, batches in zip(gathered, processes, strict=True):
        for batch in batches:
            at = torch.tensor(list(batch), dtype=torch.int64)
            prediction = task.predict(output[at])
            for metric in metrics.values():
                metric.update(prediction, target[at])
    first, *others = gathered
    for other in others:
        for name, metric in first.items():
            metric.merge_state(other[name])
    return {name: float(metric.compute()) for name, metric in first.items()}


def shared_scores(task: Task, output: Tensor, target: Tensor) -> dict[str, float]:
    """The metrics by name where one of them is updated and the others take over its states."""
    metrics = {name.replace(".", "-"): metric for name, metric in task.metrics().items()}
    shared = MetricCollection(metrics, compute_groups=[list(metrics)])
    for i in range(len(target)):
        shared.update(task.predict(output[i : i + 1]), target[i : i + 1])
    return {name.replace("-", "."): float(score) for name, score in shared.compute().items()}
