"""Stochastic direction-oriented multi-objective gradient descent (SDMGrad)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from benchbed.contracts.weighting import Level, Weighting, WeightingContext
from benchbed_zoo.weightings.solvers.simplex import TaskWeights, project_on_simplex


class SdmGrad(Weighting):
    """min_w ½‖g_w + λ·g₀‖² over the simplex, by stochastic steps; the update is (g_w + λ·g₀)/(1+λ).

    g₀ is the mean gradient. The steps are v ← μ·v + A·(w + λ/T·1), w ← Π_Δ(w − β·v), with A = J₁J₂ᵀ
    of two batches over the squared mean of the roots of its diagonal (negative entries as 0), and
    v = 0 before the first; w goes on from update to update. The update is along the third batch's
    gradients. The step size is free of the gradients' common scale.

    Where A's diagonal has no positive entry, the two batches having nothing in common, w stays. The
    product of a zero gradient with the direction is 0, so that its task gains weight against those
    that agree with it. Tasks absent from a step keep their w (the others share 1).

    Args:
        context: the tasks.
        lamda: λ, at least 0 and without unit, the pull towards the mean gradient.
        lr: β, at least 0 and without unit, the step size of w.
        momentum: μ in [0, 1], of the steps of w.
        steps: how many there are for each update. All defaults are those of the official code.

    Example:
        As a method: ``hps+sdmgrad:lamda=0.6``. Rows and columns of three batches, two tasks each:

        >>> strategy = SdmGrad(benchbed.WeightingContext(["seg", "depth"]))
        >>> losses = {"seg": torch.tensor(2.0), "depth": torch.tensor(0.5)}
        >>> strategy.weights(torch.eye(2, dtype=torch.float64).repeat(3, 3), losses)
        tensor([0.5000, 0.5000], dtype=torch.float64)

    Source: P. Xiao, H. Ban, K. Ji: Direction-oriented Multi-objective Learning, NeurIPS 2023,
    algorithm 1 and section 6.1.
    """

    level: ClassVar[Level] = "gramian"
    sums_to: ClassVar[str] = "1"
    batches: ClassVar[int] = 3

    def __init__(
        self,
        context: WeightingContext,
        *,
        lamda: float = 0.3,
        lr: float = 10.0,
        momentum: float = 0.5,
        steps: int = 20,
    ) -> None:
        super().__init__(context)
        self.lamda = lamda
        self.lr = lr
        self.momentum = momentum
        self.steps = steps
        self.task_weights = TaskWeights(context.tasks)

    def weights(self, gramian: Tensor, losses: Mapping[str, Tensor]) -> Tensor:
        """Return (w + λ/T)/(1 + λ), for the third batch.

        Args:
            gramian: of the three batches' gradients, ``(3·T, 3·T)``, float64, batch by batch.
            losses: by task; the names alone are looked at.

        Returns:
            The weights, ``(T,)``, float64, of sum 1.
        """
        tasks = list(losses)
        count = len(tasks)
        w = self.task_weights.of(tasks)
        # J₁J₂ᵀ, (T, T)
        cross = gramian.numpy()[:count, count : 2 * count]
        scale = float(np.sqrt(np.maximum(np.diag(cross), 0.0)).mean())
        preferred = self.lamda / count
        if scale > 0.0:
            a = cross / scale / scale
            velocity = np.zeros(count)
            for _ in range(self.steps):
                velocity = self.momentum * velocity + a @ (w + preferred)
                w = project_on_simplex(w - self.lr * velocity)
            self.task_weights.keep(tasks, w)
        return torch.from_numpy((w + preferred) / (1.0 + self.lamda))
