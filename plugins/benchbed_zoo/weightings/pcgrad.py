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
    Source: T. Yu et al., NeurIPS 2020, algorithm 1.
    """

    level: ClassVar[Level] = "gramian"
    sums_to: ClassVar[str] = "free"

    def weights(self, gramian: Tensor, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the coefficients of the sum of the projected gradients."""
        g = gramian.numpy()
        count = len(g)
        orders = torch.stack([torch.randperm(count) for _ in range(count)]).numpy()
        rows, squares = np.arange(count), np.diag(g)
        coefficients = np.eye(count)
        products = g.copy()
        # rows know nothing of each other, so that each takes its own next j at once
        for others in orders.T:
            product, square = products[rows, others], squares[others]
            conflicting = (product < 0.0) & (square > 0.0) & (others != rows)
            added = np.divide(-product, square, out=np.zeros(count), where=conflicting)
            coefficients[rows, others] += added
            products += added[:, None] * g[others]
        return torch.from_numpy(coefficients.sum(axis=0))
