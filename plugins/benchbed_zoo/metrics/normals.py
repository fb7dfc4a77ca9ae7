"""Angles between predicted and true surface normals, in degrees."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from benchbed_zoo.metrics.masking import at_least_single

Read = Callable[[Tensor], Tensor]


def has_normal(target: Tensor) -> Tensor:
    """Return where a normal is known, its length above 0: ``(N, 3, H, W)`` to ``(N, H, W)``, bool.

    The released code of MTAN tests the sum of the components instead, which drops known normals
    that sum to 0.
    """
    square = at_least_single(target).square().sum(dim=1)
    return square.isfinite() & (square > 0)


def angles(one: Tensor, other: Tensor) -> Tensor:
    """Return the angles between vectors.

    From atan2(‖a × b‖, a · b), which keeps single precision at 0° and 180°, where the arccosine of
    a float32 product is off by up to 0.03°. A vector of length 0 stands at 90° to every other.

    Args:
        one: vectors of any length, ``(M, 3)``.
        other: as many.

    Returns:
        Degrees from 0 to 180, ``(M,)``.
    """
    sine = torch.linalg.vector_norm(torch.linalg.cross(one, other), dim=1)
    cosine = (one * other).sum(dim=1)
    none = (sine == 0) & (cosine == 0)
    return torch.rad2deg(torch.atan2(sine, cosine)).masked_fill(none, 90.0)


def known_angles(prediction: Tensor, target: Tensor) -> Tensor:
    """Return the angles in degrees at the pixels whose normal is known, ``(M,)``.

    Args:
        prediction: ``(N, 3, H, W)``.
        target: ``(N, 3, H, W)``.
    """
    known = has_normal(target)
    one, other = (at_least_single(maps.movedim(1, -1)[known]) for maps in (prediction, target))
    return angles(one, other)


def mean(degrees: Tensor) -> Tensor:
    """Return the mean angle."""
    return degrees.mean(dtype=torch.float64)


def root_mean_square(degrees: Tensor) -> Tensor:
    """Return the root of the mean squared angle."""
    return degrees.square().mean(dtype=torch.float64).sqrt()


def median(degrees: Tensor) -> Tensor:
    """Return the median; of an even number of angles the mean of the middle two, as in NumPy."""
    if not len(degrees):
        return torch.tensor(torch.nan)
    return torch.tensor(np.median(degrees.cpu().numpy()))


def within(degrees: Tensor, limit: float) -> Tensor:
    """Return the share of angles below a limit."""
    return (degrees < limit).mean(dtype=torch.float64)


class AngularError(Metric):
    """A number read off the angles of all pixels whose normal is known; NaN where there is none.

    An exact median needs every angle: 4 bytes a known pixel are kept in the host's memory.
    """

    full_state_update = False
    state_key = "angles"

    degrees: list[Tensor]

    def __init__(self, read: Read, *, higher_is_better: bool) -> None:
        """Start without angles.

        Args:
            read: returns the number from the angles in degrees, float32 ``(M,)``.
            higher_is_better: the number's direction.
        """
        super().__init__(compute_on_cpu=True)
        self._read = read
        self._rises = higher_is_better
        self.add_state("degrees", [], dist_reduce_fx="cat")

    @property
    def higher_is_better(self) -> bool:
        """The direction that the number was given."""
        return self._rises

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Add a batch, prediction and target ``(N, 3, H, W)``."""
        self.degrees.append(known_angles(prediction, target).float())

    def compute(self) -> Tensor:
        """Return the number."""
        return self._read(dim_zero_cat(self.degrees) if len(self.degrees) else torch.zeros(0))


class MedianOfBatches(Metric):
    """Mean over batches of each batch's median angle, as the released code of MTAN has it.

    By its definition it depends on the size and order of the batches; a batch without a known
    normal does not count. Only to compare with figures made in this way.
    """

    full_state_update = False
    higher_is_better = False

    total: Tensor
    batches: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("batches", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Add a batch, prediction and target ``(N, 3, H, W)``."""
        degrees = known_angles(prediction, target)
        if len(degrees):
            self.total += median(degrees)
            self.batches += 1

    def compute(self) -> Tensor:
        """Return the mean."""
        return self.total / self.batches
