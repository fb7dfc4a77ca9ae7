"""Made-up inputs, targets, tasks and data for plugins that need some to work on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import MeanAbsoluteError, Metric
from torchmetrics.classification import MulticlassAccuracy

from benchbed.contracts.architecture import Architecture, BuildContext
from benchbed.contracts.dataset import Column, Dataset, Input, Target
from benchbed.contracts.task import Task

IGNORED: Final = 255
"""The class index of what is not annotated, in made-up targets."""


def generator(seed: int) -> torch.Generator:
    """Return a generator of its own, so that samples never touch the global one."""
    return torch.Generator().manual_seed(seed)


def sample_input(input: Input, count: int, seed: int = 0) -> Tensor:
    """Return inputs, uniform in the input's range, ``(N, *shape)``."""
    low, high = input.range
    if input.dtype == "int64":
        shape = (count, *input.shape)
        return torch.randint(int(low), int(high) + 1, shape, generator=generator(seed))
    return low + (high - low) * torch.rand(count, *input.shape, generator=generator(seed))


def sample_target(target: Target, count: int, seed: int = 0) -> Tensor:
    """Return valid targets, classes or numbers in [0.5, 1.5), ``(N, *shape)``."""
    shape = (count, *target.shape)
    if target.kind == "class":
        return torch.randint(target.classes, shape, generator=generator(seed))
    return 0.5 + torch.rand(shape, generator=generator(seed))


class SampleTask(Task):
    """Cross-entropy for classes, squared error for numbers; for samples and for maps."""

    primary = "metric"

    def __init__(self, name: str, target: Target) -> None:
        super().__init__(name, target)
        self.kind = "classification" if target.kind == "class" else "regression"  # type: ignore[misc]

    @property
    def channels(self) -> int:
        """Return the number of classes, or of numbers at each place."""
        if self.target.kind == "class":
            return self.target.classes
        return 1 if self._has_one_number else self.target.shape[0]

    @property
    def _has_one_number(self) -> bool:
        """Whether a target without a dimension for channels is one number at each place."""
        return len(self.target.shape) in {0, 2}

    def loss(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor | int]:
        """Return the summed loss and the number of valid elements."""
        if self.target.kind == "value":
            error = F.mse_loss(self.predict(output), target, reduction="sum")
            return error, target.numel()
        ignore = self.target.ignore
        if ignore is None:
            ignore = -100  # which PyTorch ignores by default, and no class has
        total = F.cross_entropy(output, target, ignore_index=ignore, reduction="sum")
        return total, (target != ignore).sum()

    def predict(self, output: Tensor) -> Tensor:
        """Return classes or numbers, of the target's shape."""
        if self.target.kind == "class":
            return output.argmax(dim=1)
        return output.squeeze(1) if self._has_one_number else output

    def metrics(self) -> dict[str, Metric]:
        """Return accuracy or mean absolute error."""
        if self.target.kind == "value":
            return {"metric": MeanAbsoluteError()}
        ignore = self.target.ignore
        metric = MulticlassAccuracy(self.channels, ignore_index=ignore, validate_args=False)
        return {"metric": metric}


class SampleData(Dataset):
    """Random samples; the training split has ``count``, the others four."""

    splits = ("train", "validation", "test")

    def __init__(self, input: Input, targets: Mapping[str, Target], count: int) -> None:
        self.input = input
        self.targets = targets
        self.count = count

    def load(self, split: str, root: Path | None) -> dict[str, Column]:
        """Return the columns; in training, three classes in four are absent where some may be."""
        place = self.splits.index(split)
        training = place == 0
        count = self.count if training else 4
        columns: dict[str, Column] = {"input": sample_input(self.input, count, place).numpy()}
        for number, (name, target) in enumerate(self.targets.items()):
            column = sample_target(target, count, 10 * number + place + 100).numpy()
            if training and target.ignore is not None:
                absent = np.arange(count) % 4 != number % 4
                column[absent] = target.ignore
            columns[name] = column
        return columns

    def digest(self, root: Path | None) -> str:
        """Return a constant."""
        return "samples"


class SampleNet(Architecture):
    """Two shared layers on a vector and a linear head a task; has all points to weigh at."""

    def __init__(self, context: BuildContext) -> None:
        super().__init__(context)
        self.trunk = nn.Sequential(nn.Linear(context.input.shape[0], 8), nn.Tanh())
        self.last = nn.Linear(8, 8)
        self.heads = nn.ModuleDict()
        for name, task in context.tasks.items():
            self.heads[name] = nn.Linear(8, task.channels)

    def forward(self, x: Tensor, tasks: Sequence[str]) -> dict[str, Tensor]:
        """Return the tasks' outputs."""
        self._features: Tensor = self.last(self.trunk(x))
        return {task: self.heads[task](self._features) for task in tasks}

    def representation(self) -> Tensor:
        """Return the features."""
        return self._features

    def last_shared(self) -> list[nn.Parameter]:
        """Return the parameters of the second layer."""
        return list(self.last.parameters())
