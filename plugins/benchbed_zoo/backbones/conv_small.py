"""A small convolutional backbone for small images."""

from __future__ import annotations

from torch import Tensor, nn

from benchbed.basics.errors import ContractError
from benchbed.contracts.backbone import Backbone
from benchbed.contracts.dataset import Input


class ConvSmall(Backbone):
    """Three stages of 3×3 convolution, batch norm and ReLU; stages two and three halve the size.

    Args:
        input: images, ``(C, H, W)``.
        width: channels of the first stage; the others have twice and four times as many.

    Raises:
        ContractError: the input is no image.
    """

    def __init__(self, input: Input, width: int = 16) -> None:
        super().__init__(input)
        if len(input.shape) != 3:
            raise ContractError(f"conv-small wants images (C, H, W), not shape {input.shape}.")
        self.channels = (width, 2 * width, 4 * width)
        self.reductions = (1, 2, 4)
        stages: list[nn.Module] = []
        before = input.shape[0]
        for channels, stride in zip(self.channels, (1, 2, 2), strict=True):
            stages.append(
                nn.Sequential(
                    nn.Conv2d(before, channels, 3, stride, padding=1, bias=False),
                    nn.BatchNorm2d(channels),
                    nn.ReLU(inplace=True),
                )
            )
            before = channels
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the three stages' outputs.

        Args:
            x: images, ``(N, C, H, W)``.

        Returns:
            ``(N, width, H, W)``, ``(N, 2·width, H/2, W/2)`` and ``(N, 4·width, H/4, W/4)``, sizes
            rounded up.
        """
        features: list[Tensor] = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features
