"""Root mean squared error of maps of numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torchmetrics import Metric

from benchbed_zoo.metrics.masking import masked

Over = Literal["pixels", "images"]


class RootMeanSquaredError(Metric):
    """Root of the mean squared error over all valid numbers, or mean of each image's root.

    The second counts every image alike, as in K.-K. Maninis, I. Radosavovic, I. Kokkinos: Attentive
    Single-Tasking of Multiple Tasks, CVPR 2019; an image without a valid number does not count.
    Both are exact under any batches, in the target's unit, and NaN where nothing is valid.
    """

    full_state_update = False
    higher_is_better = False

    total: Tensor
    count: Tensor

    def __init__(self, valid: Callable[[Tensor], Tensor], over: Over) -> None:
        """Start at zero.

        Args:
            valid: returns which numbers of a target count, bool, of the target's shape.
            over: ``pixels`` or ``images``.
        """
        super().__init__()
        self._valid = valid
        self._over = over
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Add a batch, prediction and target ``(N, …)``."""
        valid = self._valid(target)
        prediction, target = masked(valid, prediction, target)
        squares = (prediction - target).square().flatten(1).sum(dim=1, dtype=torch.float64)
        counts = valid.flatten(1).sum(dim=1)
        if self._over == "images":
            squares, counts = (squares / counts.clamp(min=1)).sqrt(), counts > 0
        self.total += squares.sum()
        self.count += counts.sum()

    def compute(self) -> Tensor:
        """Return the error, float64."""
        mean = self.total / self.count
        return mean if self._over == "images" else mean.sqrt()
