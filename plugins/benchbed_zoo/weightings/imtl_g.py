"""Impartial multi-task learning, its gradient balance (IMTL-G)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

import numpy as np
import torch
from torch import Tensor

from benchbed.basics.errors import RunError
from benchbed.contracts.weighting import Heads, Level, Weighting, WeightingContext
from benchbed_zoo.weightings.solvers.dual_cone import unit_gramian
from benchbed_zoo.weightings.solvers.min_norm import ROUNDING

_OUTSIDE: Final = 1e-6


class ImtlG(Weighting):
    """The update whose projections on all tasks' gradients are equal: g·u_1 = g·u_i for all i.

    g = Σ_i α_i·g_i, u_i = g_i/‖g_i‖ and Σ_i α_i = 1. With the cosines C = (u_i·u_j) and x of
    C·x = 1 it is α_i ∝ x_i/‖g_i‖: the paper's closed form, without a task that stands out. Weights
    may be negative. A task's scale changes the weights, and the update's length, but not its
    direction. With three or more tasks Σ_i x_i/‖g_i‖ can be near 0 or below it, where a task with
    x_i < 0 has a short gradient: as in the paper, the update then is long, or climbs on all tasks.

    Where gradients are linearly dependent:

    - if C·x = 1 has several solutions, as for two tasks with one direction, x is the shortest;
    - if it has none, as for two opposite directions, only g = 0 projects equally: α makes it 0, and
      is, times the lengths, as short as can be with Σ_i α_i = 1.

    A task whose gradient is zero has no u_i; its weight is 0, and it is not asked for its share. If
    all are zero, weights are equal. If no α of sum 1 exists, the run ends with a sentence.

    Source: L. Liu et al.: Towards Impartial Multi-task Learning, ICLR 2021. The paper takes the
    gradients of the shared representation to save time; here they are those of all shared
    parameters, as in most code since. Own parameters get plain gradients, as in the paper; with
    ``heads=weighted`` these times α, as in Nash-MTL's code.
    """

    level: ClassVar[Level] = "gramian"
    sums_to: ClassVar[str] = "1"

    def __init__(self, context: WeightingContext, *, heads: Heads = "own") -> None:
        super().__init__(context)
        self.heads = heads

    def weights(self, gramian: Tensor, losses: Mapping[str, Tensor]) -> Tensor:
        """Return α."""
        g = gramian.numpy()
        used, lengths, c = unit_gramian(g)
        if not used.any():
            return torch.full((len(g),), 1.0 / len(g), dtype=torch.float64)
        weights = np.zeros(len(g))
        weights[used] = _impartial(c, lengths.min() / lengths)
        return torch.from_numpy(weights)


def _impartial(c: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return α for the cosines of the gradients and their inverse lengths."""
    values, vectors = np.linalg.eigh(c)
    kept = values > ROUNDING * len(c) * values[-1]
    null, vectors, values = vectors[:, ~kept], vectors[:, kept], values[kept]
    if np.linalg.norm(null.sum(axis=0)) > _OUTSIDE * np.sqrt(len(c)):
        x = null @ (null.T @ b)
    else:
        x = vectors @ (vectors.sum(axis=0) / values)
    total = float(b @ x)
    blur = min(ROUNDING * float(values[-1] / values[0]), 1e-9)
    if abs(total) <= blur * float(b @ np.abs(x)):
        raise RunError(
            "IMTL-G: no weights of sum 1 project equally on all gradients at this step; use "
            "nash-mtl or config, which balance projections without such a sum."
        )
    weights: np.ndarray = b * x / total
    return weights
