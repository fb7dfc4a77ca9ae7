"""Dynamic weight average (DWA)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from benchbed.contracts.weighting import EpochInfo, Level, Weighting, WeightingContext
from benchbed_zoo.weightings.parts.history import require_losses


class DynamicWeightAverage(Weighting):
    """w = K·softmax(r/T) with r_k(t) = L_k(t−1)/L_k(t−2) from epoch-mean training losses (eq. 7).

    K is the number of tasks and t the epoch. Weights are 1 in the first two epochs. A task whose
    loss two epochs ago was 0, or that was not trained in one of the two, counts as r = 1.

    Args:
        context: the tasks.
        T: temperature, without unit, 2 in the paper; the larger, the more alike the weights.

    Example:
        As a method: ``mtan+dwa:T=3``.

        >>> strategy = DynamicWeightAverage(benchbed.WeightingContext(["seg", "depth"]))
        >>> strategy.epoch(benchbed.EpochInfo(2, 9, {"seg": [4.0, 2.0], "depth": [1.0, 1.0]}))
        >>> strategy.current
        tensor([0.8756, 1.1244])

    Source: S. Liu, E. Johns, A. Davison: End-to-End Multi-Task Learning with Attention, CVPR 2019,
    eq. 7.
    """

    level: ClassVar[Level] = "loss"
    sums_to: ClassVar[str] = "T"

    current: Tensor

    def __init__(
        self,
        context: WeightingContext,
        T: float = 2.0,  # noqa: N803 - the paper's symbol
    ) -> None:
        super().__init__(context)
        self.temperature = T
        self.register_buffer("current", torch.ones(len(context.tasks)))

    def epoch(self, info: EpochInfo) -> None:
        """Set the weights of the epoch that begins.

        Args:
            info: with the mean training losses of all epochs so far.

        Raises:
            RunError: from the third epoch on a task has no training loss of an epoch before.
        """
        if info.epoch < 2:
            return
        require_losses(info, self.context.tasks, "dwa")
        ratios = [self._ratio(info.train_losses[name]) for name in self.context.tasks]
        weights = len(ratios) * torch.softmax(torch.tensor(ratios) / self.temperature, dim=0)
        self.current.copy_(weights)

    @staticmethod
    def _ratio(losses: Sequence[float]) -> float:
        before, last = losses[-2:]
        ratio = last / before if before else 1.0
        return ratio if math.isfinite(ratio) else 1.0

    def transform(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the weighted losses.

        Args:
            losses: by task, scalars.

        Returns:
            w_k·L_k by task, scalars.
        """
        weights = dict(zip(self.context.tasks, self.current, strict=True))
        return {name: weights[name] * loss for name, loss in losses.items()}
