"""Semantic segmentation."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric

from benchbed.basics.errors import MethodError
from benchbed.contracts.dataset import Target
from benchbed.contracts.task import Task
from benchbed_zoo.metrics.confusion import (
    Absent,
    ConfusionScore,
    class_iou,
    mean_accuracy,
    mean_iou,
    pixel_accuracy,
)
from benchbed_zoo.metrics.masking import at_least_single
from benchbed_zoo.tasks.parts.targets import check_target


class Segmentation(Task):
    """One of K classes for each pixel; targets ``(N, H, W)``, outputs logits ``(N, K, H, W)``.

    A pixel whose target is the data set's ignore index does not count.
    """

    kind: ClassVar[Literal["classification", "regression"]] = "classification"
    primary = "mIoU"
    score: ClassVar[type[ConfusionScore]] = ConfusionScore

    def __init__(
        self,
        name: str,
        target: Target,
        loss: str = "ce",
        weights: str = "equal",
        absent: Absent = "skip",
        per_class: bool = False,
    ) -> None:
        """Check the options.

        Args:
            name: the task's name.
            target: a map of classes.
            loss: ``ce`` (cross-entropy), ``dice`` (see :func:`dice_loss`) or their sum ``ce-dice``.
            weights: of the classes in the cross-entropy, numbers separated by spaces, or ``equal``.
            absent: what becomes of classes without a score in means (see ``Absent``).
            per_class: the IoU of each class is a metric too.

        Raises:
            DataError: the target is no map of classes.
            MethodError: the weights do not fit the classes or the loss.
        """
        super().__init__(name, target)
        check_target(name, target, "class", ("H", "W"))
        if weights != "equal" and loss == "dice":
            raise MethodError(
                f"Task '{name}': 'weights' are those of the cross-entropy, which loss 'dice' has "
                "none of; leave them out or take loss 'ce-dice'."
            )
        self.batch_level = loss != "ce"
        self.ignore = -100 if target.ignore is None else target.ignore
        self._loss = loss
        self._weights = None if weights == "equal" else _numbers(name, weights, target.classes)
        self._absent: Absent = absent
        self._per_class = per_class
        self.percent = frozenset(self.metrics())
        self.details = frozenset(name for name in self.percent if "[" in name)

    @property
    def channels(self) -> int:
        """Return K."""
        return self.target.classes

    def loss(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor | int]:
        """Return the summed loss and the number of valid pixels, or the sum of their weights.

        Dice is a loss of the batch; it is returned times that number.

        Args:
            output: logits, ``(N, K, H, W)``.
            target: ``(N, H, W)``.
        """
        output, target = at_least_single(output), target.long()
        valid = target != self.ignore
        weights = None if self._weights is None else output.new_tensor(self._weights)
        number = valid.sum() if weights is None else (weights[target * valid] * valid).sum()
        total = output.new_zeros(())
        if self._loss != "dice":
            # on CUDA, torch's own sum over maps is not deterministic
            total = F.cross_entropy(
                output, target, weights, ignore_index=self.ignore, reduction="none"
            ).sum()
        if self._loss != "ce":
            total = total + dice_loss(output.softmax(dim=1), target, valid) * number
        return total, number

    def predict(self, output: Tensor) -> Tensor:
        """Return the most likely classes, ``(N, H, W)``."""
        return output.max(dim=1).indices  # on a CPU, several times faster than argmax

    def average(self, outputs: Tensor) -> Tensor:
        """Return the logarithm of the crops' mean probabilities.

        Args:
            outputs: logits of C crops of each sample, ``(N, C, K, H, W)``.

        Returns:
            ``(N, K, H, W)``.
        """
        crops = outputs.shape[1]
        return outputs.float().log_softmax(dim=2).logsumexp(dim=1) - math.log(crops)

    def metrics(self) -> dict[str, Metric]:
        """Return mIoU, pixel accuracy and mean class accuracy of the whole set's pixels.

        With ``per_class`` also ``IoU[CLASS]`` of each class, by its name or else its index.
        """
        scores: dict[str, Callable[[Tensor], Tensor]] = {
            "mIoU": partial(mean_iou, absent=self._absent),
            "pixel_accuracy": pixel_accuracy,
            "mean_accuracy": partial(mean_accuracy, absent=self._absent),
        }
        if self._per_class:
            names = self.target.names or range(self.channels)
            for index, name in enumerate(names):
                scores[f"IoU[{name}]"] = partial(_iou_of, index=index, absent=self._absent)
        return {
            name: self.score(self.channels, score, self.ignore) for name, score in scores.items()
        }


def dice_loss(probabilities: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Return 1 − D, averaged over the classes that occur among the batch's valid pixels.

    D = 2 Σ p g / (Σ p² + Σ g²), with g 1 where a pixel is of the class and else 0, is the soft Dice
    coefficient with squares (F. Milletari, N. Navab, S.-A. Ahmadi: V-Net, 3DV 2016, section 3);
    sums run over all valid pixels of the batch.

    Args:
        probabilities: p, ``(N, K, H, W)``.
        target: class indices, int64 ``(N, H, W)``.
        valid: which pixels count, bool ``(N, H, W)``.

    Returns:
        A scalar; 0 where nothing is valid.
    """
    valid = valid.unsqueeze(1)
    classes = torch.arange(probabilities.shape[1], device=target.device).view(-1, 1, 1)
    truth = (target.unsqueeze(1) == classes) & valid
    p = probabilities * valid
    pixels = truth.sum(dim=(0, 2, 3))
    present = pixels > 0
    size = torch.where(present, p.square().sum(dim=(0, 2, 3)) + pixels, 1.0)
    dice = 2 * (p * truth).sum(dim=(0, 2, 3)) / size
    return ((1 - dice) * present).sum() / present.sum().clamp(min=1)


def _iou_of(confusion: Tensor, index: int, absent: Absent) -> Tensor:
    return class_iou(confusion, absent)[index]


def _numbers(name: str, text: str, classes: int) -> list[float]:
    try:
        numbers = [float(word) for word in text.split()]
    except ValueError:
        numbers = []
    sound = all(math.isfinite(number) and number >= 0 for number in numbers) and any(numbers)
    if len(numbers) != classes or not sound:
        raise MethodError(
            f"Task '{name}': 'weights' must be 'equal' or {classes} numbers of at least 0, not all "
            f"of them 0, separated by spaces, and '{text}' is neither."
        )
    return numbers
