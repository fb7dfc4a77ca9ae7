"""Scoring a network on a split."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from benchbed.basics.errors import DataError
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
        self._names = list(metrics)
        by_group: dict[str | None, dict[str, Metric]] = {}
        for place, metric in enumerate(metrics.values()):
            # by its place: a collection cannot have names with dots
            members = by_group.setdefault(getattr(metric, "group", None), {})
            members[str(place)] = metric
        self._collections: dict[str | None, MetricCollection] = {}
        for group, members in by_group.items():
            collection = MetricCollection(dict(members), compute_groups=_sharing(members))
            self._collections[group] = collection.to(device)

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
            if group is None:
                collection.update(prediction, target)
            else:
                collection.update(prediction, target, groups[group])

    def compute(self) -> dict[str, float]:
        """Return the metrics' values by name."""
        by_place: dict[str, Tensor] = {}
        for collection in self._collections.values():
            by_place |= collection.compute()
        return {name: float(by_place[str(place)]) for place, name in enumerate(self._names)}


def _sharing(metrics: Mapping[str, Metric]) -> list[list[str]]:
    """Return the names of metrics that share their states, the others each by itself."""
    sharing: dict[Hashable, list[str]] = {}
    for name, metric in metrics.items():
        state_key = getattr(metric, "state_key", None)
        key: Hashable = id(metric)
        if state_key is not None:
            key = type(metric), state_key
        sharing.setdefault(key, []).append(name)
    return list(sharing.values())


class Evaluator:
    """Scores a network on splits; metrics are made once and reset before each use."""

    def __init__(self, tasks: Mapping[str, Task], batch_size: int, device: torch.device) -> None:
        self.tasks = tasks
        self.batch_size = batch_size
        self._every: dict[str, Scorer] = {}
        self._final: dict[str, Scorer] = {}
        for name, task in tasks.items():
            self._every[name] = _scorer(task, device, final=False)
            self._final[name] = self._every[name]
            if task.final:
                self._final[name] = _scorer(task, device, final=True)

    @torch.no_grad()
    def __call__(self, network: Architecture, split: Split, *, final: bool = False) -> Evaluation:
        """Score the network in evaluation mode; its mode is put back afterwards.

        Args:
            network: to score.
            split: to score on.
            final: for the record, with the metrics that are too slow for every epoch.

        Raises:
            DataError: a task has no valid element in the split.
        """
        names = list(self.tasks)
        # in float64: a split has many batches
        sums = dict.fromkeys(names, torch.zeros((), dtype=torch.float64))
        counts = dict.fromkeys(names, 0.0)
        scorers = self._final if final else self._every
        for scorer in scorers.values():
            scorer.reset()
        # module by module: a network may hold some in evaluation mode while it trains
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
        require_labels(counts, split)
        losses = {name: float(sums[name]) / counts[name] for name in names}
        scores = {name: scorer.compute() for name, scorer in scorers.items()}
        return Evaluation(losses, scores)

    def outputs(self, network: Architecture, x: Tensor, names: list[str]) -> Mapping[str, Tensor]:
        """Return the outputs to score; those of several crops of a sample are averaged.

        Args:
            network: in evaluation mode.
            x: ``(N, *shape)``, or K crops of each sample, ``(N, K, *shape)``.
            names: of the tasks.

        Returns:
            By task ``(N, channels, …)``.
        """
        if x.dim() != len(network.context.input.shape) + 2:
            return network.combine(network(x, names))
        crops = x.shape[1]
        outputs = network.combine(network(x.flatten(0, 1), names))
        averaged: dict[str, Tensor] = {}
        for name in names:
            by_crop = outputs[name].reshape(-1, crops, *outputs[name].shape[1:])
            averaged[name] = self.tasks[name].average(by_crop)
        return averaged


def require_labels(counts: Mapping[str, float], split: Split) -> None:
    """Refuse scores that are of nothing: a loss of 0 would be the best there is.

    Args:
        counts: of the tasks' valid elements.
        split: that they were counted in.

    Raises:
        DataError: a task has none.
    """
    without = [name for name, count in counts.items() if not count]
    if without:
        raise DataError(
            f"No sample of split '{split.name}' has a label for {_listed(without)}, so nothing can "
            "be scored there; choose other splits in the protocol's [data], or leave the task out."
        )


def _listed(names: Sequence[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    return ("task " if len(names) == 1 else "tasks ") + ", ".join(quoted)


def _scorer(task: Task, device: torch.device, *, final: bool) -> Scorer:
    metrics = task.metrics()
    if not final:
        metrics = {name: metric for name, metric in metrics.items() if name not in task.final}
    return Scorer(metrics, device)


def mean_scores(scores: list[Scores]) -> Scores:
    """Return the mean of several evaluations' scores, metric by metric."""
    means: Scores = {}
    for task, metrics in scores[0].items():
        means[task] = {}
        for metric in metrics:
            values = [evaluated[task][metric] for evaluated in scores]
            means[task][metric] = sum(values) / len(values)
    return means
