"""Impartial multi-task learning, its loss balance (IMTL-L)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from benchbed.contracts.weighting import Level, Weighting, WeightingContext


class ImpartialLosses(Weighting):
    """L = Σ_t e^(s_t)·L_t − s_t: scales are learned so that all scaled losses come to 1.

    Learned is s_t, one parameter a task, 0 at the start, without weight decay; for a constant loss
    it settles at −log L_t. The paper's whole method has this before its gradient balance, IMTL-G.
    Source: L. Liu et al.: Towards Impartial Multi-task Learning, ICLR 2021 (IMTL-L).
    """

    level: ClassVar[Level] = "loss"
    sums_to: ClassVar[str] = "free"

    def __init__(self, context: WeightingContext) -> None:
        super().__init__(context)
        self.scale = nn.ParameterDict(
            {name: nn.Parameter(torch.tensor(0.0)) for name in context.tasks}
        )

    def transform(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return e^s·L − s."""
        return {
            name: torch.exp(self.scale[name]) * loss - self.scale[name]
            for name, loss in losses.items()
        }
