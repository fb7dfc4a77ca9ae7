"""Coordinate-wise trimmed mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from benchbed.contracts.weighting import Level, Weighting, WeightingContext


class TrimmedMean(Weighting):
    """At each entry the mean of the tasks' gradients without the largest and smallest ones.

    A zero gradient is a value like any other.

    Args:
        context: the tasks.
        trim: how many values are left out at each end; fewer where T allows no more, so that one or
            two remain.

    Example:
        As a method: ``hps+trimmed-mean``.

        >>> jacobian = torch.tensor([[1.0, 9.0], [2.0, 4.0], [9.0, 5.0]])
        >>> benchbed.aggregate("trimmed-mean", jacobian)
        tensor([2., 5.])

    Source: D. Yin, Y. Chen, K. Ramchandran, P. Bartlett: Byzantine-Robust Distributed Learning,
    ICML 2018, definition 2.
    """

    level: ClassVar[Level] = "jacobian"
    sums_to: ClassVar[str] = "1"

    def __init__(self, context: WeightingContext, *, trim: int = 1) -> None:
        super().__init__(context)
        self.trim = trim

    def direction(
        self, rows: Mapping[str, Tensor], losses: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return the mean of what is left.

        Args:
            rows: by parameter, ``(T, *shape)``; side by side they are J, ``(T, d)``.
            losses: by task, T of them.

        Returns:
            By parameter, of its shape; one after the other ``(d,)``.
        """
        count = len(losses)
        trim = min(self.trim, (count - 1) // 2)
        return {name: _mean_without(block, trim) for name, block in rows.items()}


def _mean_without(rows: Tensor, trim: int) -> Tensor:
    """Return the mean at each entry without so many of the largest and of the smallest values.

    Passes of a bubble sort over whole rows: for few tasks far faster than sorting each entry.

    Args:
        rows: ``(T, *shape)``.
        trim: so many.
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
