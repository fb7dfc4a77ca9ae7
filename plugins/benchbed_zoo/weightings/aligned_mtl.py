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
    eigenvalues, and the weights are B·1 or B·1/T. All r singular values of the aligned gradients
    B·J are equal to σ.

    As in the authors' code an eigenvalue counts as 0 up to T·1.2e-7 of the largest (the precision
    of float32, in which gradients are taken). Singular values above, so of gradients with condition
    numbers up to 2900/√T, come out equal to 1e-9. A task whose gradient is zero has weight 0, and
    the others are as without it; if all are zero, weights are 1 (1/T). A common factor of all
    gradients leaves the weights as they are.

    Own parameters get plain gradients; with ``heads=weighted`` these times the weights, as with
    ``scale_decoder_grad`` in the authors' code, which is off unless asked for.

    Args:
        context: the tasks.
        scale_mode: what σ is, in the gradients' unit: the least singular value of J (``min``), the
            root of the median of their squares (``median``, of an even number the lower of the
            middle two) or of the mean of their squares (``rmse``).
        reduction: ``sum`` for B·1, as in the authors' code, or ``mean`` for B·1/T, the paper's
            preferences that sum to 1.
        heads: what own parameters get, ``own`` or ``weighted``.

    Example:
        As a method: ``hps+aligned-mtl:scale_mode=rmse``.

        >>> jacobian = torch.tensor([[4.0, 0.0], [0.0, 2.0]])
        >>> benchbed.aggregate("aligned-mtl", jacobian)
        tensor([2., 2.])

    Source: D. Senushkin, N. Patakin, A. Kuznetsov, A. Konushin: Independent Component Alignment for
    Multi-Task Learning, CVPR 2023, algorithm 1.
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
        """Return B·1, divided by T for ``mean``.

        Args:
            gramian: G, ``(T, T)``, float64.
            losses: not looked at.

        Returns:
            w, ``(T,)``, float64.

        Raises:
            RunError: a gradient is infinite or NaN.
        """
        g = finite(gramian.numpy())
        weights = self._sums(g)
        if self.reduction == "mean":
            weights = weights / len(g)
        return torch.from_numpy(weights)

    def _sums(self, g: np.ndarray) -> np.ndarray:
        """Return B·1, ``(T,)``."""
        # eigenvalues in increasing order, (T,), and eigenvectors as columns, (T, T)
        values, vectors = np.linalg.eigh(g)
        kept = values > max(values[-1], 0.0) * len(g) * _SINGLE_PRECISION
        if not kept.any():
            return np.ones(len(g))
        values = values[kept]
        vectors = vectors[:, kept]
        factors = np.sqrt(self._square(values) / values)
        weights: np.ndarray = vectors @ (factors * vectors.sum(axis=0))
        return weights

    def _square(self, values: np.ndarray) -> np.float64:
        """Return σ² for the squared singular values, which are in increasing order."""
        if self.scale_mode == "min":
            square: np.float64 = values[0]
        elif self.scale_mode == "median":
            square = values[(len(values) - 1) // 2]
        else:
            square = values.mean()
        return square
