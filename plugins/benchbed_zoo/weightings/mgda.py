"""Multiple-gradient descent (MGDA)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from benchbed.weighting import Level, Weighting
from benchbed_zoo.weightings.min_norm import min_norm_weights


class Mgda(Weighting):
    """min_w ‖Σ_t w_t·∇L_t‖² over the simplex; solved exactly, not by Frank–Wolfe steps.

    A task whose gradient is zero takes all the weight: the point is Pareto-stationary and the
    update is zero. Source: J.-A. Désidéri, 2012; O. Sener and V. Koltun, NeurIPS 2018, eq. 3.
    """

    level: ClassVar[Level] = "gramian"
    sums_to: ClassVar[str] = "1"

    def weights(self, gramian: Tensor, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the weights of the shortest convex combination."""
        found = min_norm_weights(gramian.numpy())
        return torch.from_numpy(found)
