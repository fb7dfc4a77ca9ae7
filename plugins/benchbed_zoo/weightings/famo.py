"""Fast adaptive multi-task optimisation (FAMO)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

import torch
from torch import Tensor, nn

from benchbed.contracts.weighting import Level, Weighting, WeightingContext
from benchbed_zoo.weightings.parts.logarithms import require_at_least

EPSILON: Final = 1e-8
"""Added to every loss, as in the paper's code."""
GIVE_LEAST: Final = "give the task's least loss as an option, as in famo:depth=-1"


class Famo(Weighting):
    """L = Σ_t w_t·L_t with w_t = c·z_t/(L_t − b_t), z = softmax(ξ), c such that Σ_t w_t = 1.

    After the update the losses L′ of the same batch are looked at: with δ_t = log(L_t − b_t) −
    log(L′_t − b_t), the logits ξ get the gradient (∂z/∂ξ)ᵀ·δ, so that tasks that improved least
    come to weigh more; they are stepped by an Adam of their own with learning rate ``lr`` (the
    paper's β) and weight decay ``gamma`` (γ). b_t, the least value that a loss can take, is 0
    unless given for the task (``famo:depth=0.3``); a loss must not be under it.

    A task that is absent from a step has no part in z, and neither its logit nor what Adam holds
    for it moves. A loss at its least value has almost all the weight. γ is 0.01, which in the
    paper's code is the default and what its script for Cityscapes runs with; those for NYUv2,
    CelebA and QM9 have 0.001, as LibMTL has. That code also clips the shared gradient's norm at 1,
    which is the protocol's business here. Source: B. Liu et al., NeurIPS 2023, algorithm 1.
    """

    level: ClassVar[Level] = "loss"
    sums_to: ClassVar[str] = "1"

    def __init__(
        self, context: WeightingContext, *, lr: float = 0.025, gamma: float = 0.01, **least: float
    ) -> None:
        super().__init__(context)
        self.least = {name: least.get(name, 0.0) for name in context.tasks}
        self.logits = nn.ParameterDict(
            {name: nn.Parameter(torch.tensor(0.0)) for name in context.tasks}
        )
        self.optimizer = torch.optim.Adam(self.logits.parameters(), lr=lr, weight_decay=gamma)
        self._before: dict[str, Tensor] = {}

    def combine(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the weighted sum, and keep the losses for what comes after the update."""
        require_at_least(losses, self.least, "famo", GIVE_LEAST)
        self._before = {name: loss.detach() for name, loss in losses.items()}
        stacked = torch.stack(list(losses.values()))
        shares = self._shares(list(losses)).detach() / self._excess(self._before, list(losses))
        return (shares / shares.sum() * stacked).sum()

    def after_step(self, losses: Mapping[str, Tensor]) -> None:
        """Step the logits of the tasks of this step."""
        require_at_least(losses, self.least, "famo", GIVE_LEAST)
        names = [name for name in losses if name in self._before]
        if not names:
            return
        before, after = self._excess(self._before, names), self._excess(losses, names)
        improved = (before.log() - after.log()).detach()
        logits = [self.logits[name] for name in names]
        gradients = torch.autograd.grad((self._shares(names) * improved).sum(), logits)
        for logit, gradient in zip(logits, gradients, strict=True):
            logit.grad = gradient
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._before = {}

    def _shares(self, names: Sequence[str]) -> Tensor:
        return torch.softmax(torch.stack([self.logits[name] for name in names]), dim=0)

    def _excess(self, losses: Mapping[str, Tensor], names: Sequence[str]) -> Tensor:
        """Return how far losses are above their least values."""
        return torch.stack([losses[name] - self.least[name] for name in names]) + EPSILON
