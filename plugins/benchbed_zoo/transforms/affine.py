"""Rotations and scales about the centre."""

from __future__ import annotations

import torch

from benchbed.basics.errors import MethodError
from benchbed.contracts.geometry import Geometric, Placement
from benchbed.contracts.transform import Draws


class Affine(Geometric):
    """Turns and scales images and their maps about the centre, each by itself, canvas unchanged.

    K.-K. Maninis, I. Radosavovic, I. Kokkinos: Attentive Single-Tasking of Multiple Tasks, CVPR
    2019, as in its released code, which interpolates images and normals by cubic polynomials,
    depth linearly, and has classes 0 beyond the image (``border="background"``).
    """

    def __init__(
        self,
        degrees: float = 20.0,
        scale_low: float = 0.75,
        scale_high: float = 1.25,
        distance: str = "keep",
        border: str = "ignore",
    ) -> None:
        """Keep the ranges.

        Args:
            degrees: the angle is uniform between minus and plus this, in degrees.
            scale_low: least scale, a factor above 0; scales are uniform.
            scale_high: largest scale.
            distance: whether maps of distances are divided by the scale (``divide``) or kept.
            border: what maps of classes hold beyond the image, the ignore index or 0.

        Raises:
            MethodError: the least scale is above the largest.
        """
        super().__init__()
        if scale_low > scale_high:
            raise MethodError(
                f"affine: option 'scale_low' must not be above 'scale_high', and {scale_low:g} is "
                f"above {scale_high:g}."
            )
        self.degrees, self.scale_low, self.scale_high = degrees, scale_low, scale_high
        self.distance, self.border = distance, border

    def placement(self, size: tuple[int, int], draws: Draws) -> Placement:
        """Return what turns and scales each sample.

        Args:
            size: height and width of the images in pixels.
            draws: random numbers of the N samples.
        """
        drawn = draws.uniform(2)
        angle = torch.deg2rad(self.degrees * (2 * drawn[:, 0] - 1))
        scale = self.scale_low + (self.scale_high - self.scale_low) * drawn[:, 1]
        cos, sin = angle.cos(), angle.sin()
        rotation = torch.stack([cos, -sin, sin, cos], dim=1).reshape(-1, 2, 2)
        return Placement.of(
            rotation / scale[:, None, None],
            divisor=scale if self.distance == "divide" else None,
            background=self.border == "background",
        )
