"""Crops brought back to the full size."""

from __future__ import annotations

import math

import torch

from benchbed.basics.errors import MethodError
from benchbed.contracts.geometry import Geometric, Placement
from benchbed.contracts.transform import Draws


class ScaleCrop(Geometric):
    """Enlarges images and their maps by one of some scales, each by itself, and crops them.

    The crop's position is uniform, not rounded to pixels.

    S. Liu, E. Johns, A. J. Davison: End-to-End Multi-Task Learning with Attention, CVPR 2019, as
    in its released code, whose crops start at whole pixels.
    """

    def __init__(self, scales: str = "1 1.2 1.5", distance: str = "divide") -> None:
        """Read the scales.

        Args:
            scales: at least 1 each, separated by blanks, equally likely.
            distance: whether maps of distances are divided by the scale (``divide``) or kept.

        Raises:
            MethodError: the scales are no such numbers.
        """
        super().__init__()
        self.scales = _scales(scales)
        self.distance = distance

    def placement(self, size: tuple[int, int], draws: Draws) -> Placement:
        """Return what brings a crop of each sample to the full size.

        Args:
            size: height and width of the images in pixels.
            draws: random numbers of the N samples.
        """
        drawn = draws.uniform(3)
        scale = self.scales[(drawn[:, 0] * len(self.scales)).long()]
        room = torch.tensor(size[::-1], dtype=torch.float64) * (1 - 1 / scale)[:, None]
        return Placement.of(
            torch.eye(2, dtype=torch.float64) / scale[:, None, None],
            room * (drawn[:, 1:] - 0.5),
            scale if self.distance == "divide" else None,
        )


def _scales(text: str) -> torch.Tensor:
    """Return the numbers of an option, float64."""
    try:
        scales = [float(word) for word in text.split()]
    except ValueError:
        scales = []
    if not scales or not all(1 <= scale < math.inf for scale in scales):
        raise MethodError(
            f"scale-crop: option 'scales' must be numbers of at least 1, separated by blanks, as "
            f"'1 1.2 1.5', and '{text}' is not."
        )
    return torch.tensor(scales, dtype=torch.float64)
