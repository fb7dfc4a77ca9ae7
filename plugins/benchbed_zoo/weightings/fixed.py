"""Constant weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from benchbed.contracts.weighting import Level, Weighting, WeightingContext
from benchbed_zoo.weightings.parts.per_task import given_or


class Fixed(Weighting):
    """L = Σ_t w_t·L_t with given w_t.

    Args:
        context: the tasks.
        weights: w_t by task, of any sign; 1 where none is given.

    Example:
        As a method: ``hps+fixed:seg=5,depth=0.1``.

        >>> losses = {"seg": torch.tensor(2.0), "depth": torch.tensor(0.5)}
        >>> Fixed(benchbed.WeightingContext(["seg", "depth"]), seg=5.0).combine(losses)
        tensor(10.5000)
    """

    level: ClassVar[Level] = "loss"
    sums_to: ClassVar[str] = "free"

    def __init__(self, context: WeightingContext, **weights: float) -> None:
        super().__init__(context)
        self._weights = given_or(1.0, context.tasks, weights)

    def transform(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the weighted losses.

        Args:
            losses: by task, scalars.

        Returns:
            w_t·L_t by task, scalars.
        """
        return {task: self._weights[task] * loss for task, loss in losses.items()}
