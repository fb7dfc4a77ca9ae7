"""Scale-invariant baseline (SI)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from benchbed.contracts.weighting import Level, Weighting
from benchbed_zoo.weightings.parts.logarithms import USE_ANOTHER, log_of_losses, require_at_least


class ScaleInvariant(Weighting):
    """L = Σ_t log L_t: a task weighs 1/L_t, so that the unit of its loss does not matter.

    A task whose loss is exactly zero is done and adds nothing. Losses must not be negative.
    Source: A. Navon et al.: Multi-Task Learning as a Bargaining Game, ICML 2022 (the baseline SI).
    """

    level: ClassVar[Level] = "loss"
    sums_to: ClassVar[str] = "free"

    def transform(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return log L_t."""
        require_at_least(losses, {}, "scale-invariant", USE_ANOTHER)
        return {name: log_of_losses(loss)[0] for name, loss in losses.items()}
