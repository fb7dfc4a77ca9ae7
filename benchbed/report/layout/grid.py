"""A figure cut into rows and columns of stated sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Grid:
    """The cells of a figure; axes are made when they are asked for.

    Args:
        figure: what is cut.
        heights: of the rows, relative to each other.
        widths: of the columns, likewise.
    """

    def __init__(self, figure: Figure, heights: Sequence[float], widths: Sequence[float]) -> None:
        self.figure = figure
        self.columns = len(widths)
        self._cells = figure.add_gridspec(
            len(heights), len(widths), height_ratios=heights, width_ratios=widths
        )

    def cell(self, row: int, column: int | slice) -> Axes:
        """Return new axes in one cell, or over neighbouring cells of a row."""
        return self.figure.add_subplot(self._cells[row, column])

    def cells(self, row: int, first: int = 0) -> list[Axes]:
        """Return new axes in each cell of a row, from a column on."""
        return [self.cell(row, column) for column in range(first, self.columns)]
