"""Scores of one class or number a sample, and of several labels a sample."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torchmetrics import MeanAbsoluteError, MeanSquaredError, Metric
from torchmetrics.classification import MultilabelConfusionMatrix
from torchmetrics.functional.classification import binary_average_precision
from torchmetrics.utilities import dim_zero_cat

from benchbed_zoo.metrics.confusion import ConfusionScore

Read = Callable[[Tensor], Tensor]


class Mistakes(ConfusionScore):
    """A score of the confusion matrix that is better the lower it is."""

    higher_is_better = False


def recall(confusion: Tensor, place: int) -> Tensor:
    """Return the share of a class's samples that are right; NaN where there are none.

    Args:
        confusion: the matrix, ``(K, K)``, a row for each true class.
        place: the class.
    """
    return confusion[place, place].double() / confusion[place].sum()


def macro_f1(confusion: Tensor) -> Tensor:
    """Return the mean of the classes' F1, 2 TP / (2 TP + FP + FN).

    A class that no sample has and none is given does not count; NaN where none counts.

    Args:
        confusion: the matrix, ``(K, K)``, a row for each true class.
    """
    right = confusion.diagonal().double()
    return (2 * right / (confusion.sum(dim=0) + confusion.sum(dim=1))).nanmean()


def entry(confusion: Tensor, true: int, predicted: int) -> Tensor:
    """Return the number of samples of one class that are given another.

    Args:
        confusion: the matrix, ``(K, K)``, a row for each true class.
        true: the one class.
        predicted: the other.
    """
    return confusion[true, predicted].double()


class GroupAccuracy(Metric):
    """Share of right samples among those of one group that have a label; NaN where none has.

    Attributes:
        group: name of the grouping; ``update`` wants the samples' groups of this name.
    """

    full_state_update = False
    higher_is_better = True

    right: Tensor
    count: Tensor

    def __init__(self, group: str, place: int, ignore: int | None) -> None:
        """Start without samples.

        Args:
            group: name of the grouping.
            place: the group's place among its names.
            ignore: the label of samples that do not count.
        """
        super().__init__()
        self.group = group
        self._place = place
        self._ignore = ignore
        for name in ("right", "count"):
            self.add_state(name, torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, prediction: Tensor, target: Tensor, groups: Tensor) -> None:
        """Add a batch: predicted classes, labels and groups, each int64 ``(N,)``."""
        counts = groups == self._place
        if self._ignore is not None:
            counts = counts & (target != self._ignore)
        self.right += (counts & (prediction == target)).sum()
        self.count += counts.sum()

    def compute(self) -> Tensor:
        """Return the share."""
        return self.right.double() / self.count


class OfLabels(MultilabelConfusionMatrix):
    """A mean over labels, read off each label's own confusion matrix of the annotated samples."""

    higher_is_better = True
    state_key = "label confusion"

    def __init__(self, labels: int, ignore: int | None, read: Read) -> None:
        """Start without samples.

        Args:
            labels: K.
            ignore: marks the labels of a sample that are not annotated.
            read: returns a number for each label, ``(K,)``, from int64 ``(K, 2, 2)``, truth first;
                those that are NaN do not count.
        """
        super().__init__(labels, ignore_index=ignore, validate_args=False)
        self._read = read

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Add a batch: probabilities and labels, ``(N, K)``; above ½ is predicted."""
        super().update((prediction > 0.5).long(), target.long())

    def compute(self) -> Tensor:
        """Return the mean; NaN where no label counts."""
        return self._read(super().compute()).nanmean()


def label_accuracy(confusion: Tensor) -> Tensor:
    """Return each label's share of right samples, ``(K,)``; NaN where it is annotated nowhere.

    Args:
        confusion: of each label, ``(K, 2, 2)``, truth first.
    """
    right = confusion.diagonal(dim1=1, dim2=2).sum(dim=1).double()
    return right / confusion.sum(dim=(1, 2))


def label_f1(confusion: Tensor) -> Tensor:
    """Return each label's F1, ``(K,)``; NaN where no sample has it and none is given it.

    Args:
        confusion: of each label, ``(K, 2, 2)``, truth first.
    """
    right = 2 * confusion[:, 1, 1].double()
    return right / (right + confusion[:, 0, 1] + confusion[:, 1, 0])


class MeanAveragePrecision(Metric):
    """Mean over labels of the average precision Σ (Rₙ − Rₙ₋₁) Pₙ over all thresholds.

    Not interpolated, as in scikit-learn. A label counts where some sample is annotated to have it;
    NaN where none does. The probabilities of all samples are kept in the host's memory.
    """

    full_state_update = False
    higher_is_better = True

    scores: list[Tensor]
    labels: list[Tensor]

    def __init__(self) -> None:
        super().__init__(compute_on_cpu=True)
        self.add_state("scores", [], dist_reduce_fx="cat")
        self.add_state("labels", [], dist_reduce_fx="cat")

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Add a batch: probabilities and labels, ``(N, K)``; a label counts where it is 0 or 1."""
        self.scores.append(prediction)
        self.labels.append(target)

    def compute(self) -> Tensor:
        """Return the mean."""
        if not len(self.scores):
            return torch.tensor(torch.nan)
        found = []
        columns = dim_zero_cat(self.scores).T, dim_zero_cat(self.labels).T
        for score, label in zip(*columns, strict=True):
            known = (label == 0) | (label == 1)
            if (label == 1).any():
                found.append(binary_average_precision(score[known], label[known].long()))
        return torch.stack(found).mean() if found else torch.tensor(torch.nan)


class _OfKnown(Metric):
    """Leaves out the samples whose target is NaN, and sums in double precision."""

    def __init__(self, **options: bool) -> None:
        super().__init__(**options)
        self.set_dtype(torch.float64)

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Add a batch, predictions and targets ``(N,)``."""
        known = ~target.isnan()
        super().update(preds[known], target[known])


class KnownAbsoluteError(_OfKnown, MeanAbsoluteError):
    """Mean absolute error of the samples whose target is not NaN; NaN where there are none."""


class KnownSquaredError(_OfKnown, MeanSquaredError):
    """Mean squared error of the samples whose target is not NaN; NaN where there are none."""
