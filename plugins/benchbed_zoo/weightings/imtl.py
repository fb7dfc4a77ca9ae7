"""Impartial multi-task learning, losses and gradients (IMTL)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from benchbed.contracts.weighting import Heads, WeightingContext
from benchbed_zoo.weightings.imtl_g import ImtlG
from benchbed_zoo.weightings.parts.per_task import new_parameters, scaled_losses


class Imtl(ImtlG):
    """IMTL-L and IMTL-G: losses e^(s_t)·L_t − s_t with learned s_t, whose gradients are balanced.

    s_t, one parameter a task, 0 at the start, without weight decay, descends on its own task's loss
    with weight 1, as own parameters do: e^(s_t)·L_t tends to 1. The shared parameters get IMTL-G's
    combination of the scaled losses' gradients, see there also for gradients that are zero or
    dependent. Scales do not change the direction of that, but its length, and the plain gradients
    of the tasks' own parameters. ``heads`` is as for IMTL-G; s_t has weight 1 either way.

    Args:
        context: the tasks.
        heads: what own parameters get, ``own`` or ``weighted``.

    Example:
        As a method: ``hps+imtl``.

        >>> strategy = Imtl(benchbed.WeightingContext(["seg", "depth"]))
        >>> strategy.weights(torch.eye(2, dtype=torch.float64), {})
        tensor([0.5000, 0.5000], dtype=torch.float64)

    Source: L. Liu et al.: Towards Impartial Multi-task Learning, ICLR 2021, algorithm 1.
    """

    def __init__(self, context: WeightingContext, *, heads: Heads = "own") -> None:
        super().__init__(context, heads=heads)
        self.scale = new_parameters(context.tasks, torch.tensor(0.0))

    def transform(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the scaled losses.

        Args:
            losses: by task, scalars.

        Returns:
            e^(s_t)·L_t − s_t by task, scalars.
        """
        return scaled_losses(losses, self.scale)
