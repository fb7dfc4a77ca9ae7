"""Constant weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from benchbed.contracts.weighting import Level, Weighting, WeightingContext


class Fixed(Weighting):
    """L = Σ_t w_t·L_t with given w_t; 1 where none is given."""

    level: ClassVar[Level] = "loss"
    sums_to: ClassVar[str] = "free"

    def __init__(self, context: WeightingContext, **weights: float) -> None:
        super().__init__(context)
        self._weights = {name: weights.get(name, 1.0) for name in context.tasks}

    def transform(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return w_t·L_t."""
        return {name: self._weights[name] * loss for name, loss in losses.items()}
