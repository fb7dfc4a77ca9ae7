"""The constant predictor: what a task scores without looking at its input."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from benchbed.contracts.dataset import Dataset, check_columns
from benchbed.contracts.protocol import Protocol
from benchbed.contracts.task import Task
from benchbed.discovery.loading import make_component
from benchbed.discovery.registry import Registry
from benchbed.engine.data import Split
from benchbed.engine.evaluation import Scorer
from benchbed.engine.session import build_task, target_name
from benchbed.execution.jobs import method_jobs
from benchbed.records.record import Record

BATCH: Final = 100
STEPS: Final = 60
"""At most so many looks at the training data to better the constant by the metric itself."""
LOGITS: Final = np.linspace(-6.0, 6.0, 7)
"""Constants to try for one logit, whose scores change in jumps."""


@dataclass(frozen=True, slots=True)
class Constant:
    """The best constant of a task.

    Attributes:
        metric: the task's primary one.
        output: the network output that the constant stands for, one number a channel.
        score: on the test split.
    """

    task: str
    metric: str
    higher_is_better: bool
    output: tuple[float, ...]
    score: float

    def gain(self, score: float) -> float:
        """Return by how much a score is better, as a share of the constant's own."""
        sign = 1 if self.higher_is_better else -1
        difference = sign * (score - self.score)
        if difference == 0:
            return 0.0
        if self.score == 0:
            return math.copysign(math.inf, difference)
        return difference / abs(self.score)


def constants(protocol: Protocol, registry: Registry, root: Path | None) -> dict[str, Constant]:
    """Fit the best constant of each task on the training split and score it on the test split.

    The constant with the least training loss is found first (L-BFGS). From it the primary metric
    on the training split is followed (Nelder and Mead) where there are up to three channels; of
    several classes each one alone is tried, and of one logit a few values. The best by the metric
    on the training split counts.

    Raises:
        BenchbedError: the protocol's plugins or its data are missing.
    """
    job = method_jobs(protocol, [protocol.delta_m.baseline], registry)[0]
    dataset = make_component(job.dataset, Dataset)
    tasks = {name: build_task(job, name, dataset) for name in protocol.tasks}
    targets = {name: target_name(job, name) for name in tasks}
    data = _Data(dataset, tasks, targets, root)
    train, test = data.load(protocol.data.train), data.load(protocol.data.test)
    return {name: _best(task, train, test) for name, task in tasks.items()}


@dataclass(frozen=True, slots=True)
class _Data:
    """A data set with what a protocol's tasks need of it.

    Attributes:
        targets: the data set's target of each task.
    """

    dataset: Dataset
    tasks: Mapping[str, Task]
    targets: Mapping[str, str]
    root: Path | None

    def load(self, split: str) -> Split:
        columns = self.dataset.load(split, self.root)
        check_columns(self.dataset, split, columns)
        groups: set[str] = set()
        for task in self.tasks.values():
            groups.update(task.target.groups)
        return Split(columns, self.targets, torch.device("cpu"), groups=sorted(groups))


def _best(task: Task, train: Split, test: Split) -> Constant:
    higher = bool(task.metrics()[task.primary].higher_is_better)

    def loss(output: np.ndarray) -> float:
        """Return the primary metric on the training split, smaller is better."""
        score = _score(task, train, output)
        if math.isnan(score):
            return math.inf
        return -score if higher else score

    tried = [_least_loss(task, train), *_candidates(task)]
    best = min(tried, key=loss)
    # STEPS are too few looks for more channels, and metrics of the end alone take long
    if task.channels <= 3 and task.primary not in task.final:
        best = minimize(loss, best, method="Nelder-Mead", options={"maxfev": STEPS}).x
    score = _score(task, test, best)
    return Constant(task.name, task.primary, higher, tuple(map(float, best)), score)


def _candidates(task: Task) -> list[np.ndarray]:
    """Return outputs to try beside that of the least loss: each class alone, or a few logits."""
    if task.target.kind != "class":
        return []
    if task.channels > 1:
        return list(10.0 * np.eye(task.channels))
    return [np.array([logit]) for logit in LOGITS]


def _least_loss(task: Task, train: Split) -> np.ndarray:
    """Return the output with the least training loss."""
    # not from 0, which has no direction where a direction is predicted
    start = np.full(task.channels, 0.1)
    found: np.ndarray = minimize(
        _mean_loss, start, (task, train), jac=True, method="L-BFGS-B", options={"maxiter": 50}
    ).x
    return found


def _mean_loss(output: np.ndarray, task: Task, train: Split) -> tuple[float, np.ndarray]:
    """Return the training loss of a constant output and its gradient, ``(channels,)``."""
    constant = torch.tensor(output, requires_grad=True)
    total = elements = 0.0
    for batch in train.in_order(BATCH):
        outputs = _everywhere(task, constant, len(batch))
        loss, count = task.loss(outputs, batch.targets[task.name])
        # of a batch without a valid element the loss may be a constant
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
        total += float(loss.detach())
        elements += float(count)
    gradient = np.zeros_like(output)
    if constant.grad is not None:
        gradient = constant.grad.numpy()
    elements = elements or 1.0
    return total / elements, gradient / elements


def _everywhere(task: Task, constant: Tensor, count: int) -> Tensor:
    """Return the constant as a network's output, ``(count, channels, …)``."""
    size = task.target.size
    one_pixel = constant.float().reshape(1, -1, *[1] * len(size))
    return one_pixel.expand(count, -1, *size)


@torch.no_grad()
def _score(task: Task, split: Split, output: np.ndarray) -> float:
    scorer = Scorer({task.primary: task.metrics()[task.primary]}, split.device)
    constant = torch.from_numpy(np.ascontiguousarray(output))
    for batch in split.in_order(BATCH):
        prediction = task.predict(_everywhere(task, constant, len(batch)))
        scorer.update(prediction, batch.targets[task.name], batch.groups)
    return scorer.compute()[task.primary]


def least_gains(
    found: Mapping[str, Constant], records: Iterable[Record]
) -> dict[str, tuple[float, Record]]:
    """Return, for each task, the record that gains least over its constant, and how much.

    Args:
        found: the constants by task.
        records: all of the protocol's.
    """
    least: dict[str, tuple[float, Record]] = {}
    for record in records:
        for task, scores in record.test.items():
            constant = found[task]
            gain = constant.gain(scores[constant.metric])
            if task not in least or gain < least[task][0]:
                least[task] = (gain, record)
    return least
