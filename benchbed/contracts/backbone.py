"""The backbone contract: an image in, a pyramid of feature maps out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor, nn

if TYPE_CHECKING:
    from benchbed.contracts.dataset import Input
    from benchbed.contracts.task import Task


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

    def head(self, task: Task) -> nn.Module | None:
        """Return the head that goes with this backbone for a task, or ``None`` for the usual one.

        It gets the list of feature maps and returns ``(N, task.channels, …)``.

        Raises:
            MethodError: the backbone cannot serve the task; say which can.
        """
        return None
