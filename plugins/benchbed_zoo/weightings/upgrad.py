"""Unconflicting projection of gradients (UPGrad)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from benchbed.contracts.weighting import Level, Weighting
from benchbed_zoo.weightings.solvers.dual_cone import dual_cone_projections, unit_gramian


class UpGrad(Weighting):
    """The average of the tasks' gradients, each projected so as to conflict with none of them.

    1/T·Σ_i π(g_i), π(x) the nearest d to x with g_j·d ≥ 0 for all j (eq. 4). Each projection is
    g_i + Σ_j v_ij·g_j with v_ij ≥ 0 from a quadratic programme, solved exactly and without
    regularisation: no product with the update is below 0 by more than rounding. Projections depend
    on the directions of the other gradients alone, and lengths are divided out before solving, so
    that this holds for gradients of any lengths. Of gradients that are equal or opposite to 1e-7,
    which G in float64 does not tell apart from dependent ones, one may keep a conflict as small as
    that. A zero gradient adds nothing and conflicts with nothing; its task has weight 1/T. A common
    factor of all gradients leaves the weights as they are.

    Args:
        context: the tasks.

    Example:
        As a method: ``hps+upgrad``.

        >>> jacobian = torch.tensor([[1.0, 0.0], [-1.0, 1.0]])
        >>> benchbed.aggregate("upgrad", jacobian)
        tensor([0.2500, 0.7500])

    Source: P. Quinton, V. Rey: Jacobian Descent for Multi-Objective Optimization, 2024, eq. 4.
    """

    level: ClassVar[Level] = "gramian"
    sums_to: ClassVar[str] = "free"

    def weights(self, gramian: Tensor, losses: Mapping[str, Tensor]) -> Tensor:
        """Return 1/T·(1 + Σ_i v_i).

        Args:
            gramian: G, ``(T, T)``, float64.
            losses: not looked at.

        Returns:
            w, ``(T,)``, float64.

        Raises:
            RunError: a gradient is infinite or NaN.
        """
        g = gramian.numpy()
        used, lengths, c = unit_gramian(g)
        weights = np.ones(len(g))
        # row i: what brings u_i = g_i/s_i on the cone, in the u_j
        added = dual_cone_projections(c, np.eye(len(c)))
        weights[used] += lengths @ added / lengths
        return torch.from_numpy(weights / len(g))
