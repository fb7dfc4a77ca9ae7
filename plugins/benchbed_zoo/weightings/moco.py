"""Multi-objective gradient correction (MoCo)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from benchbed.contracts.weighting import Level, Weighting, WeightingContext
from benchbed_zoo.weightings.parts.row_state import RowState, combined, products
from benchbed_zoo.weightings.solvers.simplex import TaskWeights, project_on_simplex


class MoCo(Weighting):
    """Weights from gradients tracked over steps, along which the update is made as well.

    y_i ← y_i − β_k·(y_i − g_i) from 0, λ ← Π_Δ(λ − γ_k·(YYᵀ + ρ·I)·λ) from 1/T; the update is Yᵀλ.
    β_k = β/k^σ_β and γ_k = γ/k^σ_γ, k counting the steps with the task (for γ: those of its oldest
    task). The projection is the exact one. A task absent from a step keeps its y and λ (the others
    share 1). Gradients are taken as they are: LibMTL divides each by its length and multiplies it
    by its loss. A zero gradient fades from Y, and its task gains weight against those that agree
    with the update.

    Args:
        context: the tasks.
        beta: β in [0, 1], the step size of y, without unit.
        beta_sigma: σ_β, at least 0, the power of k by which β_k falls.
        gamma: γ, at least 0, the step size of λ, in units of the inverse squared gradient.
        gamma_sigma: σ_γ, at least 0, the power of k by which γ_k falls.
        rho: ρ, at least 0, the pull towards equal weights, in units of the squared gradient. All
            defaults are LibMTL's.

    Example:
        As a method: ``hps+moco:rho=0.1``. At the first step Y is β·J:

        >>> jacobian = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> benchbed.aggregate("moco", jacobian)
        tensor([0.2500, 0.2500])

    Source: H. Fernando et al.: Mitigating Gradient Bias in Multi-objective Learning, ICLR 2023,
    algorithm 1.
    """

    level: ClassVar[Level] = "jacobian"
    sums_to: ClassVar[str] = "free"

    def __init__(
        self,
        context: WeightingContext,
        *,
        beta: float = 0.5,
        beta_sigma: float = 0.5,
        gamma: float = 0.1,
        gamma_sigma: float = 0.5,
        rho: float = 0.0,
    ) -> None:
        super().__init__(context)
        self.beta = beta
        self.beta_sigma = beta_sigma
        self.gamma = gamma
        self.gamma_sigma = gamma_sigma
        self.rho = rho
        self.tracked = RowState(context.tasks)
        self.task_weights = TaskWeights(context.tasks)

    def direction(
        self, rows: Mapping[str, Tensor], losses: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return Yᵀλ after both have moved.

        Args:
            rows: by parameter, ``(T, *shape)``; side by side they are J, ``(T, d)``.
            losses: by task; the names alone are looked at.

        Returns:
            By parameter, of its shape; one after the other ``(d,)``.
        """
        tasks = list(losses)
        step = self.tracked.meet(tasks)
        beta = self.beta / step**self.beta_sigma
        y = self.tracked.approach(tasks, rows, beta)
        old = self.task_weights.of(tasks)
        gamma = self.gamma / step.max() ** self.gamma_sigma
        slope = products(y) @ old + self.rho * old
        new = project_on_simplex(old - gamma * slope)
        self.task_weights.keep(tasks, new)
        return combined(y, new)

    def get_extra_state(self) -> dict[str, Any]:
        """Return the tracked gradients by task and parameter."""
        return self.tracked.state()

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take the tracked gradients up."""
        self.tracked.restore(state)
