"""A tiny data set and components that train in milliseconds, as a plugin of their own.

Processes that are to start quickly install the manifest alone, ``tests.toy_manifest``.
"""

from __future__ import annotations

import torch
from torch import nn
from torchmetrics import MeanAbsoluteError

from benchbed import Architecture, Task, Weighting
from tests.toy_data import ToyData
from tests.toy_manifest import (
    PROTOCOL,
    benchbed_architectures,
    benchbed_datasets,
    benchbed_tasks,
    benchbed_weightings,
    write_protocol,
)

__all__ = [
    "PROTOCOL",
    "NormBalance",
    "ToyAverage",
    "ToyData",
    "ToyNet",
    "ToyTask",
    "benchbed_architectures",
    "benchbed_datasets",
    "benchbed_tasks",
    "benchbed_weightings",
    "write_protocol",
]


class ToyTask(Task):
    """Squared error on one number; a NaN target is invalid."""

    kind = "regression"
    primary = "mae"

    @property
    def channels(self):
        return 1

    def loss(self, output, target):
        valid = ~target.isnan()
        error = (output.squeeze(1) - target.nan_to_num()) ** 2
        return (error * valid).sum(), valid.sum()

    def predict(self, output):
        return output.squeeze(1)

    def metrics(self):
        return {"mae": MeanAbsoluteError()}


class ToyNet(Architecture):
    """One hidden layer with dropout and batch norm, a linear head a task."""

    def __init__(self, context, width=8):
        super().__init__(context)
        self.trunk = nn.Sequential(
            nn.Linear(context.input.shape[0], width),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Dropout(0.1),
        )
        self.heads = nn.ModuleDict({name: nn.Linear(width, 1) for name in context.tasks})

    def forward(self, x, tasks):
        features = self.trunk(x)
        return {task: self.heads[task](features) for task in tasks}


class ToyAverage(Weighting):
    """Jacobian level: the mean of the rows plus a decaying memory of earlier means, by name."""

    level = "jacobian"
    sums_to = "1"

    def __init__(self, context):
        super().__init__(context)
        self.memory = {}

    def get_extra_state(self):
        return self.memory

    def set_extra_state(self, state):
        self.memory = state

    def direction(self, rows, losses):
        result = {}
        for name, row in rows.items():
            old = self.memory.get(name, torch.zeros_like(row[0]))
            result[name] = row.mean(dim=0) + 0.1 * old
            self.memory[name] = result[name].clone()
        return result


class NormBalance(Weighting):
    """Gramian level: weights inverse to the gradients' norms; own parameters are weighted too."""

    level = "gramian"
    heads = "weighted"

    def weights(self, gramian, losses):
        inverse = 1 / gramian.diag().sqrt().clamp(min=1e-12)
        return len(inverse) * inverse / inverse.sum()
