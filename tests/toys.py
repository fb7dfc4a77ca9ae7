"""A tiny data set and components that train in milliseconds, as a plugin of their own."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import nn
from torchmetrics import MeanAbsoluteError

from benchbed import (
    Architecture,
    Dataset,
    Input,
    Option,
    Spec,
    Target,
    Task,
    Weighting,
    hookimpl,
)

PROTOCOL = """
name = "toy"
version = 1
epochs = 4
batch_size = 8
seeds = [0, 1]

[data]
dataset = "toy"

[tasks.a]
task = "toy"

[tasks.b]
task = "toy"

[optimizer]
name = "adam"
lr = 0.01

[selection]
rule = "last"
"""


class ToyData(Dataset):
    """30 training, 10 validation and 10 test vectors; ``a`` and ``b`` are linear in them."""

    input = Input((4,), (-3.0, 3.0))
    targets: ClassVar = {"a": Target("value"), "b": Target("value")}
    splits = ("train", "validation", "test")

    def load(self, split, root):
        seed = self.splits.index(split)
        x = np.random.default_rng(seed).normal(size=(30 if seed == 0 else 10, 4)).astype("float32")
        return {"input": x, "a": x[:, 0] + x[:, 1], "b": x[:, 1] - x[:, 2] + 2}

    def digest(self, root):
        return "toy data 1"


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


@hookimpl
def benchbed_datasets():
    return [Spec("toy", "1.0", "tests.toys:ToyData")]


@hookimpl
def benchbed_tasks():
    return [Spec("toy", "1.0", "tests.toys:ToyTask")]


@hookimpl
def benchbed_architectures():
    width = {"width": Option(int, 8)}
    return [
        Spec("toy-net", "1.0", "tests.toys:ToyNet", options=width),
        Spec(
            "toy-single",
            "1.0",
            "tests.toys:ToyNet",
            options=width,
            traits=frozenset({"one-run-per-task"}),
        ),
    ]


@hookimpl
def benchbed_weightings():
    return [
        Spec("toy-average", "1.0", "tests.toys:ToyAverage", traits=frozenset({"jacobian"})),
        Spec("norm-balance", "1.0", "tests.toys:NormBalance", traits=frozenset({"gramian"})),
    ]


def write_protocol(folder: Path, text: str = PROTOCOL, **replacements: str) -> Path:
    """Write a protocol file whose baseline is ``toy-single``; keywords replace whole lines."""
    lines = ['delta_m = { baseline = "toy-single" }', *text.strip().splitlines()]
    for key, value in replacements.items():
        lines = [f"{key} = {value}" if line.startswith(f"{key} =") else line for line in lines]
    path = folder / "toy.toml"
    path.write_text("\n".join(lines))
    return path
