"""Coordinate-wise trimmed mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from benchbed.contracts.weighting import Level, Weighting, WeightingContext


class TrimmedMean(Weighting):
    """At each entry the mean of the tasks' gradients without the largest and smallest ones.

    ``trim`` of each are left out, or as many as leave one or two of them. A zero gradient is a
    value like any other.

    Source: D. Yin, Y. Chen, K. Ramchandran, P. Bartlett, ICML 2018, definition 2.
    """

    level: ClassVar[Level] = "jacobian"
    sums_to: ClassVar[str] = "1"

    def __init__(self, context: WeightingContext, *, trim: int = 1) -> None:
        super().__init__(context)
        self.trim = trim

    def direction(
        self, rows: Mapping[str, Tensor], losses: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return the mean of what is left."""
        count = len(losses)
        trim = min(self.trim, (count - 1) // 2)
        return {name: _mean_without(block, trim) for name, block in rows.items()}


def _mean_without(rows: Tensor, trim: int) -> Tensor:
    """Return the mean at each entry without so many of the largest and of the smallest values.

    Passes of a bubble sort over whole rows: for few tasks far faster than sorting each entry.
    """
    left = list(rows)
    for _ in range(trim):
        for i in range(len(left) - 1):
            left[i], left[i + 1] = _in_order(left[i], left[i + 1])
        left.pop()
        for i in reversed(range(len(left) - 1)):
            left[i], left[i + 1] = _in_order(left[i], left[i + 1])
        left.pop(0)
    return torch.stack(left).mean(dim=0)


def _in_order(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    return torch.minimum(one, other), torch.maximum(one, other)
