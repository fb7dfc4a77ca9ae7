"""Dynamic task prioritization (DTP)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

import torch
from torch import Tensor

from benchbed.contracts.weighting import EpochInfo, Level, Weighting, WeightingContext

LOWEST: Final = 1e-6
"""κ̄ counts as at least this, so that a hopeless task's weight stays finite."""


class DynamicTaskPrioritization(Weighting):
    """w_t = −(1 − κ̄_t)^γ·log κ̄_t: the worse a task's key performance indicator, the more it weighs.

    κ̄_t(τ) = α·κ_t(τ) + (1 − α)·κ̄_t(τ−1) averages the indicator κ in (0, 1] over the epochs τ; it
    begins at the first κ. The paper's κ is a metric such as accuracy. A strategy here knows losses
    alone, so κ is exp(−L/L(1)), with the epoch's mean loss L and that of the first epoch: 0.37 at
    first, towards 1 as the loss falls, whatever its unit. With ``relative=false`` it is exp(−L),
    which for cross-entropy is the geometric mean of the true classes' probabilities, and for other
    losses depends on their unit. ``split`` says whether L is on the training or validation split.

    Weights are 1 until the first κ: in the first epoch, and for a task without a loss so far.
    Epochs without a loss (NaN) are left out; so are losses that are not positive before the first
    positive one. The weights sum to nothing fixed. The defaults of γ and α are benchbed's.
    Source: M. Guo et al.: Dynamic Task Prioritization for Multitask Learning, ECCV 2018.
    """

    level: ClassVar[Level] = "loss"
    sums_to: ClassVar[str] = "free"

    current: Tensor

    def __init__(
        self,
        context: WeightingContext,
        *,
        gamma: float = 1.0,
        alpha: float = 0.5,
        split: str = "train",
        relative: bool = True,
    ) -> None:
        super().__init__(context)
        self.gamma = gamma
        self.alpha = alpha
        self.split = split
        self.relative = relative
        self.register_buffer("current", torch.ones(len(context.tasks)))

    def epoch(self, info: EpochInfo) -> None:
        """Set the weights of the epoch that begins, from all epochs before it."""
        curves = info.train_losses if self.split == "train" else info.validation_losses
        weights = [self._weight(curves.get(name, ())) for name in self.context.tasks]
        self.current.copy_(torch.tensor(weights))

    def _weight(self, curve: Sequence[float]) -> float:
        unit = 0.0 if self.relative else 1.0
        average = math.nan
        for loss in filter(math.isfinite, curve):
            unit = unit or max(loss, 0.0)
            if unit > 0.0:
                indicator = math.exp(-max(loss, 0.0) / unit)
                before = indicator if math.isnan(average) else average
                average = self.alpha * indicator + (1.0 - self.alpha) * before
        if math.isnan(average):
            return 1.0
        average = max(average, LOWEST)
        return -math.pow(1.0 - average, self.gamma) * math.log(average)

    def transform(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return w_t·L_t."""
        weights = dict(zip(self.context.tasks, self.current, strict=True))
        return {name: weights[name] * loss for name, loss in losses.items()}
