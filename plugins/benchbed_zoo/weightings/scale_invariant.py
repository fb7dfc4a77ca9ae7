"""Scale-invariant baseline (SI)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from benchbed.contracts.weighting import Level, Weighting
from benchbed_zoo.weightings.parts.logarithms import USE_ANOTHER, log_of_losses, require_at_least


class ScaleInvariant(Weighting):
    """L = Σ_t log L_t: a task weighs 1/L_t, so that the unit of its loss does not matter.

    A task whose loss is exactly zero is done and adds nothing.

    Args:
        context: the tasks.

    Example:
        As a method: ``hps+scale-invariant``.

        >>> losses = {"seg": torch.tensor(4.0), "depth": torch.tensor(0.5)}
        >>> ScaleInvariant(benchbed.WeightingContext(["seg", "depth"])).combine(losses)
        tensor(0.6931)

    Source: A. Navon et al.: Multi-Task Learning as a Bargaining Game, ICML 2022 (the baseline SI).
    """

    level: ClassVar[Level] = "loss"
    sums_to: ClassVar[str] = "free"

    def transform(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the losses' logarithms.

        Args:
            losses: by task, scalars that are not negative.

        Returns:
            log L_t by task, scalars; 0 without a gradient where L_t is 0.

        Raises:
            RunError: a loss is negative.
        """
        require_at_least(losses, {}, "scale-invariant", USE_ANOTHER)
        return {task: log_of_losses(loss)[0] for task, loss in losses.items()}
