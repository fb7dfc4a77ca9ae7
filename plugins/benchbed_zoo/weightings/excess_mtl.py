"""Multi-task learning with excess risks (ExcessMTL)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from benchbed.contracts.weighting import Level, Weighting, WeightingContext
from benchbed_zoo.weightings.parts.row_state import RowState, combined


class ExcessMtl(Weighting):
    """Weights that grow for the tasks that are far from what they can reach.

    A task's excess risk is estimated as Ê = gᵀH⁻¹g, with H = diag(√S) and S the sum of its squared
    gradients so far, and taken relative to Ê₀, its mean over the first ``warmup`` steps with the
    task, in which the weight stays. Then w_t ← w_t·exp(η·Ê_t/Ê₀_t), normalised (eqs. 6, 7 and 9);
    the update is Σ w_t·g_t. The weights do not depend on the unit of any loss: where S is zero an
    entry adds nothing, while peers add a constant to S.

    Weights sum to T, as in the official code (in the paper to 1). Tasks absent from a step keep
    their weights, the others theirs together, and share the sum. A zero gradient is no excess risk:
    the weight falls against the others'; where it is zero from the start, warm-up begins later.

    A task's own parameters get its plain gradient; in the official code it is weighted, which at
    this level nothing can ask for.

    Args:
        context: the tasks.
        step_size: η, at least 0 and without unit; 0.01 in the official code.
        warmup: steps that Ê₀ is a mean of, 1 in the official code (in the paper three epochs).

    Example:
        As a method: ``hps+excess-mtl:step_size=0.1``. At the first step weights are 1:

        >>> jacobian = torch.tensor([[4.0, 0.0], [0.0, 2.0]])
        >>> benchbed.aggregate("excess-mtl", jacobian)
        tensor([4., 2.])

    Source: Y. He et al.: Robust Multi-Task Learning with Excess Risks, ICML 2024, eqs. 6, 7 and 9
    and section 3.2.
    """

    level: ClassVar[Level] = "jacobian"
    sums_to: ClassVar[str] = "T"

    def __init__(
        self, context: WeightingContext, *, step_size: float = 0.01, warmup: int = 1
    ) -> None:
        super().__init__(context)
        self.step_size = step_size
        self.warmup = warmup
        self.squares = RowState(context.tasks)
        self.logs = dict.fromkeys(context.tasks, 0.0)
        self.first: dict[str, list[float]] = {task: [] for task in context.tasks}

    def direction(
        self, rows: Mapping[str, Tensor], losses: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return the weighted sum, after the weights have moved.

        Args:
            rows: by parameter, ``(T, *shape)``; side by side they are J, ``(T, d)``.
            losses: by task; the names alone are looked at.

        Returns:
            By parameter, of its shape; one after the other ``(d,)``.
        """
        tasks = list(losses)
        sums = self.squares.update(tasks, rows, _add_squares)
        # (parameters, T)
        parts = torch.stack([_risks(rows[name], held) for name, held in sums.items()])
        risks = parts.sum(dim=0)
        logs = np.array([self.logs[task] for task in tasks])
        moved = logs + self.step_size * self._relative(tasks, risks.tolist())
        # the sum of these tasks' weights is what it was
        moved += _log_sum(logs) - _log_sum(moved)
        self.logs.update(zip(tasks, moved.tolist(), strict=True))
        weights = len(tasks) * np.exp(moved - _log_sum(moved))
        return combined(rows, weights)

    def _relative(self, tasks: list[str], risks: list[float]) -> np.ndarray:
        """Return the relative excess risks, ``(T,)``; 0 in warm-up, when risks are noted."""
        result = np.zeros(len(tasks))
        for place, task in enumerate(tasks):
            risk = risks[place]
            first = self.first[task]
            if len(first) == self.warmup:
                result[place] = risk / np.mean(first)
            elif risk > 0.0:
                first.append(risk)
        return result

    def get_extra_state(self) -> dict[str, Any]:
        """Return sums of squares by task and parameter, weights and first excess risks."""
        return {"squares": self.squares.state(), "logs": dict(self.logs), "first": self.first}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take the state up."""
        self.squares.restore(state["squares"])
        self.logs.update(state["logs"])
        self.first.update({task: list(found) for task, found in state["first"].items()})


def _add_squares(held: Tensor, given: Tensor) -> None:
    held.addcmul_(given, given)


def _risks(rows: Tensor, sums: Tensor) -> Tensor:
    """Return Σ g²/√S of each row, ``(T,)``, in float64."""
    least = torch.finfo(sums.dtype).tiny  # where S is 0, so is g
    terms = rows.square().mul_(sums.clamp(min=least).rsqrt_())
    return terms.flatten(1).sum(dim=1).double()


def _log_sum(logs: np.ndarray) -> float:
    return float(np.logaddexp.reduce(logs))
