"""The backbone contract: an image in, a pyramid of feature maps out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor, nn

if TYPE_CHECKING:
    from benchbed.dataset import Input


class Backbone(nn.Module):
    """Feature extractor that architectures build on.

    A plugin extends it with ``__init__(self, input: Input, **options)``.

    Attributes:
        channels: of each feature map, finest first.
        reductions: how many times smaller each map is than the input, e.g. ``(4, 8, 16, 32)``.
    """

    channels: Sequence[int]
    reductions: Sequence[int]

    def __init__(self, input: Input) -> None:
        super().__init__()
        self.input = input

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the feature maps of ``x`` (``(N, C, H, W)``), finest first."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(x).")
