"""Legends of classes by their colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from matplotlib.patches import Patch

from benchbed.contracts.drawing import legend_shape
from benchbed.report.layout.grid import Grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def class_patches(names: Sequence[str], colours: Sequence[Any]) -> list[Patch]:
    """Return what each colour means."""
    return [
        Patch(facecolor=colour, edgecolor="0.8", linewidth=0.5, label=name)
        for name, colour in zip(names, colours, strict=True)
    ]


def legend_height(handles: Sequence[Patch], inches: float) -> float:
    """Return the height of a legend that is as wide as stated."""
    lines, _ = legend_shape(_labels(handles), inches)
    return 0.15 * lines + 0.1


def add_legend(
    axes: Axes,
    handles: Sequence[Patch],
    inches: float,
    place: Literal["upper left", "upper center"],
) -> None:
    """Fill axes of the stated width with a legend."""
    _, columns = legend_shape(_labels(handles), inches)
    axes.axis("off")
    axes.legend(
        handles=handles,
        ncols=columns,
        loc=place,
        fontsize=6,
        frameon=False,
        handlelength=1.0,
    )


def add_named_legends(
    grid: Grid, first_row: int, legends: Mapping[str, Sequence[Patch]], inches: float
) -> None:
    """Fill a row of a grid with each legend, its name in the first column.

    Args:
        grid: the figure's cells.
        first_row: of the legends.
        legends: by name.
        inches: the width of all columns but the first.
    """
    for row, (name, handles) in enumerate(legends.items(), start=first_row):
        _name_beside(grid.cell(row, 0), name)
        add_legend(grid.cell(row, slice(1, None)), handles, inches, "upper left")


def _name_beside(axes: Axes, name: str) -> None:
    """Write a legend's name on empty axes at its left, beside the legend's first line."""
    axes.axis("off")
    axes.annotate(
        name,
        (1, 1),
        (0, -5),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=6,
        ha="right",
        va="top",
        parse_math=False,
    )


def _labels(handles: Sequence[Patch]) -> list[str]:
    return [str(handle.get_label()) for handle in handles]
