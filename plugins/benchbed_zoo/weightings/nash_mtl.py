"""Nash bargaining over the update (Nash-MTL)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from benchbed.contracts.weighting import Heads, Level, Weighting, WeightingContext
from benchbed_zoo.weightings.solvers.dual_cone import unit_gramian
from benchbed_zoo.weightings.solvers.fair_shares import fair_shares


class NashMtl(Weighting):
    """The Nash bargaining solution: α with Gα = 1/α, entry by entry.

    d = Σ_i α_i·g_i is, up to its length, what maximises Σ_i log(g_i·d) in a ball. Lengths are
    divided out first (β_i = ‖g_i‖·α_i solves Cβ = 1/β with the cosines C), so that a task's scale
    changes nothing but the inverse of its weight: α_i·g_i and d stay as they are. That needs the
    weights on the tasks' own parameters too, as the authors' code has them: ``heads`` is weighted
    unless given as ``own``.

    (Gα)_i·α_i is 1 up to rounding, which is 1e-16 unless the gradients nearly cancel out: from
    ‖Σ_i w_i·g_i/‖g_i‖‖ = 1e-4 for some w of the simplex on, it is about 1e-8, as an entry of C that
    is blurred by 1e-16 then counts 1e8 times as much.

    No solution exists where a convex combination of the gradients is 0: no direction helps all
    tasks, they come to no agreement, and all weights are 0, the game's disagreement point. A task
    whose gradient is zero has weight 0, the others bargain among themselves.

    ``update_every``: weights are computed at the first of so many steps and kept for the others; a
    step with a task that has no weight yet computes them too.

    ``max_norm``: where ‖d‖ is larger, d is shortened to it; 0 for no limit, as in the paper's
    algorithm. ``clip`` says what is multiplied by max_norm/‖d‖: ``all`` weights, or those of the
    ``shared`` parameters alone, while own parameters get α_i·∇L_i as they would without a limit.
    The authors' code has the latter with max_norm = 1, after each backward pass. As αᵀGα = T, d of
    an exact solution is √T long at every step, and max_norm/√T is a constant factor: of the whole
    learning rate with ``all``, of that of the shared parameters with ``shared``. Where weights are
    kept for several steps the factor changes from step to step.

    Source: A. Navon et al., ICML 2022, claim 3.1 and algorithm 1.
    """

    level: ClassVar[Level] = "gramian"
    heads: Heads = "weighted"
    sums_to: ClassVar[str] = "free"

    kept: Tensor
    steps: Tensor

    def __init__(
        self,
        context: WeightingContext,
        *,
        update_every: int = 1,
        max_norm: float = 0.0,
        clip: str = "all",
        heads: Heads = "weighted",
    ) -> None:
        super().__init__(context)
        self.update_every = update_every
        self.max_norm = max_norm
        self.clip = clip
        self.heads = heads
        self._factor = 1.0
        self._places = {task: place for place, task in enumerate(context.tasks)}
        self.register_buffer("kept", torch.zeros(len(context.tasks), dtype=torch.float64))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def weights(self, gramian: Tensor, losses: Mapping[str, Tensor]) -> Tensor:
        """Return α."""
        places = [self._places[task] for task in losses]
        if int(self.steps) % self.update_every == 0 or not bool(self.kept[places].all()):
            self.kept.zero_()
            self.kept[places] = torch.from_numpy(_bargain(gramian.numpy()))
        self.steps += 1
        weights = self.kept[places]
        length = float(weights @ gramian @ weights) ** 0.5 if self.max_norm else 0.0
        self._factor = self.max_norm / length if length > self.max_norm else 1.0
        return weights * self._factor if self._factor != 1.0 else weights

    def head_weights(self, weights: Tensor) -> Tensor:
        """Return α, shortened as the shared parameters' unless these alone are clipped."""
        if self.heads == "weighted" and self.clip == "shared":
            return weights / self._factor
        return super().head_weights(weights)


def _bargain(gramian: np.ndarray) -> np.ndarray:
    weights = np.zeros(len(gramian))
    used, lengths, c = unit_gramian(gramian)
    found = fair_shares(c, np.ones(len(c)), 1.0) if used.any() else None
    if found is not None:
        weights[used] = found / lengths
    return weights
