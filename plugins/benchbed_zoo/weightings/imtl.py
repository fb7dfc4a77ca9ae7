"""Impartial multi-task learning, losses and gradients (IMTL)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from benchbed.contracts.weighting import Heads, WeightingContext
from benchbed_zoo.weightings.imtl_g import ImtlG


class Imtl(ImtlG):
    """IMTL-L and IMTL-G: losses e^(s_t)·L_t − s_t with learned s_t, whose gradients are balanced.

    s_t, one parameter a task, 0 at the start, without weight decay, descends on its own task's loss
    with weight 1, as own parameters do: e^(s_t)·L_t tends to 1. The shared parameters get IMTL-G's
    combination of the scaled losses' gradients, see there also for gradients that are zero or
    dependent. Scales do not change the direction of that, but its length, and the plain gradients
    of the tasks' own parameters. ``heads`` is as for IMTL-G; s_t has weight 1 either way.

    Source: L. Liu et al.: Towards Impartial Multi-task Learning, ICLR 2021, algorithm 1.
    """

    def __init__(self, context: WeightingContext, *, heads: Heads = "own") -> None:
        super().__init__(context, heads=heads)
        self.scale = nn.ParameterDict(
            {name: nn.Parameter(torch.tensor(0.0)) for name in context.tasks}
        )

    def transform(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return e^s·L − s."""
        return {
            name: torch.exp(self.scale[name]) * loss - self.scale[name]
            for name, loss in losses.items()
        }
