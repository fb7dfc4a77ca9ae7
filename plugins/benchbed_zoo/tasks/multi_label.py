"""Several labels a sample, each present or absent."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric

from benchbed.basics.errors import DataError
from benchbed.contracts.dataset import Target
from benchbed.contracts.task import Task
from benchbed_zoo.metrics.masking import at_least_single, masked
from benchbed_zoo.metrics.samples import MeanAveragePrecision, OfLabels, label_accuracy, label_f1
from benchbed_zoo.tasks.parts.targets import check_target

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class MultiLabel(Task):
    """K labels a sample, 1 where present; targets are ``(N, K)``, outputs logits ``(N, K)``.

    A label of a sample that is the data set's ignore index does not count. The loss is binary
    cross-entropy, a mean over samples and labels.

    Args:
        name: of the task.
        target: a vector of K labels of two classes.

    Raises:
        DataError: the target is another.
    """

    kind: ClassVar[Literal["classification", "regression"]] = "classification"
    primary = "accuracy"
    percent = frozenset({"accuracy", "macro_f1", "map"})

    def __init__(self, name: str, target: Target) -> None:
        super().__init__(name, target)
        check_target(name, target, "class", ("K",))
        if target.classes != 2:
            raise DataError(
                f"Task '{name}' needs labels of two classes, absent and present, not of "
                f"{target.classes}; name another target for it in the protocol."
            )

    @property
    def channels(self) -> int:
        """Return K."""
        return self.target.shape[0]

    def loss(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor | int]:
        """Return the summed binary cross-entropy and the number of annotated labels.

        Args:
            output: logits, ``(N, K)``.
            target: ``(N, K)``.
        """
        valid = self._annotated(target)
        output, present = masked(valid, output, target)
        total = F.binary_cross_entropy_with_logits(
            output, present.to(output.dtype), valid.to(output.dtype), reduction="sum"
        )
        return total, valid.sum()

    def predict(self, output: Tensor) -> Tensor:
        """Return the labels' probabilities, ``(N, K)``, in double precision, which keeps ranks."""
        return output.double().sigmoid()

    def average(self, outputs: Tensor) -> Tensor:
        """Return the logit of the crops' mean probability.

        Args:
            outputs: logits of C crops of each sample, ``(N, C, K)``.

        Returns:
            ``(N, K)``.
        """
        present, absent = F.logsigmoid(outputs), F.logsigmoid(-outputs)
        return present.logsumexp(dim=1) - absent.logsumexp(dim=1)

    def metrics(self) -> dict[str, Metric]:
        """Return means over labels of accuracy, F1 and average precision.

        A label does not count: in accuracy, where it is annotated nowhere; in F1, where no sample
        has it and none is given it; in average precision, where no sample has it. Each is NaN where
        no label counts.
        """
        ignore = self.target.ignore
        return {
            "accuracy": OfLabels(self.channels, ignore, label_accuracy),
            "macro_f1": OfLabels(self.channels, ignore, label_f1),
            "map": MeanAveragePrecision(),
        }

    def draw(self, axes: Axes, value: Tensor) -> None:
        """Draw a bar a label, and none where it is not annotated."""
        super().draw(axes, torch.where(self._annotated(value), at_least_single(value), torch.nan))

    def _annotated(self, target: Tensor) -> Tensor:
        """Return which labels count, bool, of the target's shape."""
        ignore = self.target.ignore
        return torch.ones_like(target, dtype=torch.bool) if ignore is None else target != ignore
