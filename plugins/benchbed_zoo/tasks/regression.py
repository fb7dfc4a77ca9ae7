"""Regression of one number a sample."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric

from benchbed.contracts.dataset import Target
from benchbed.contracts.task import Task
from benchbed_zoo.metrics.masking import at_least_single, masked
from benchbed_zoo.metrics.samples import KnownAbsoluteError, KnownSquaredError
from benchbed_zoo.tasks.parts.targets import check_target


class Regression(Task):
    """One real number for each sample; targets are float ``(N,)``, outputs ``(N, 1)``.

    A sample whose target is NaN does not count.

    Args:
        name: of the task.
        target: one number a sample.
        loss: ``l1``, the absolute error, or ``l2``, the squared one; a mean over samples.

    Raises:
        DataError: the target is another.
    """

    kind: ClassVar[Literal["classification", "regression"]] = "regression"
    primary = "mae"

    def __init__(self, name: str, target: Target, loss: str = "l1") -> None:
        super().__init__(name, target)
        check_target(name, target, "value")
        self._loss = F.l1_loss if loss == "l1" else F.mse_loss

    @property
    def channels(self) -> int:
        """Return 1."""
        return 1

    def loss(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor | int]:
        """Return the summed error and the number of samples with a target.

        Args:
            output: ``(N, 1)``.
            target: ``(N,)``.
        """
        known = ~target.isnan()
        output, target = masked(known, output.squeeze(1), target)
        return self._loss(output, target, reduction="sum"), known.sum()

    def predict(self, output: Tensor) -> Tensor:
        """Return the numbers, ``(N,)``."""
        return at_least_single(output.squeeze(1))

    def metrics(self) -> dict[str, Metric]:
        """Return mean absolute error and root mean squared error, in the target's unit."""
        return {"mae": KnownAbsoluteError(), "rmse": KnownSquaredError(squared=False)}
