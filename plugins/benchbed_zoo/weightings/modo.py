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
    step. The product of a zero gradient with the update is 0, so that its task gains weight against
    those that agree with it.

    Args:
        context: the tasks.
        gamma: γ, at least 0, in units of the inverse squared gradient; 0.1 in the official code.
        rho: ρ, at least 0, in units of the squared gradient, the pull towards equal weights; 0.1 in
            the official code.

    Example:
        As a method: ``hps+modo:gamma=0.01``. Rows and columns of three batches, two tasks each:

        >>> strategy = MoDo(benchbed.WeightingContext(["seg", "depth"]))
        >>> losses = {"seg": torch.tensor(2.0), "depth": torch.tensor(0.5)}
        >>> strategy.weights(torch.eye(2, dtype=torch.float64).repeat(3, 3), losses)
        tensor([0.5000, 0.5000], dtype=torch.float64)

    Source: L. Chen, H. Fernando, Y. Ying, T. Chen: Three-Way Trade-Off in Multi-Objective Learning,
    NeurIPS 2023, algorithm 1.
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
        """Return λ after its step, for the third batch.

        Args:
            gramian: of the three batches' gradients, ``(3·T, 3·T)``, float64, batch by batch.
            losses: by task; the names alone are looked at.

        Returns:
            λ, ``(T,)``, float64, of sum 1.
        """
        tasks = list(losses)
        count = len(tasks)
        # J₁J₂ᵀ, (T, T)
        cross = gramian.numpy()[:count, count : 2 * count]
        old = self.task_weights.of(tasks)
        slope = cross @ old + self.rho * old
        new = project_on_simplex(old - self.gamma * slope)
        self.task_weights.keep(tasks, new)
        return torch.from_numpy(new)
