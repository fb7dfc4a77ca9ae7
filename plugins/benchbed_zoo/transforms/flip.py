"""Horizontal flips."""

from __future__ import annotations

import torch

from benchbed.contracts.geometry import Geometric, Placement
from benchbed.contracts.transform import Draws


class Flip(Geometric):
    """Mirrors images and their maps left to right, each sample by itself.

    Of maps of directions the x component changes its sign; targets that are no maps stay.

    Args:
        p: probability of each sample, in [0, 1].
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def placement(self, size: tuple[int, int], draws: Draws) -> Placement:
        """Return what mirrors some of the samples.

        Args:
            size: height and width of the images in pixels.
            draws: random numbers of the N samples.
        """
        linear = torch.eye(2, dtype=torch.float64).repeat(len(draws), 1, 1)
        linear[draws.uniform()[:, 0] < self.p, 0, 0] = -1
        return Placement.of(linear)
