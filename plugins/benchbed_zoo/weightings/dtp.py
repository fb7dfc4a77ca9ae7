"""Dynamic task prioritization (DTP)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

import torch
from torch import Tensor

from benchbed.contracts.weighting import EpochInfo, Level, Weighting, WeightingContext
from benchbed_zoo.weightings.parts.per_task import weighted_losses

LOWEST: Final = 1e-6
"""κ̄ counts as at least this, so that a hopeless task's weight stays finite."""


class DynamicTaskPrioritization(Weighting):
    """w_t = −(1 − κ̄_t)^γ·log κ̄_t: the worse a task's key performance indicator, the more it weighs.

    κ̄_t(τ) = α·κ_t(τ) + (1 − α)·κ̄_t(τ−1) averages the indicator κ in (0, 1] over the epochs τ; it
    begins at the first κ. The paper's κ is a metric such as accuracy. A strategy here knows losses
    alone, so κ is exp(−L/L(1)), with the epoch's mean loss L and that of the first epoch: 0.37 at
    first, towards 1 as the loss falls, whatever its unit.

    Weights are 1 until the first κ: in the first epoch, and for a task without a loss so far.
    Epochs without a loss (NaN) are left out; so are losses that are not positive before the first
    positive one. The weights sum to nothing fixed.

    Args:
        context: the tasks.
        gamma: focusing parameter γ, at least 0; the larger, the less a task that does well weighs.
        alpha: α in [0, 1], the share of the last epoch in κ̄. Both defaults are benchbed's.
        split: ``train`` or ``validation``, whose losses L are.
        relative: with ``False`` κ is exp(−L), which for cross-entropy is the geometric mean of the
            true classes' probabilities, and for other losses depends on their unit.

    Example:
        As a method: ``hps+dtp:gamma=2,split=validation``.

        >>> strategy = DynamicTaskPrioritization(benchbed.WeightingContext(["seg", "depth"]))
        >>> strategy.epoch(benchbed.EpochInfo(2, 9, {"seg": [4.0, 1.0], "depth": [1.0, 1.0]}))
        >>> strategy.current
        tensor([0.2373, 0.6321])

    Source: M. Guo, A. Haque, D.-A. Huang, S. Yeung, L. Fei-Fei: Dynamic Task Prioritization for
    Multitask Learning, ECCV 2018.
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
        """Set the weights of the epoch that begins, from all epochs before it.

        Args:
            info: with the mean losses of all epochs so far.
        """
        curves = info.train_losses if self.split == "train" else info.validation_losses
        weights = [self._weight(curves.get(task, ())) for task in self.context.tasks]
        self.current.copy_(torch.tensor(weights))

    def _weight(self, curve: Sequence[float]) -> float:
        average = self._averaged_indicator(curve)
        if math.isnan(average):
            return 1.0
        average = max(average, LOWEST)
        return -math.pow(1.0 - average, self.gamma) * math.log(average)

    def _averaged_indicator(self, curve: Sequence[float]) -> float:
        """Return κ̄ after the epochs with these losses; NaN without any."""
        unit = 0.0 if self.relative else 1.0
        average = math.nan
        for loss in filter(math.isfinite, curve):
            # the unit is the first loss that is positive
            unit = unit or max(loss, 0.0)
            if unit > 0.0:
                indicator = math.exp(-max(loss, 0.0) / unit)
                before = indicator if math.isnan(average) else average
                average = self.alpha * indicator + (1.0 - self.alpha) * before
        return average

    def transform(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the weighted losses.

        Args:
            losses: by task, scalars.

        Returns:
            w_t·L_t by task, scalars.
        """
        return weighted_losses(losses, self.context.tasks, self.current)
