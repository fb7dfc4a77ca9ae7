"""Conflict-free training by inverted unit gradients (ConFIG)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from benchbed.contracts.weighting import Level, Weighting, WeightingContext


class ConFig(Weighting):
    """The direction at one angle to all gradients, as long as their projections on it together.

    g_v = Û⁺·1, Û the unit gradients as rows, and the update is (Σ_i g_i·u)·u with u = g_v/‖g_v‖.
    Both follow from the Gramian: with s_i = ‖g_i‖, C = G/(s sᵀ) and c = C⁺·1 is
    g_v = Σ_i c_i·g_i/s_i and ‖g_v‖² = cᵀCc. Where gradients are dependent g_v is the least-squares
    solution.

    Eigenvalues of C (squared singular values of Û) up to ``rcond`` times the largest count as zero:
    gradients in float32 leave about 1e-7 of noise there. A zero gradient has weight 0, the others
    are as without it; where unit gradients cancel out (two opposite ones, say) the update is zero.
    A factor of all gradients leaves the weights as they are, one of a single task's the direction.

    Source: Q. Liu, M. Chu, N. Thuerey, ICLR 2025, eq. 2.
    """

    level: ClassVar[Level] = "gramian"
    sums_to: ClassVar[str] = "free"

    def __init__(self, context: WeightingContext, *, rcond: float = 1e-6) -> None:
        super().__init__(context)
        self.rcond = rcond

    def weights(self, gramian: Tensor, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the weights of the conflict-free direction."""
        g = gramian.numpy()
        lengths = np.sqrt(np.maximum(np.diag(g), 0.0))
        some = lengths > 0.0
        weights = np.zeros(len(g))
        if some.any():
            weights[some] = self._weights(g[np.ix_(some, some)], lengths[some])
        return torch.from_numpy(weights)

    def _weights(self, g: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        values, vectors = np.linalg.eigh(g / lengths[:, None] / lengths[None, :])
        kept = values > self.rcond * values[-1]
        values, vectors = values[kept], vectors[:, kept]
        ones = vectors.sum(axis=0)
        if np.linalg.norm(ones) <= 1e-8 * np.sqrt(len(g)):
            return np.zeros(len(g))
        c = vectors @ (ones / values)
        # C·c and cᵀC·c, of the eigenvalues that are kept
        projections, square = vectors @ ones, float(ones @ (ones / values))
        length = float(lengths @ projections)
        found: np.ndarray = length / square * c / lengths
        return found
