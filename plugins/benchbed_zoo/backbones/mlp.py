"""A fully connected backbone."""

from __future__ import annotations

import math

from torch import Tensor, nn

from benchbed.contracts.backbone import Backbone
from benchbed.contracts.dataset import Input


class Mlp(Backbone):
    """Two fully connected layers with ReLU; one feature map of 1×1.

    Args:
        input: of any shape.
        width: outputs of each layer.
    """

    def __init__(self, input: Input, width: int = 128) -> None:
        super().__init__(input)
        self.channels = (width,)
        self.reductions = (max(input.shape[1:], default=1),)
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(math.prod(input.shape), width),
            nn.ReLU(inplace=True),
            nn.Linear(width, width),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the second layer's output as a map of one point.

        Args:
            x: ``(N, …)``.

        Returns:
            ``(N, width, 1, 1)`` in a list.
        """
        return [self.layers(x)[:, :, None, None]]
