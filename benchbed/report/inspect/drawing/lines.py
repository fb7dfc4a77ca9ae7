"""One plot of values over epochs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from matplotlib.ticker import MaxNLocator

from benchbed.basics.texts import wrap
from benchbed.contracts.drawing import legend_shape
from benchbed.records.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Lines = Mapping[str, Sequence[float | None]]
"""Values by label, one an epoch; ``None`` where none was logged."""
WIDTH: Final = 3.0
HEIGHT: Final = 2.1
"""Of one plot, in inches."""


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot of a figure of curves.

    Attributes:
        heading: stands above, in bold for a task's primary metric.
        lines: over epochs; may be empty.
        colours: of the lines, one after the other and then from the first again.
        is_log: whether the vertical axis is logarithmic.
        has_legend: of its own, below.
    """

    heading: str
    lines: Lines
    colours: Sequence[str]
    is_bold: bool = False
    is_log: bool = False
    has_legend: bool = False

    @property
    def legend_shape(self) -> tuple[int, int]:
        """Return the lines and columns of its own legend."""
        if not self.has_legend:
            return 0, 0
        return legend_shape(list(self.lines), WIDTH)


def draw_plot(axes: Axes, plot: Plot, record: Record) -> None:
    """Draw lines over a record's epochs; what was not logged, or not finite, is a gap.

    A dashed line, the last one, marks the selected epoch.
    """
    if plot.is_log:
        axes.set_yscale("log")
    _draw_lines(axes, plot)
    axes.axvline(
        record.selected_epoch,
        color="0.4",
        linestyle="--",
        linewidth=0.9,
        label=f"selected: epoch {record.selected_epoch}",
    )
    weight = "bold" if plot.is_bold else "normal"
    axes.set_title(wrap(plot.heading, 34), fontsize=8, fontweight=weight)
    epochs = max([record.budget.epochs, *map(len, plot.lines.values())])
    _set_up_axes(axes, epochs)
    if plot.has_legend:
        _add_legend(axes, plot)


def _draw_lines(axes: Axes, plot: Plot) -> None:
    for number, (label, values) in enumerate(plot.lines.items()):
        axes.plot(
            range(1, len(values) + 1),
            [math.nan if value is None else value for value in values],
            color=plot.colours[number % len(plot.colours)],
            label=label,
            linewidth=1.2,
            marker=".",
            markersize=3,
        )


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


def _add_legend(axes: Axes, plot: Plot) -> None:
    _, columns = plot.legend_shape
    axes.legend(
        handles=axes.lines[:-1],
        ncols=columns,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.2),
        fontsize=6,
        frameon=False,
    )
