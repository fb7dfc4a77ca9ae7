"""Multiple-gradient descent (MGDA)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from benchbed.basics.errors import RunError
from benchbed.contracts.weighting import Heads, Level, Weighting, WeightingContext
from benchbed_zoo.weightings.solvers.dual_cone import finite
from benchbed_zoo.weightings.solvers.min_norm import min_norm_weights


class Mgda(Weighting):
    """min_w ‖Σ_t w_t·∇L_t‖² over the simplex; solved exactly, not by Frank–Wolfe steps.

    A task whose gradient is zero takes all the weight: the point is Pareto-stationary and the
    update is zero.

    ``normalisation`` divides each gradient before w is computed, as Sener and Koltun's code can: by
    its length (``l2``), by the task's loss (``loss``), or by both (``loss-l2``, there ``loss+``).
    The update combines the gradients as they are, with that w. A loss of 0 with a gradient that is
    not 0 makes the divided one infinite, and its weight 0; if all losses are 0 nothing is divided
    by them. A negative loss ends the run with a sentence.

    ``heads``: a task's own parameters get its plain gradient (``own``), as in algorithm 2 of Sener
    and Koltun, or that times the task's weight (``weighted``), as in their code.

    Source: J.-A. Désidéri, 2012; O. Sener and V. Koltun, NeurIPS 2018, eq. 3.
    """

    level: ClassVar[Level] = "gramian"
    sums_to: ClassVar[str] = "1"

    def __init__(
        self, context: WeightingContext, *, normalisation: str = "none", heads: Heads = "own"
    ) -> None:
        super().__init__(context)
        self.heads = heads
        self.normalisation = normalisation

    def weights(self, gramian: Tensor, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the weights of the shortest convex combination."""
        g = finite(gramian.numpy())
        return torch.from_numpy(min_norm_weights(g, self._normalisers(g, losses)))

    def _normalisers(self, g: np.ndarray, losses: Mapping[str, Tensor]) -> np.ndarray:
        found = np.ones(len(g))
        if self.normalisation in {"l2", "loss-l2"}:
            found *= np.sqrt(np.diag(g))
        if self.normalisation in {"loss", "loss-l2"}:
            values = np.array([float(loss) for loss in losses.values()])
            if np.any(values < 0.0):
                task = list(losses)[int(np.argmin(values))]
                raise RunError(
                    f"mgda cannot divide by the loss of '{task}', which is {values.min():g}: use "
                    "normalisation=l2, or a loss that is never negative."
                )
            if values.any():
                found *= values
        return found
