"""Segmentation of persons into their parts."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from benchbed_zoo.metrics.confusion import ConfusionScore
from benchbed_zoo.tasks.segmentation import Segmentation


class PartsScore(ConfusionScore):
    """A score of the confusion matrix over the pictures with a person."""

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Add the pictures with a person; see :meth:`ConfusionScore.update`."""
        _, ignore = self.state_key
        super().update(prediction, without_others(target, ignore))


class HumanParts(Segmentation):
    """Segmentation where class 0 is the background and the others are parts of a person.

    A picture without a person, of background and ignored pixels alone, counts neither in the loss
    nor in the metrics (K.-K. Maninis, I. Radosavovic, I. Kokkinos: Attentive Single-Tasking of
    Multiple Tasks, CVPR 2019; the released code).
    """

    score: ClassVar[type[ConfusionScore]] = PartsScore

    def loss(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor | int]:
        """Return the summed loss and the number of valid pixels of the pictures with a person.

        Args:
            output: logits, ``(N, K, H, W)``.
            target: ``(N, H, W)``.
        """
        return super().loss(output, without_others(target, self.ignore))


def without_others(target: Tensor, ignore: int) -> Tensor:
    """Return targets, int64, with ``ignore`` all over the pictures without a person.

    Args:
        target: class indices, ``(N, H, W)``.
        ignore: the class index of pixels that do not count.
    """
    target = target.long()
    person = ((target != 0) & (target != ignore)).flatten(1).any(dim=1)
    return torch.where(person.view(-1, 1, 1), target, ignore)
