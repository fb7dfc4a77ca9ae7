"""Regression of one number a sample."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor
from torch.nn import functional as F
from torchmetrics import MeanAbsoluteError, MeanSquaredError, Metric

from benchbed.dataset import Target
from benchbed.task import Task


class Regression(Task):
    """One real number for each sample; targets are float ``(N,)``, outputs ``(N, 1)``."""

    kind: ClassVar[Literal["classification", "regression"]] = "regression"
    primary = "mae"

    def __init__(self, name: str, target: Target, loss: str = "l1") -> None:
        super().__init__(name, target)
        self._loss = F.l1_loss if loss == "l1" else F.mse_loss

    @property
    def channels(self) -> int:
        """Return 1."""
        return 1

    def loss(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor | int]:
        """Return the summed error and the number of samples."""
        return self._loss(output.squeeze(1), target, reduction="sum"), len(target)

    def predict(self, output: Tensor) -> Tensor:
        """Return the numbers, ``(N,)``."""
        return output.squeeze(1)

    def metrics(self) -> dict[str, Metric]:
        """Return mean absolute error and root mean squared error, in the target's unit."""
        return {"mae": MeanAbsoluteError(), "rmse": MeanSquaredError(squared=False)}
