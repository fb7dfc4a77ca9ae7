"""Penalty-based boundary intersection (PBI)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from benchbed.contracts.weighting import Level, Weighting, WeightingContext
from benchbed_zoo.weightings.parts.per_task import given_or


class BoundaryIntersection(Weighting):
    """L = d₁ + θ·d₂, of the losses F as a vector: its length along the preferences, and its rest.

    With v = λ/‖λ‖, d₁ = F·v and d₂ = ‖F − d₁·v‖. With θ = 0 it is a weighted sum; the larger θ, the
    nearer F is held to the ray along λ, and a task whose loss is under its share may weigh less
    than nothing. The weights' projection on v is 1 whatever θ; their sum is nothing fixed.

    d₂ = √(Σ_(i<j) (F_i·λ_j − F_j·λ_i)²)/‖λ‖ is computed from these differences, which vanish on the
    ray exactly; there the penalty has no gradient. The ideal point is 0.

    Args:
        context: the tasks.
        theta: penalty θ of being off the ray, at least 0 and without unit; 5 in the paper.
        preferences: λ_t by task, above 0, among the tasks of the step; 1 where none is given.

    Example:
        As a method: ``hps+pbi:theta=1,depth=2``.

        >>> losses = {"seg": torch.tensor(2.0), "depth": torch.tensor(4.0)}
        >>> BoundaryIntersection(benchbed.WeightingContext(["seg", "depth"])).combine(losses)
        tensor(11.3137)

    Source: Q. Zhang, H. Li: MOEA/D, IEEE Transactions on Evolutionary Computation 11, 2007,
    section II.C.
    """

    level: ClassVar[Level] = "loss"
    sums_to: ClassVar[str] = "free"

    def __init__(
        self, context: WeightingContext, *, theta: float = 5.0, **preferences: float
    ) -> None:
        super().__init__(context)
        self.theta = theta
        self.preferences = given_or(1.0, context.tasks, preferences)

    def combine(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Return d₁ + θ·d₂.

        Args:
            losses: by task, scalars.

        Returns:
            L, a scalar.
        """
        values = torch.stack(list(losses.values()))
        given = torch.tensor([self.preferences[task] for task in losses], dtype=torch.float64)
        preferences = given.to(values)
        length = torch.linalg.vector_norm(preferences)
        along = (values * preferences).sum() / length
        # (T, T): F_i·λ_j; each difference stands in it twice, with both signs
        products = values[:, None] * preferences[None, :]
        rest = torch.linalg.vector_norm(products - products.T) / (length * math.sqrt(2.0))
        total: Tensor = along + self.theta * rest
        return total
