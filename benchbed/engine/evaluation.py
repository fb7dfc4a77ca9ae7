"""Scoring a network on a split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from benchbed.architecture import Architecture
from benchbed.engine.data import Split
from benchbed.record import Scores
from benchbed.task import Task


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Mean loss and metrics of each task over a split."""

    losses: dict[str, float]
    scores: Scores


class Evaluator:
    """Scores a network on splits; metrics are made once and reset before each use."""

    def __init__(self, tasks: Mapping[str, Task], batch_size: int, device: torch.device) -> None:
        self.tasks = tasks
        self.batch_size = batch_size
        self.metrics = {
            name: {key: metric.to(device) for key, metric in task.metrics().items()}
            for name, task in tasks.items()
        }

    @torch.no_grad()
    def __call__(self, network: Architecture, split: Split) -> Evaluation:
        """Score the network in evaluation mode; its mode is put back afterwards."""
        names = list(self.tasks)
        sums = dict.fromkeys(names, torch.zeros((), dtype=torch.float64))
        counts: dict[str, float] = dict.fromkeys(names, 0.0)
        for metrics in self.metrics.values():
            for metric in metrics.values():
                metric.reset()
        modes = [(module, module.training) for module in network.modules()]
        network.eval()
        for batch in split.in_order(self.batch_size):
            outputs = self.outputs(network, batch.input, names)
            for name, task in self.tasks.items():
                target = batch.targets[name]
                total, weight = task.loss(outputs[name], target)
                sums[name] = sums[name] + total.double().cpu()
                counts[name] += float(weight)
                prediction = task.predict(outputs[name])
                for metric in self.metrics[name].values():
                    metric.update(prediction, target)
        for module, training in modes:
            module.training = training
        return Evaluation(
            {name: float(sums[name]) / max(counts[name], 1.0) for name in names},
            {
                name: {key: float(metric.compute()) for key, metric in metrics.items()}
                for name, metrics in self.metrics.items()
            },
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


def mean_scores(scores: list[Scores]) -> Scores:
    """Return the mean of several evaluations' scores, metric by metric."""
    return {
        task: {
            metric: sum(item[task][metric] for item in scores) / len(scores) for metric in metrics
        }
        for task, metrics in scores[0].items()
    }
