"""One plot of values over epochs: a line a curve, or a line and a band for several seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from benchbed.basics.texts import wrap
from benchbed.contracts.drawing import legend_shape

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Curve = Sequence[float | None]
"""Values, one an epoch; ``None`` where none was logged."""
WIDTH: Final = 3.0
HEIGHT: Final = 2.1
"""Of one plot, in inches."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a plot.

    Attributes:
        label: in legends.
        seeds: a curve each; of several, the line is their mean and a band goes from the smallest
            to the largest.
        colour: as matplotlib takes it.
    """

    label: str
    seeds: Sequence[Curve]
    colour: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A vertical line at an epoch.

    Attributes:
        epoch: where; the beginning of epoch 5 is 4.5.
        style: as matplotlib takes it.
        label: in legends.
    """

    epoch: float
    style: Literal["--", ":"]
    label: str
    colour: str = "0.4"


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot of a figure of curves.

    Attributes:
        heading: stands above, in bold for a task's primary metric.
        lines: over epochs; may be empty.
        is_log: whether the vertical axis is logarithmic.
        has_legend: of its own, below.
    """

    heading: str
    lines: Sequence[Line]
    is_bold: bool = False
    is_log: bool = False
    has_legend: bool = False

    @property
    def legend_shape(self) -> tuple[int, int]:
        """Return the lines and columns of its own legend."""
        if not self.has_legend:
            return 0, 0
        return legend_shape([line.label for line in self.lines], WIDTH)


def draw_plot(axes: Axes, plot: Plot, epochs: int, marks: Sequence[Mark]) -> None:
    """Draw lines over epochs, then marks; what was not logged, or not finite, is a gap.

    Args:
        axes: what to draw on.
        plot: what to draw.
        epochs: of the budget; the axis is as long.
        marks: the same in every plot of a figure.
    """
    if plot.is_log:
        axes.set_yscale("log")
    drawn = [_draw_line(axes, line) for line in plot.lines]
    for mark in marks:
        axes.axvline(
            mark.epoch, color=mark.colour, linestyle=mark.style, linewidth=0.9, label=mark.label
        )
    weight = "bold" if plot.is_bold else "normal"
    axes.set_title(wrap(plot.heading, 34), fontsize=8, fontweight=weight)
    lengths = [len(curve) for line in plot.lines for curve in line.seeds]
    _set_up_axes(axes, max([epochs, *lengths]))
    if plot.has_legend:
        _add_legend(axes, plot, drawn)


def _draw_line(axes: Axes, line: Line) -> Line2D:
    """Draw the mean of a line's seeds, and their range as a band where there are several."""
    values = _table(line.seeds)
    epochs = np.arange(1, values.shape[1] + 1)
    logged = np.isfinite(values)
    numbers = logged.sum(axis=0)
    total = np.where(logged, values, 0.0).sum(axis=0)
    mean = np.where(numbers > 0, total / np.maximum(numbers, 1), np.nan)
    if len(values) > 1:
        low = np.where(logged, values, np.inf).min(axis=0)
        high = np.where(logged, values, -np.inf).max(axis=0)
        axes.fill_between(
            epochs, low, high, where=numbers > 0, color=line.colour, alpha=0.2, linewidth=0
        )
    (drawn,) = axes.plot(
        epochs, mean, color=line.colour, label=line.label, linewidth=1.2, marker=".", markersize=3
    )
    return drawn


def _table(seeds: Sequence[Curve]) -> np.ndarray:
    """Return curves as ``(seeds, epochs)``, with NaN where there is no value."""
    longest = max(map(len, seeds), default=0)
    table = np.full((len(seeds), longest), np.nan)
    for row, curve in zip(table, seeds, strict=True):
        # as floats, None is NaN
        row[: len(curve)] = np.array(curve, dtype=np.float64)
    return table


def _set_up_axes(axes: Axes, epochs: int) -> None:
    margin = 0.03 * epochs
    axes.set_xlim(1 - margin, epochs + margin)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.tick_params(labelsize=6)
    if axes.get_yscale() == "linear":
        axes.ticklabel_format(axis="y", scilimits=(-3, 4))
        axes.yaxis.get_offset_text().set_fontsize(6)
    axes.grid(linewidth=0.4, alpha=0.4)
    axes.set_xlabel("epoch", fontsize=6)


def _add_legend(axes: Axes, plot: Plot, handles: Sequence[Line2D]) -> None:
    _, columns = plot.legend_shape
    axes.legend(
        handles=handles,
        ncols=columns,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.2),
        fontsize=6,
        frameon=False,
    )
