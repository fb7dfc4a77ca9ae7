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
    task, in which the weight stays. Then w_t ← w_t·exp(η·Ê_t/Ê₀_t), normalised; the update is
    Σ w_t·g_t. The weights do not depend on the unit of any loss: where S is zero an entry adds
    nothing, while peers add a constant to S.

    Weights sum to T, as in the official code (in the paper to 1). Tasks absent from a step keep
    their weights, the others theirs together, and share the sum. A zero gradient is no excess risk:
    the weight falls against the others'; where it is zero from the start, warm-up begins later.

    A task's own parameters get its plain gradient; in the official code it is weighted, which at
    this level nothing can ask for.

    Source: Y. He et al., ICML 2024, eqs. 6, 7 and 9 and section 3.2; η = 0.01 and one step of
    warm-up are those of its official code (the paper: three epochs).
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
        """Return the weighted sum, after the weights have moved."""
        tasks = list(losses)
        sums = self.squares.update(tasks, rows, lambda held, given: held.addcmul_(given, given))
        risks = torch.stack([_risks(rows[name], held) for name, held in sums.items()]).sum(dim=0)
        logs = np.array([self.logs[task] for task in tasks])
        moved = logs + self.step_size * self._relative(tasks, risks.tolist())
        # the sum of these tasks' weights is what it was
        moved += _log_sum(logs) - _log_sum(moved)
        self.logs.update(zip(tasks, moved.tolist(), strict=True))
        return combined(rows, len(tasks) * np.exp(moved - _log_sum(moved)))

    def _relative(self, tasks: list[str], risks: list[float]) -> np.ndarray:
        """Return the relative excess risks; 0 for tasks in warm-up, whose risks are noted."""
        result = np.zeros(len(tasks))
        for i, (task, risk) in enumerate(zip(tasks, risks, strict=True)):
            first = self.first[task]
            if len(first) == self.warmup:
                result[i] = risk / np.mean(first)
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


def _risks(rows: Tensor, sums: Tensor) -> Tensor:
    """Return Σ g²/√S of each row, in float64."""
    least = torch.finfo(sums.dtype).tiny  # where S is 0, so is g
    terms = rows.square().mul_(sums.clamp(min=least).rsqrt_())
    return terms.flatten(1).sum(dim=1).double()


def _log_sum(logs: np.ndarray) -> float:
    return float(np.logaddexp.reduce(logs))
