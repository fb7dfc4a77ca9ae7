"""Multi-objective gradient descent with double sampling (MoDo)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from benchbed.contracts.weighting import Level, Weighting, WeightingContext
from benchbed_zoo.weightings.solvers.simplex import TaskWeights, project_on_simplex


class MoDo(Weighting):
    """λ ← Π_Δ(λ − γ·(J₁J₂ᵀλ + ρλ)), with two batches' gradients; the update is J₃ᵀλ of a third.

    Two independent batches make the step of λ unbiased, and the third the update's. λ starts equal,
    and of the tasks absent from a step it stays (the others share 1). It is one projected gradient
    step, so γ is in units of the inverse squared gradient. The product of a zero gradient with the
    update is 0, so that its task gains weight against those that agree with it.

    Source: L. Chen, H. Fernando, Y. Ying, T. Chen, NeurIPS 2023, algorithm 1; γ and ρ are those of
    its official code.
    """

    level: ClassVar[Level] = "gramian"
    sums_to: ClassVar[str] = "1"
    batches: ClassVar[int] = 3

    def __init__(self, context: WeightingContext, *, gamma: float = 0.1, rho: float = 0.1) -> None:
        super().__init__(context)
        self.gamma = gamma
        self.rho = rho
        self.task_weights = TaskWeights(context.tasks)

    def weights(self, gramian: Tensor, losses: Mapping[str, Tensor]) -> Tensor:
        """Return λ after its step, for the third batch."""
        tasks, count = list(losses), len(losses)
        cross = gramian.numpy()[:count, count : 2 * count]
        old = self.task_weights.of(tasks)
        new = project_on_simplex(old - self.gamma * (cross @ old + self.rho * old))
        self.task_weights.keep(tasks, new)
        return torch.from_numpy(new)
