"""Impartial multi-task learning, its loss balance (IMTL-L)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from benchbed.contracts.weighting import Level, Weighting, WeightingContext
from benchbed_zoo.weightings.parts.per_task import new_parameters, scaled_losses


class ImpartialLosses(Weighting):
    """L = Σ_t e^(s_t)·L_t − s_t: scales are learned so that all scaled losses come to 1.

    Learned is s_t, one parameter a task, 0 at the start, without weight decay; for a constant loss
    it settles at −log L_t. The paper's whole method has this before its gradient balance, IMTL-G.

    Args:
        context: the tasks.

    Example:
        As a method: ``hps+imtl-l``.

        >>> losses = {"seg": torch.tensor(2.0), "depth": torch.tensor(0.5)}
        >>> ImpartialLosses(benchbed.WeightingContext(["seg", "depth"])).combine(losses)
        tensor(2.5000, grad_fn=<SumBackward0>)

    Source: L. Liu et al.: Towards Impartial Multi-task Learning, ICLR 2021 (IMTL-L).
    """

    level: ClassVar[Level] = "loss"
    sums_to: ClassVar[str] = "free"

    def __init__(self, context: WeightingContext) -> None:
        super().__init__(context)
        self.scale = new_parameters(context.tasks, torch.tensor(0.0))

    def transform(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the scaled losses.

        Args:
            losses: by task, scalars.

        Returns:
            e^(s_t)·L_t − s_t by task, scalars.
        """
        return scaled_losses(losses, self.scale)
