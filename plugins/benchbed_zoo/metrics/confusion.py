"""Scores of the confusion matrix of a whole set: IoU, pixel accuracy, mean class accuracy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torchmetrics import Metric

Absent = Literal["skip", "zero"]
"""What becomes of a class that a score is not defined for, such as one that is never seen.

``skip`` leaves it out of means (``nanmean`` in the code of ATI-Net), ``zero`` counts it 0 (the code
of ASTMT). The code of MTAN takes a plain mean of 0 / 0, so it has no score where a class is absent.
A class that is predicted but never annotated has IoU 0 either way.
"""


class ConfusionScore(Metric):
    """A score of one confusion matrix over all pixels of a set.

    Scores of equal ``state_key`` share the matrix. torchmetrics' own confusion matrix compares
    every pixel with all K² cells in deterministic mode, which takes gigabytes for maps.
    """

    higher_is_better = True
    is_differentiable = False
    full_state_update = False

    confusion: Tensor

    def __init__(self, classes: int, score: Callable[[Tensor], Tensor], ignore: int = -100) -> None:
        """Start with an empty matrix.

        Args:
            classes: number of classes K.
            score: a score of the matrix, ``(K, K)`` int64 with a row for each annotated and a
                column for each predicted class.
            ignore: the class index of pixels that do not count; by default no pixel has it.
        """
        super().__init__()
        self.state_key = (classes, ignore)
        self._score = score
        self.add_state("confusion", torch.zeros(classes, classes, dtype=torch.int64), "sum")

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Add pixels.

        Args:
            prediction: class indices in [0, K).
            target: class indices in [0, K) or ``ignore``, of the same shape.
        """
        classes, ignore = self.state_key
        target = target.long()
        cells = (target * classes + prediction).masked_fill(target == ignore, classes**2)
        counts = torch.bincount(cells.flatten(), minlength=classes**2 + 1)
        self.confusion += counts[:-1].view(classes, classes)

    def compute(self) -> Tensor:
        """Return the score, float64; NaN where no pixel counts."""
        return self._score(self.confusion)


def pixel_accuracy(confusion: Tensor) -> Tensor:
    """Return the share of pixels that are right, a scalar.

    Args:
        confusion: the matrix, ``(K, K)``, a row for each annotated class.
    """
    return confusion.trace().double() / confusion.sum()


def mean_accuracy(confusion: Tensor, absent: Absent) -> Tensor:
    """Return the mean over classes of the share of a class's pixels that are right.

    It is not defined for a class that is never annotated.

    Args:
        confusion: the matrix, ``(K, K)``, a row for each annotated class.
        absent: what becomes of such classes.
    """
    return _per_class(confusion, confusion.sum(dim=1), absent).nanmean()


def mean_iou(confusion: Tensor, absent: Absent) -> Tensor:
    """Return the mean of the classes' IoUs, a scalar.

    Args:
        confusion: the matrix, ``(K, K)``, a row for each annotated class.
        absent: what becomes of classes without an IoU.
    """
    return class_iou(confusion, absent).nanmean()


def class_iou(confusion: Tensor, absent: Absent) -> Tensor:
    """Return intersection over union of each class, ``(K,)``.

    It is not defined for a class that is neither annotated nor predicted: NaN for ``skip``.

    Args:
        confusion: the matrix, ``(K, K)``, a row for each annotated class.
        absent: what becomes of such classes.
    """
    union = confusion.sum(dim=0) + confusion.sum(dim=1) - confusion.diagonal()
    return _per_class(confusion, union, absent)


def _per_class(confusion: Tensor, total: Tensor, absent: Absent) -> Tensor:
    scores = confusion.diagonal().double() / total
    if absent == "skip":
        return scores
    return scores.masked_fill((total == 0) & (confusion.sum() > 0), 0.0)
