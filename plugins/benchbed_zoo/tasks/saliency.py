"""Saliency."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric

from benchbed.basics.errors import MethodError
from benchbed.contracts.dataset import Target
from benchbed_zoo.metrics.saliency import SaliencyScore
from benchbed_zoo.tasks.parts.balanced import balanced_bce
from benchbed_zoo.tasks.parts.binary_map import BinaryMap


class Saliency(BinaryMap):
    """Whether each pixel is salient; targets ``(N, H, W)`` of 0 and 1, logits ``(N, 1, H, W)``.

    A pixel whose target is the data set's ignore index does not count.
    """

    primary = "mIoU"
    percent = frozenset({"mIoU", "maxF", "maxF_0.3"})
    batch_level = True

    def __init__(
        self,
        name: str,
        target: Target,
        thresholds: int = 15,
        lowest: float = 0.2,
        highest: float = 0.9,
    ) -> None:
        """Check the options.

        Args:
            name: the task's name.
            target: a map of two classes.
            thresholds: how many there are, at equal distances.
            lowest: the first one.
            highest: the last one.

        Raises:
            DataError: the target is no map of two classes.
            MethodError: the lowest threshold is above the highest.
        """
        super().__init__(name, target, ("H", "W"))
        if lowest > highest:
            raise MethodError(
                f"Task '{name}': 'lowest', {lowest:g}, must not be above 'highest', {highest:g}."
            )
        self._thresholds = torch.linspace(lowest, highest, thresholds, dtype=torch.float64).tolist()

    def loss(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor | int]:
        """Return the summed cross-entropy, balanced within the batch, and the valid pixels.

        Args:
            output: logits, ``(N, 1, H, W)``.
            target: ``(N, H, W)``.
        """
        valid = target != self.ignore
        return balanced_bce(output.squeeze(1), target, valid, positive_weight=None)

    def metrics(self) -> dict[str, Metric]:
        """Return the largest mean IoU over thresholds and F-measure with β² of 1 and of 0.3."""
        weights = {"mIoU": None, "maxF": 1.0, "maxF_0.3": 0.3}
        return {
            name: SaliencyScore(self._thresholds, beta_squared, self.ignore)
            for name, beta_squared in weights.items()
        }
