"""Transforms that move images with all their maps: flips, crops, rotations, any affine change."""

from __future__ import annotations

from typing import TypeGuard

from benchbed.basics.errors import ContractError
from benchbed.contracts.placement import Placement
from benchbed.contracts.resampling import image_size, resample
from benchbed.contracts.transform import Batch, Draws, Transform

__all__ = ["Geometric", "Placement", "joins"]


class Geometric(Transform):
    """A transform that moves images with their maps.

    The engine joins neighbours of this kind in a protocol to one resampling; a subclass with a
    ``forward`` of its own stands alone.
    """

    def placement(self, size: tuple[int, int], draws: Draws) -> Placement:
        """Return where each sample's pixels come from.

        Args:
            size: height and width of the images.
            draws: random numbers of ``len(draws)`` samples.
        """
        raise NotImplementedError(f"{type(self).__name__} must define placement(size, draws).")

    def forward(self, batch: Batch, draws: Draws) -> Batch:
        """Return the batch with its samples moved."""
        return resample(batch, self.placed(image_size(batch.input), draws))

    def placed(self, size: tuple[int, int], draws: Draws) -> Placement:
        """Return the placement, checked.

        Raises:
            ContractError: it is none, or not float64 on the CPU with an entry a sample.
        """
        placement = self.placement(size, draws)
        name = f"{type(self).__name__}.placement"
        if not isinstance(placement, Placement):
            raise ContractError(
                f"{name} must return a benchbed.Placement, not {type(placement).__name__}."
            )
        placement.check(len(draws), name)
        return placement


def joins(transform: Transform) -> TypeGuard[Geometric]:
    """Tell whether a transform may be joined with its neighbours."""
    return isinstance(transform, Geometric) and type(transform).forward is Geometric.forward
