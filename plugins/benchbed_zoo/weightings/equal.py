"""Equal weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from benchbed.contracts.weighting import Level, Weighting


class Equal(Weighting):
    """L = Σ_t L_t: all weights are 1.

    Args:
        context: the tasks.

    Example:
        >>> losses = {"seg": torch.tensor(2.0), "depth": torch.tensor(0.5)}
        >>> Equal(benchbed.WeightingContext(["seg", "depth"])).combine(losses)
        tensor(2.5000)
    """

    level: ClassVar[Level] = "loss"
    sums_to: ClassVar[str] = "T"

    def transform(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the losses unchanged.

        Args:
            losses: by task, scalars.

        Returns:
            L_t by task, scalars.
        """
        return dict(losses)
