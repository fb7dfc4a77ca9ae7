"""Scoring a network on a split."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from benchbed.contracts.architecture import Architecture
from benchbed.contracts.task import Task
from benchbed.engine.data import Split
from benchbed.records.record import Scores


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Mean loss and metrics of each task over a split."""

    losses: dict[str, float]
    scores: Scores


class Scorer:
    """Some metrics of one task; of those that share their states only one is updated."""

    def __init__(self, metrics: Mapping[str, Metric], device: torch.device) -> None:
        self._names = list(metrics)  # a collection cannot have names with dots
        by_groups: dict[str | None, dict[str, Metric]] = {}
        for place, metric in enumerate(metrics.values()):
            by_groups.setdefault(getattr(metric, "group", None), {})[str(place)] = metric
        self._collections = {
            group: MetricCollection(dict(found), compute_groups=_sharing(found)).to(device)
            for group, found in by_groups.items()
        }

    def reset(self) -> None:
        """Forget everything."""
        for collection in self._collections.values():
            collection.reset()

    def update(self, prediction: Tensor, target: Tensor, groups: Mapping[str, Tensor]) -> None:
        """Take a batch into account.

        Args:
            prediction: what the task's ``predict`` returned.
            target: the batch's target.
            groups: by name, the group of each sample.
        """
        for group, collection in self._collections.items():
            further = () if group is None else (groups[group],)
            collection.update(prediction, target, *further)

    def compute(self) -> dict[str, float]:
        """Return the metrics' values by name."""
        values: dict[str, float] = {}
        for collection in self._collections.values():
            values |= {place: float(value) for place, value in collection.compute().items()}
        return {name: values[str(place)] for place, name in enumerate(self._names)}


def _sharing(metrics: Mapping[str, Metric]) -> list[list[str]]:
    """Return the names of metrics that share their states, the others each by itself."""
    found: dict[Hashable, list[str]] = {}
    for name, metric in metrics.items():
        key = getattr(metric, "state_key", None)
        found.setdefault(id(metric) if key is None else (type(metric), key), []).append(name)
    return list(found.values())


class Evaluator:
    """Scores a network on splits; metrics are made once and reset before each use."""

    def __init__(self, tasks: Mapping[str, Task], batch_size: int, device: torch.device) -> None:
        self.tasks = tasks
        self.batch_size = batch_size
        self._every = {name: _scorer(task, device, final=False) for name, task in tasks.items()}
        self._final = {
            name: _scorer(task, device, final=True) if task.final else self._every[name]
            for name, task in tasks.items()
        }

    @torch.no_grad()
    def __call__(self, network: Architecture, split: Split, *, final: bool = False) -> Evaluation:
        """Score the network in evaluation mode; its mode is put back afterwards.

        Args:
            network: to score.
            split: to score on.
            final: for the record, with the metrics that are too slow for every epoch.
        """
        names = list(self.tasks)
        sums = dict.fromkeys(names, torch.zeros((), dtype=torch.float64))
        counts: dict[str, float] = dict.fromkeys(names, 0.0)
        scorers = self._final if final else self._every
        for scorer in scorers.values():
            scorer.reset()
        modes = [(module, module.training) for module in network.modules()]
        network.eval()
        for batch in split.in_order(self.batch_size):
            outputs = self.outputs(network, batch.input, names)
            for name, task in self.tasks.items():
                target = batch.targets[name]
                total, weight = task.loss(outputs[name], target)
                sums[name] = sums[name] + total.double().cpu()
                counts[name] += float(weight)
                scorers[name].update(task.predict(outputs[name]), target, batch.groups)
        for module, training in modes:
            module.training = training
        return Evaluation(
            {name: float(sums[name]) / (counts[name] or 1.0) for name in names},
            {name: scorer.compute() for name, scorer in scorers.items()},
        )

    def outputs(self, network: Architecture, x: Tensor, names: list[str]) -> Mapping[str, Tensor]:
        """Return the outputs to score; those of several crops of a sample are averaged."""
        crops = x.shape[1] if x.dim() == len(network.context.input.shape) + 2 else 0
        outputs = network.combine(network(x.flatten(0, 1) if crops else x, names))
        if not crops:
            return outputs
        return {
            name: self.tasks[name].average(
                outputs[name].reshape(-1, crops, *outputs[name].shape[1:])
            )
            for name in names
        }


def _scorer(task: Task, device: torch.device, *, final: bool) -> Scorer:
    metrics = task.metrics().items()
    return Scorer({key: m for key, m in metrics if final or key not in task.final}, device)


def mean_scores(scores: list[Scores]) -> Scores:
    """Return the mean of several evaluations' scores, metric by metric."""
    return {
        task: {
            metric: sum(item[task][metric] for item in scores) / len(scores) for metric in metrics
        }
        for task, metrics in scores[0].items()
    }
