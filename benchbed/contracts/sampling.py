"""Reading images and maps at other places: which pixels, with which weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from benchbed.contracts.placement import Placement

_MARGIN = 1e-3
"""Pixels by which a corner must lie inside for the rounding of coordinates not to matter."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Where rows or columns come from, for samples that are not turned; all is ``(N, n)``.

    Attributes:
        nearest: int64, of those that exist.
        lower, upper: int64, the two that are interpolated.
        weight: of the upper.
    """

    nearest: Tensor
    lower: Tensor
    upper: Tensor
    weight: Tensor

    @classmethod
    def of(cls, edges: Tensor, count: int) -> Axis:
        """Return those of coordinates from the edge of a map with so many rows or columns."""
        nearest = edges.clamp(0, count - 1).long()
        centres = (edges - 0.5).clamp(0, count - 1)
        lower = centres.floor()
        upper = (lower + 1).clamp(max=count - 1)
        return cls(nearest, lower.long(), upper.long(), centres - lower)

    def __getitem__(self, place: int) -> Axis:
        """Return a sample's, each ``(n,)``."""
        return Axis(self.nearest[place], self.lower[place], self.upper[place], self.weight[place])


@dataclass(frozen=True, slots=True)
class Straight:
    """Moves of a sample that is not turned: columns, on the rows first to last, then rows."""

    columns: Axis
    rows: Axis
    first: int
    last: int

    @classmethod
    def of(cls, columns: Axis, rows: Axis) -> Straight:
        """Return the moves; the places of rows rise or fall."""
        ends = torch.stack([rows.lower[0], rows.lower[-1], rows.upper[0], rows.upper[-1]]).tolist()
        return cls(columns, rows, min(ends), max(ends))

    def bilinear(self, images: Tensor, out: Tensor) -> None:
        """Write ``(1, C, h, w)`` images, interpolated, into ``out``."""
        columns, rows = self.columns, self.rows
        needed = images[:, :, self.first : self.last + 1]
        left = _columns(needed, columns.lower)
        right = _columns(needed, columns.upper)
        wide = torch.lerp(left, right, columns.weight.to(images))
        above = wide.index_select(2, rows.lower - self.first)
        below = wide.index_select(2, rows.upper - self.first)
        torch.lerp(above, below, rows.weight.to(images)[:, None], out=out)

    def nearest(self, maps: Tensor, out: Tensor) -> None:
        """Write the nearest pixels of ``(1, C, h, w)`` maps into ``out``."""
        wide = _columns(maps[:, :, self.first : self.last + 1], self.columns.nearest)
        torch.index_select(wide, 2, self.rows.nearest - self.first, out=out)


def _columns(maps: Tensor, places: Tensor) -> Tensor:
    return maps.gather(3, places.expand(*maps.shape[:3], -1))


class Turned:
    """Moves of any samples, from x and y of each pixel's source, from the edges, ``(n, h, w)``."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self._x, self._y = x, y

    def bilinear(self, images: Tensor, out: Tensor) -> None:
        """Write ``(n, C, h, w)`` images, interpolated, into ``out``."""
        height, width = images.shape[-2:]
        # as grid_sample wants them: -1 and 1 are the edges
        grid = torch.stack([self._x * (2 / width) - 1, self._y * (2 / height) - 1], dim=-1)
        # in half precision coordinates miss by a pixel, and what lies beyond the border is read;
        # with zeros beyond the border its pixels would be darkened
        exact = images if images.dtype == torch.float64 else images.float()
        out.copy_(
            F.grid_sample(exact, grid.to(exact.dtype), padding_mode="border", align_corners=False)
        )

    def nearest(self, maps: Tensor, out: Tensor) -> None:
        """Write the nearest pixels of ``(n, C, h, w)`` maps into ``out``."""
        flat = maps.flatten(2)
        torch.gather(flat, 2, self._index.expand(flat.shape), out=out.flatten(2))

    @cached_property
    def _index(self) -> Tensor:
        """Of the nearest pixels in flattened maps, ``(n, 1, h·w)``; alike for all of a size."""
        height, width = self._x.shape[-2:]
        row = self._y.clamp(0, height - 1).long()
        column = self._x.clamp(0, width - 1).long()
        return (row * width + column).flatten(1)[:, None]


class Sources:
    """Where the pixels of a batch's maps of one size come from.

    Coordinates are sums of what depends on a pixel's column and on its row.
    """

    def __init__(self, placement: Placement, size: tuple[int, int], device: torch.device) -> None:
        """Work out a placement in the maps' own pixels.

        Args:
            placement: of N samples, in pixels of the maps.
            size: height and width of the maps.
            device: of the maps.
        """
        height, width = size
        half = torch.tensor([width, height], dtype=torch.float64) / 2
        columns = torch.arange(width, dtype=torch.float64) + 0.5 - half[0]
        rows = torch.arange(height, dtype=torch.float64) + 0.5 - half[1]
        # each (N, 1); narrowed last, so that coordinates of large images keep their digits
        (a, b), (c, d) = placement.linear.permute(1, 2, 0)[..., None]
        left, top = (placement.shift + half).T[..., None]
        self._x = _narrowed(a * columns + left, device)
        self._x_of_row = _narrowed(b * rows, device)
        self._y = _narrowed(d * rows + top, device)
        self._y_of_column = _narrowed(c * columns, device)
        self._columns, self._rows = Axis.of(self._x, width), Axis.of(self._y, height)
        self._size = size
        self._straight = ((b == 0) & (c == 0)).flatten().tolist()
        reach = placement.linear.abs() @ (half - 0.5) + placement.shift.abs()
        self._inside = (reach < half - _MARGIN).all(dim=1).tolist()

    def moves(self, places: list[int], at: slice | Tensor) -> tuple[Straight | Turned, Tensor]:
        """Return how to move one sample (a slice) or more, and which pixels lie beyond the map.

        The latter is bool, ``(n, 1, h, w)``, or empty if none do.

        Args:
            places: the samples' in the batch.
            at: the same as an index on the device.
        """
        # (n, 1, w) and (n, h, 1); where nothing is turned they stay so
        x, y = self._x[at][:, None, :], self._y[at][:, :, None]
        move: Straight | Turned
        if isinstance(at, slice) and self._straight[places[0]]:
            move = Straight.of(self._columns[places[0]], self._rows[places[0]])
        else:
            x = x + self._x_of_row[at][:, :, None]
            y = y + self._y_of_column[at][:, None, :]
            move = Turned(x, y)
        if all(self._inside[place] for place in places):
            return move, x.new_empty(0, dtype=torch.bool)
        height, width = self._size
        beyond = (x < 0) | (x >= width) | (y < 0) | (y >= height)
        return move, beyond[:, None]


def _narrowed(coordinates: Tensor, device: torch.device) -> Tensor:
    return coordinates.float().to(device)
