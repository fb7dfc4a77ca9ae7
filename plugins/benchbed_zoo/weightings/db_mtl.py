"""Dual balancing (DB-MTL)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from benchbed.contracts.weighting import Level, Weighting, WeightingContext
from benchbed_zoo.weightings.parts.logarithms import USE_ANOTHER, log_of_losses, require_at_least
from benchbed_zoo.weightings.parts.row_state import RowState, combined


class DbMtl(Weighting):
    """The averaged gradients of log-losses, all as long as the longest, summed.

    ĝ_t ← β_k·ĝ_t + (1 − β_k)·∇log L_t from 0, and the update is Σ_t max_s ‖ĝ_s‖/‖ĝ_t‖·ĝ_t; lengths
    are over all shared parameters. β_k = β/k^σ, k counting the steps with the task, which is all
    that an absent task loses. A task's own parameters get ∇log L_t. A zero gradient shortens its
    task's average, which is scaled up again; a task whose average is zero itself adds nothing. A
    loss of exactly zero counts as such a gradient. No constant is added to losses or lengths, so
    that the update is the same for any unit of a loss.

    Args:
        context: the tasks.
        beta: β in [0, 1), the share of the past in the averages.
        sigma: σ, at least 0, the power of k by which β_k falls. Both defaults are those of the
            official code.

    Example:
        As a method: ``hps+db-mtl:sigma=0.5``.

        >>> strategy = DbMtl(benchbed.WeightingContext(["seg", "depth"]), beta=0.0)
        >>> rows = {"weight": torch.tensor([[3.0, 0.0], [0.0, 1.0]])}
        >>> strategy.direction(rows, {"seg": torch.tensor(2.0), "depth": torch.tensor(0.5)})
        {'weight': tensor([3., 3.])}

    Source: B. Lin et al.: Dual-Balancing for Multi-Task Learning, arXiv:2308.12029, algorithm 1.
    """

    level: ClassVar[Level] = "jacobian"
    sums_to: ClassVar[str] = "free"

    def __init__(self, context: WeightingContext, *, beta: float = 0.9, sigma: float = 0.0) -> None:
        super().__init__(context)
        self.beta = beta
        self.sigma = sigma
        self.average = RowState(context.tasks)

    def transform(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the losses' logarithms.

        Args:
            losses: by task, scalars that are not negative.

        Returns:
            log L_t by task, scalars; 0 without a gradient where L_t is 0.

        Raises:
            RunError: a loss is negative.
        """
        require_at_least(losses, {}, "db-mtl", USE_ANOTHER)
        return {task: log_of_losses(loss)[0] for task, loss in losses.items()}

    def direction(
        self, rows: Mapping[str, Tensor], losses: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return the sum of the averages, made equally long.

        Args:
            rows: the gradients of log L_t by parameter, ``(T, *shape)``; side by side ``(T, d)``.
            losses: by task; the names alone are looked at.

        Returns:
            By parameter, of its shape; one after the other ``(d,)``.
        """
        tasks = list(losses)
        share = 1.0 - self.beta / self.average.meet(tasks) ** self.sigma
        averages = self.average.approach(tasks, rows, share)
        lengths = _lengths(averages)
        factors = np.divide(lengths.max(), lengths, out=np.zeros_like(lengths), where=lengths > 0.0)
        return combined(averages, factors)

    def get_extra_state(self) -> dict[str, Any]:
        """Return the averaged gradients by task and parameter."""
        return self.average.state()

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take the averaged gradients up."""
        self.average.restore(state)


def _lengths(rows: Mapping[str, Tensor]) -> np.ndarray:
    """Return the length of each task's gradient over all parameters, ``(T,)`` in float64."""
    norms = [torch.linalg.vector_norm(block.flatten(1), dim=1) for block in rows.values()]
    lengths: np.ndarray = torch.stack(norms).double().norm(dim=0).cpu().numpy()
    return lengths
