"""Fair resource allocation over the update (FairGrad)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from benchbed.contracts.weighting import Level, Weighting, WeightingContext
from benchbed_zoo.weightings.solvers.dual_cone import unit_gramian
from benchbed_zoo.weightings.solvers.fair_shares import fair_shares


class FairGrad(Weighting):
    """The α-fair update: w with (Gw)_i = w_i^(−1/α) for all i (eq. 4).

    d = Σ_i w_i·g_i is, up to its length, what maximises Σ_i (g_i·d)^(1−α)/(1−α) in a ball: the
    larger α, the more the task counts that gains least. α = 1 is Nash-MTL; towards 0 it is the
    plain sum, towards infinity the largest least gain. A common factor κ of all gradients
    multiplies w by κ^(−2α/(α+1)), d keeps its direction.

    The equation is solved in coordinates without the gradients' lengths. It holds up to rounding:
    the relative error of an entry is 1e-16 times (|G|w)_i·w_i^(1/α), which is large only where the
    gradients nearly cancel out, or, for α far from 1, where their lengths differ by many orders of
    magnitude. No solution exists where a convex combination of the gradients is 0: no direction
    helps all tasks, and all weights are 0. A task whose gradient is zero has weight 0, the others
    are weighed among themselves.

    The authors' code multiplies w by T and then clips the update to length 1; neither is in the
    paper, and neither is done here.

    Args:
        context: the tasks.
        alpha: α, above 0 and without unit; 2 in the authors' scripts.

    Example:
        As a method: ``hps+fairgrad:alpha=1``.

        >>> jacobian = torch.tensor([[4.0, 0.0], [0.0, 2.0]])
        >>> benchbed.aggregate("fairgrad:alpha=1", jacobian)
        tensor([1., 1.])

    Source: H. Ban, K. Ji: Fair Resource Allocation in Multi-Task Learning, ICML 2024, eq. 4 and
    algorithm 1.
    """

    level: ClassVar[Level] = "gramian"
    sums_to: ClassVar[str] = "free"

    def __init__(self, context: WeightingContext, *, alpha: float = 2.0) -> None:
        super().__init__(context)
        self.alpha = alpha

    def weights(self, gramian: Tensor, losses: Mapping[str, Tensor]) -> Tensor:
        """Return w.

        With w_i = β_i/s_i and s_i = κ·r_i, κ the least length, the equation is
        (Cβ)_i = r_i^(1/α−1)·κ^(1/α−1)·β_i^(−1/α), and the power of κ is a factor of β.

        Args:
            gramian: G, ``(T, T)``, float64.
            losses: not looked at.

        Returns:
            w, ``(T,)``, float64.

        Raises:
            RunError: a gradient is infinite or NaN, or the equation was not solved.
        """
        g = gramian.numpy()
        weights = np.zeros(len(g))
        used, lengths, c = unit_gramian(g)
        if used.any():
            power = 1.0 / self.alpha
            least = lengths.min()
            found = fair_shares(c, (lengths / least) ** (power - 1.0), power)
            if found is not None:
                weights[used] = least ** ((power - 1.0) / (power + 1.0)) * found / lengths
        return torch.from_numpy(weights)
