"""Projecting conflicting gradients (PCGrad)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from benchbed.contracts.weighting import Level, Weighting


class PcGrad(Weighting):
    """Each task's gradient, projected in random order off the others that it conflicts with.

    For each i, with g = g_i, and for each j ≠ i in random order: g ← g − min(0, g·g_j)/‖g_j‖²·g_j,
    against the others' original gradients; the update is the sum over i. It lies in the span of the
    gradients, so its coefficients follow from the Gramian. A zero gradient is never projected on.

    Args:
        context: the tasks.

    Example:
        As a method: ``hps+pcgrad``.

        >>> jacobian = torch.tensor([[1.0, 0.0], [-1.0, 1.0]])
        >>> benchbed.aggregate("pcgrad", jacobian)
        tensor([0.5000, 1.5000])

    Source: T. Yu et al.: Gradient Surgery for Multi-Task Learning, NeurIPS 2020, algorithm 1.
    """

    level: ClassVar[Level] = "gramian"
    sums_to: ClassVar[str] = "free"

    def weights(self, gramian: Tensor, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the coefficients of the sum of the projected gradients.

        Args:
            gramian: G, ``(T, T)``, float64.
            losses: not looked at.

        Returns:
            w, ``(T,)``, float64.
        """
        g = gramian.numpy()
        count = len(g)
        orders = torch.stack([torch.randperm(count) for _ in range(count)]).numpy()
        rows = np.arange(count)
        squares = np.diag(g)
        # row i: coefficients of task i's projected gradient, and its products with all g_j
        coefficients = np.eye(count)
        products = g.copy()
        # rows know nothing of each other, so that each takes its own next j at once
        for others in orders.T:
            product = products[rows, others]
            square = squares[others]
            conflicting = (product < 0.0) & (square > 0.0) & (others != rows)
            added = np.divide(-product, square, out=np.zeros(count), where=conflicting)
            coefficients[rows, others] += added
            products += added[:, None] * g[others]
        return torch.from_numpy(coefficients.sum(axis=0))
