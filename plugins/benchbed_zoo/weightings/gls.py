"""Geometric loss strategy (GLS)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from benchbed.contracts.weighting import Level, Weighting
from benchbed_zoo.weightings.parts.logarithms import USE_ANOTHER, log_of_losses, require_at_least


class GeometricLoss(Weighting):
    """L = (Π_i L_i)^(1/n) over the n tasks of the step, computed as exp(mean_i log L_i).

    A task weighs L/(n·L_i): every task's relative decrease counts alike. A task that is absent is
    not among the n; neither is one whose loss is exactly zero, which is done: it would make the
    whole product zero and hide the others.

    Args:
        context: the tasks.

    Example:
        As a method: ``hps+gls``.

        >>> losses = {"seg": torch.tensor(2.0), "depth": torch.tensor(0.5)}
        >>> GeometricLoss(benchbed.WeightingContext(["seg", "depth"])).combine(losses)
        tensor(1.)

    Source: S. Chennupati, G. Sistu, S. Yogamani, S. Rawashdeh: MultiNet++, CVPR Workshops 2019
    (GLS).
    """

    level: ClassVar[Level] = "loss"
    sums_to: ClassVar[str] = "free"

    def combine(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the geometric mean of the losses that are not zero; zero if all are.

        Args:
            losses: by task, scalars that are not negative.

        Returns:
            L, a scalar.

        Raises:
            RunError: a loss is negative.
        """
        require_at_least(losses, {}, "gls", USE_ANOTHER)
        logarithms, done = log_of_losses(torch.stack(list(losses.values())))
        count = (~done).sum()
        mean = logarithms.sum() / count.clamp(min=1)
        return mean.exp() * (count > 0)
