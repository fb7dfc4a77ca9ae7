"""Equal weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from benchbed.contracts.weighting import Level, Weighting


class Equal(Weighting):
    """L = Σ_t L_t."""

    level: ClassVar[Level] = "loss"
    sums_to: ClassVar[str] = "T"

    def transform(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the losses unchanged."""
        return dict(losses)
