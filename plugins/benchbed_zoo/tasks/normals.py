"""Surface normal of each pixel."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric

from benchbed.contracts.dataset import Target
from benchbed.contracts.task import Task
from benchbed_zoo.metrics import normals
from benchbed_zoo.metrics.masking import at_least_single, masked
from benchbed_zoo.metrics.normals import AngularError, MedianOfBatches
from benchbed_zoo.tasks.parts.targets import check_target

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LIMITS = {"within_11.25": 11.25, "within_22.5": 22.5, "within_30": 30.0}
"""Degrees (D. Fouhey, A. Gupta, M. Hebert: Data-Driven 3D Primitives, ICCV 2013)."""
SHORTEST = 1e-6
"""Outputs shorter than this are divided by it, which keeps the gradient finite at 0."""


class Normals(Task):
    """Unit vectors; targets and outputs are ``(N, 3, H, W)``, outputs of any length.

    A pixel counts where its target is not the zero vector. The losses compare unit vectors:

    - ``cosine``: 1 − n·n̂, a mean over pixels (S. Liu, E. Johns, A. Davison: End-to-End Multi-Task
      Learning with Attention, CVPR 2019, in the form of its released code);
    - ``l1``: the absolute error, a mean over pixels and channels (K.-K. Maninis, I. Radosavovic,
      I. Kokkinos: Attentive Single-Tasking of Multiple Tasks, CVPR 2019).

    Args:
        name: of the task.
        target: a map of three numbers a pixel.
        loss: ``cosine`` or ``l1``.
        median_of_batches: add the mean over batches of each batch's median angle as a metric.

    Raises:
        DataError: the target is no such map.
    """

    kind: ClassVar[Literal["classification", "regression"]] = "regression"
    primary = "mean"
    percent = frozenset(LIMITS)

    def __init__(
        self, name: str, target: Target, loss: str = "cosine", median_of_batches: bool = False
    ) -> None:
        super().__init__(name, target)
        check_target(name, target, "value", (3, "H", "W"))
        self._loss = loss
        self._median_of_batches = median_of_batches

    @property
    def channels(self) -> int:
        """Return 3."""
        return 3

    def loss(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor | int]:
        """Return the loss summed over valid pixels and their number, for ``l1`` times 3.

        Args:
            output: ``(N, 3, H, W)``, of any length.
            target: ``(N, 3, H, W)``.
        """
        valid = normals.has_normal(target)
        output, target = masked(valid.unsqueeze(1), output, target)
        unit = _unit(output)
        if self._loss == "l1":
            return (unit - target).abs().sum(), 3 * valid.sum()
        (loss,) = masked(valid, 1 - (unit * target).sum(dim=1))
        return loss.sum(), valid.sum()

    def predict(self, output: Tensor) -> Tensor:
        """Return unit vectors, ``(N, 3, H, W)``; an output of length 0 remains so."""
        return _unit(at_least_single(output))

    def average(self, outputs: Tensor) -> Tensor:
        """Return the mean of the crops' unit vectors, whatever the outputs' lengths.

        Args:
            outputs: of K crops of each sample, ``(N, K, 3, H, W)``.

        Returns:
            ``(N, 3, H, W)``.
        """
        return F.normalize(at_least_single(outputs), dim=2, eps=SHORTEST).mean(dim=1)

    def metrics(self) -> dict[str, Metric]:
        """Return mean, median and RMS angle in degrees, and shares of pixels within three limits.

        An output of length 0 is at 90°. With the option, the mean of the batches' medians too.
        """
        found: dict[str, Metric] = {
            "mean": AngularError(normals.mean, higher_is_better=False),
            "median": AngularError(normals.median, higher_is_better=False),
            "rmse": AngularError(normals.root_mean_square, higher_is_better=False),
        }
        for name, limit in LIMITS.items():
            found[name] = AngularError(partial(normals.within, limit=limit), higher_is_better=True)
        if self._median_of_batches:
            found["median_of_batches"] = MedianOfBatches()
        return found

    def draw(self, axes: Axes, value: Tensor) -> None:
        """Draw (n + 1)/2 as RGB, and grey where there is no normal."""
        valid = normals.has_normal(value.unsqueeze(0))
        super().draw(axes, torch.where(valid, (value + 1) / 2, torch.nan))


def _unit(vectors: Tensor) -> Tensor:
    return F.normalize(vectors, dim=1, eps=SHORTEST)
