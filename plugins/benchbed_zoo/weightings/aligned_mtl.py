"""Independent component alignment (Aligned-MTL)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

import numpy as np
import torch
from torch import Tensor

from benchbed.contracts.weighting import Heads, Level, Weighting, WeightingContext
from benchbed_zoo.weightings.solvers.dual_cone import finite

_SINGLE_PRECISION: Final = float(np.finfo(np.float32).eps)


class AlignedMtl(Weighting):
    """Gradients made orthogonal and equally long, as near to the given ones as can be, and added.

    With G = V·Λ·Vᵀ and the rank r of the gradients, B = σ·V·Λ^(−1/2)·Vᵀ over the r largest
    eigenvalues, and the weights are B·1 (``reduction=sum``, the authors' code) or B·1/T (``mean``,
    the paper's preferences that sum to 1). All r singular values of the aligned gradients B·J are
    equal to σ: by ``scale_mode`` the least singular value of J (``min``), the root of the median of
    their squares (``median``, of an even number the lower of the middle two) or of the mean of
    their squares (``rmse``).

    As in the authors' code an eigenvalue counts as 0 up to T·1.2e-7 of the largest (the precision
    of float32, in which gradients are taken). Singular values above, so of gradients with condition
    numbers up to 2900/√T, come out equal to 1e-9. A task whose gradient is zero has weight 0, and
    the others are as without it; if all are zero, weights are 1 (1/T). A common factor of all
    gradients leaves the weights as they are.

    Own parameters get plain gradients; with ``heads=weighted`` these times the weights, as with
    ``scale_decoder_grad`` in the authors' code, which is off unless asked for.

    Source: D. Senushkin et al.: Independent Component Alignment for Multi-Task Learning, CVPR 2023,
    algorithm 1.
    """

    level: ClassVar[Level] = "gramian"
    sums_to: ClassVar[str] = "free"

    def __init__(
        self,
        context: WeightingContext,
        *,
        scale_mode: str = "min",
        reduction: str = "sum",
        heads: Heads = "own",
    ) -> None:
        super().__init__(context)
        self.heads = heads
        self.scale_mode = scale_mode
        self.reduction = reduction

    def weights(self, gramian: Tensor, losses: Mapping[str, Tensor]) -> Tensor:
        """Return B·1, divided by T for ``mean``."""
        g = finite(gramian.numpy())
        weights = self._sums(g)
        return torch.from_numpy(weights / len(g) if self.reduction == "mean" else weights)

    def _sums(self, g: np.ndarray) -> np.ndarray:
        values, vectors = np.linalg.eigh(g)
        kept = values > max(values[-1], 0.0) * len(g) * _SINGLE_PRECISION
        if not kept.any():
            return np.ones(len(g))
        values, vectors = values[kept], vectors[:, kept]
        square = {
            "min": values[0],
            "median": values[(len(values) - 1) // 2],
            "rmse": values.mean(),
        }[self.scale_mode]
        weights: np.ndarray = vectors @ (np.sqrt(square / values) * vectors.sum(axis=0))
        return weights
