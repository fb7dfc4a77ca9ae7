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

    g_v = Û⁺·1, Û the unit gradients as rows, and the update is (Σ_i g_i·u)·u with u = g_v/‖g_v‖
    (eq. 2). Both follow from the Gramian: with s_i = ‖g_i‖, C = G/(s sᵀ) and c = C⁺·1 is
    g_v = Σ_i c_i·g_i/s_i and ‖g_v‖² = cᵀCc. Where gradients are dependent g_v is the least-squares
    solution.

    A zero gradient has weight 0, the others are as without it; where unit gradients cancel out (two
    opposite ones, say) the update is zero. A factor of all gradients leaves the weights as they
    are, one of a single task's the direction.

    Args:
        context: the tasks.
        rcond: eigenvalues of C (squared singular values of Û) up to this share of the largest count
            as zero; gradients in float32 leave about 1e-7 of noise there.

    Example:
        As a method: ``hps+config``.

        >>> jacobian = torch.tensor([[4.0, 0.0], [0.0, 2.0]])
        >>> benchbed.aggregate("config", jacobian)
        tensor([3., 3.])

    Source: Q. Liu, M. Chu, N. Thuerey: ConFIG: Towards Conflict-free Training of Physics Informed
    Neural Networks, ICLR 2025, eq. 2.
    """

    level: ClassVar[Level] = "gramian"
    sums_to: ClassVar[str] = "free"

    def __init__(self, context: WeightingContext, *, rcond: float = 1e-6) -> None:
        super().__init__(context)
        self.rcond = rcond

    def weights(self, gramian: Tensor, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the weights of the conflict-free direction.

        Args:
            gramian: G, ``(T, T)``, float64.
            losses: not looked at.

        Returns:
            w, ``(T,)``, float64.
        """
        g = gramian.numpy()
        lengths = np.sqrt(np.maximum(np.diag(g), 0.0))
        some = lengths > 0.0
        weights = np.zeros(len(g))
        if some.any():
            weights[some] = self._weights(g[np.ix_(some, some)], lengths[some])
        return torch.from_numpy(weights)

    def _weights(self, g: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Return w for the Gramian of gradients none of which is zero."""
        # C = V·Λ·Vᵀ: eigenvalues in increasing order, (T,), and eigenvectors as columns, (T, T)
        values, vectors = np.linalg.eigh(g / lengths[:, None] / lengths[None, :])
        kept = values > self.rcond * values[-1]
        values = values[kept]
        vectors = vectors[:, kept]
        ones = vectors.sum(axis=0)  # Vᵀ·1
        if np.linalg.norm(ones) <= 1e-8 * np.sqrt(len(g)):
            return np.zeros(len(g))
        solution = ones / values
        c = vectors @ solution
        # C·c and cᵀC·c, of the eigenvalues that are kept
        projections = vectors @ ones
        square = float(ones @ solution)
        length = float(lengths @ projections)
        found: np.ndarray = length / square * c / lengths
        return found
