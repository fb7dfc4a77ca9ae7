"""Projection of the average gradient on the dual cone (DualProj)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from benchbed.contracts.weighting import Level, Weighting
from benchbed_zoo.weightings.solvers.dual_cone import dual_cone_projections, unit_gramian


class DualProj(Weighting):
    """The average gradient, moved just as far as to conflict with no task.

    min_d ‖d − g_0‖² with g_i·d ≥ 0 for all i, g_0 = 1/T·Σ_i g_i. Its dual is a quadratic programme
    in v ≥ 0 with d = g_0 + Σ_i v_i·g_i, solved exactly and without regularisation, so that no
    product g_i·d is below 0 by more than rounding. A zero gradient conflicts with nothing; its task
    has weight 1/T. A common factor of all gradients leaves the weights as they are.

    Args:
        context: the tasks.

    Example:
        As a method: ``hps+dualproj``.

        >>> jacobian = torch.tensor([[1.0, 0.0], [-3.0, 1.0]])
        >>> benchbed.aggregate("dualproj", jacobian)
        tensor([0.0000, 0.5000])

    Source: D. Lopez-Paz, M. Ranzato: Gradient Episodic Memory, NeurIPS 2017, eqs. 8 to 11, with
    all tasks' average in the place of the new task's gradient, as in P. Quinton and V. Rey (2024).
    """

    level: ClassVar[Level] = "gramian"
    sums_to: ClassVar[str] = "free"

    def weights(self, gramian: Tensor, losses: Mapping[str, Tensor]) -> Tensor:
        """Return 1/T + v.

        Args:
            gramian: G, ``(T, T)``, float64.
            losses: not looked at.

        Returns:
            w, ``(T,)``, float64.

        Raises:
            RunError: a gradient is infinite or NaN.
        """
        g = gramian.numpy()
        weights = np.full(len(g), 1.0 / len(g))
        used, lengths, c = unit_gramian(g)
        if used.any():
            # in gradients of length 1, and relative to the longest: g_0 = Σ_i average_i·u_i
            scale = lengths.max() / lengths
            average = 1.0 / (len(g) * scale)
            (added,) = dual_cone_projections(c, average[None])
            weights[used] += added * scale
        return torch.from_numpy(weights)
