"""Gradient normalisation (GradNorm)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from torch import Tensor

from benchbed.contracts.weighting import Heads, Level, Weighting, WeightingContext
from benchbed_zoo.weightings.parts.per_task import new_parameters, places_of


class GradNorm(Weighting):
    """Weights learned so that tasks' gradient norms are alike, larger for tasks that lag behind.

    With n_i = ‖∇L_i‖ at the last shared layer and w_i·n_i the norm of the weighted loss's gradient:
    L_grad = Σ_i |w_i·n_i − n̄·r_i^α|, n̄ the mean of w_j·n_j, r_i = L̃_i/mean(L̃), L̃_i = L_i/L_i(0)
    (eqs. 1 and 2). The target n̄·r_i^α is held constant, so that
    ∂L_grad/∂w_i = n_i·sign(w_i·n_i − n̄·r_i^α). Adam of its own steps w, from 1, after its use, and
    w is then scaled to the sum T. The paper's L is Σ w_i·L_i, so own parameters get their gradient
    times w_i.

    L_i(0) is the loss at the first step with the task, not at epoch 0's end. Only the tasks of a
    step are compared and moved, and they keep the sum that they had. Beyond the paper: a step takes
    half of a weight at most, since Adam's would go below zero; a loss below zero counts as 0, and
    L̃ is 1 where L(0) is not positive. A task whose gradient is zero has norm 0: its weight moves by
    Adam's momentum and the scaling alone.

    Args:
        context: the tasks.
        alpha: α, at least 0 and without unit; the larger, the more a task gets that lags behind.
        lr: learning rate of the weights.

    Example:
        As a method: ``hps+gradnorm:alpha=0.5``, and with the losses 1 and 2 of the first step:

        >>> jacobian = torch.tensor([[4.0, 0.0], [0.0, 2.0]])
        >>> benchbed.aggregate("gradnorm", jacobian, losses=torch.tensor([1.0, 2.0]))
        tensor([4., 2.])

    Source: Z. Chen, V. Badrinarayanan, C.-Y. Lee, A. Rabinovich: GradNorm, ICML 2018, eqs. 1 and 2
    and algorithm 1.
    """

    level: ClassVar[Level] = "gramian"
    heads: Heads = "weighted"
    sums_to: ClassVar[str] = "T"
    at: ClassVar[Literal["shared", "last", "representation"]] = "last"

    first: Tensor

    def __init__(self, context: WeightingContext, *, alpha: float = 1.5, lr: float = 0.025) -> None:
        super().__init__(context)
        self.alpha = alpha
        self.weight = new_parameters(context.tasks, torch.ones((), dtype=torch.float64))
        self.optimizer = torch.optim.Adam(self.weight.values(), lr=lr, fused=True)
        count = len(context.tasks)
        self.register_buffer("first", torch.full((count,), torch.nan, dtype=torch.float64))

    @torch.no_grad()
    def weights(self, gramian: Tensor, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the weights of this step, and move them for the next.

        Args:
            gramian: G of the gradients at the last shared layer, ``(T, T)``, float64.
            losses: by task, scalars, on the CPU.

        Returns:
            w, ``(T,)``, float64, of sum T.
        """
        weights = torch.stack([self.weight[task] for task in losses])
        norms = gramian.diagonal().sqrt()
        weighted = weights * norms
        targets = weighted.mean() * self._rates(losses) ** self.alpha
        gradient = norms * torch.sign(weighted - targets)
        self._move(losses, weights, gradient)
        return weights

    def _rates(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Return r, the relative inverse training rates, ``(T,)``."""
        at = places_of(losses, self.context.tasks)
        values = torch.stack(list(losses.values())).double()
        first = torch.where(self.first[at].isnan(), values, self.first[at])
        self.first[at] = first
        ratios = torch.where(first > 0.0, values.clamp(min=0.0) / first, 1.0)
        mean = ratios.mean()
        if mean > 0.0:
            return ratios / mean
        return torch.ones_like(ratios)

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
