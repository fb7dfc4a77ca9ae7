"""Gradient normalisation (GradNorm)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from benchbed.contracts.weighting import Heads, Level, Weighting, WeightingContext


class GradNorm(Weighting):
    """Weights learned so that tasks' gradient norms are alike, larger for tasks that lag behind.

    With n_i = ‖∇L_i‖ at the last shared layer and w_i·n_i the norm of the weighted loss's gradient:
    L_grad = Σ_i |w_i·n_i − n̄·r_i^α|, n̄ the mean of w_j·n_j, r_i = L̃_i/mean(L̃), L̃_i = L_i/L_i(0).
    The target n̄·r_i^α is held constant, so that ∂L_grad/∂w_i = n_i·sign(w_i·n_i − n̄·r_i^α). Adam
    of its own with ``lr`` steps w, from 1, after its use, and w is then scaled to the sum T.

    L_i(0) is the loss at the first step with the task, not at epoch 0's end. Only the tasks of a
    step are compared and moved, and they keep the sum that they had. Beyond the paper: a step takes
    half of a weight at most, since Adam's would go below zero; a loss below zero counts as 0, and
    L̃ is 1 where L(0) is not positive. A task whose gradient is zero has norm 0: its weight moves by
    Adam's momentum and the scaling alone.

    Source: Z. Chen, V. Badrinarayanan, C.-Y. Lee, A. Rabinovich, ICML 2018, eqs. 1 and 2 and
    algorithm 1; its L is Σ w_i·L_i, so own parameters get their gradient times w_i.
    """

    level: ClassVar[Level] = "gramian"
    heads: Heads = "weighted"
    sums_to: ClassVar[str] = "T"
    at: ClassVar[Literal["shared", "last", "representation"]] = "last"

    first: Tensor

    def __init__(self, context: WeightingContext, *, alpha: float = 1.5, lr: float = 0.025) -> None:
        super().__init__(context)
        self.alpha = alpha
        self.weight = nn.ParameterDict(
            {task: nn.Parameter(torch.ones((), dtype=torch.float64)) for task in context.tasks}
        )
        self.optimizer = torch.optim.Adam(self.weight.values(), lr=lr, fused=True)
        count = len(context.tasks)
        self.register_buffer("first", torch.full((count,), torch.nan, dtype=torch.float64))

    @torch.no_grad()
    def weights(self, gramian: Tensor, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the weights of this step, and move them for the next."""
        weights = torch.stack([self.weight[task] for task in losses])
        norms = gramian.diagonal().sqrt()
        weighted = weights * norms
        targets = weighted.mean() * self._rates(losses) ** self.alpha
        self._move(losses, weights, norms * torch.sign(weighted - targets))
        return weights

    def _rates(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Return r, the relative inverse training rates."""
        at = [self.context.tasks.index(task) for task in losses]
        values = torch.stack(list(losses.values())).double()
        first = torch.where(self.first[at].isnan(), values, self.first[at])
        self.first[at] = first
        ratios = torch.where(first > 0.0, values.clamp(min=0.0) / first, 1.0)
        mean = ratios.mean()
        return ratios / mean if mean > 0.0 else torch.ones_like(ratios)

    def _move(self, losses: Mapping[str, Tensor], old: Tensor, gradient: Tensor) -> None:
        """Step the weights of some tasks, and scale them to the sum that they had."""
        self.optimizer.zero_grad()
        for task, slope in zip(losses, gradient, strict=True):
            self.weight[task].grad = slope
        self.optimizer.step()
        self.optimizer.zero_grad()  # no other optimiser is to step them again
        new = torch.stack([self.weight[task] for task in losses])
        new = torch.maximum(new, old / 2)
        new *= old.sum() / new.sum()
        for task, value in zip(losses, new, strict=True):
            self.weight[task].copy_(value)
