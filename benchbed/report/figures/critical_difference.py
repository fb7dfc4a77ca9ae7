"""The critical-difference diagram: mean ranks of methods over data sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from matplotlib.figure import Figure

from benchbed.basics.texts import wrap
from benchbed.contracts.drawing import new_figure, set_title
from benchbed.report.statistics.protocols import CriticalDifference

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH: Final = 7.0
ROW: Final = 0.28
"""The vertical unit, the height of a name of one line, in inches."""
BAR: Final = 0.6
"""The distance of bars, in rows."""
ABOVE: Final = 1.8
"""What the axis and the ruler take, in rows."""
NAME_WIDTH: Final = 34
"""In characters, after which a name goes on in the next line."""


def draw_critical_difference(result: CriticalDifference) -> Figure:
    """Return the diagram of mean ranks, best on the left.

    A bar joins methods that are not told apart; above, the critical difference to scale.
    (J. Demšar, JMLR 2006, fig. 1.)
    """
    names = {name: wrap(name, NAME_WIDTH) for name in result.mean_ranks}
    lines = max(text.count("\n") + 1 for text in names.values())
    step = 0.5 + 0.5 * lines
    on_the_left = (len(names) + 1) // 2
    top = BAR * len(result.groups)
    bottom = top + step * on_the_left
    figure = new_figure(WIDTH, ROW * (bottom + ABOVE + 1))
    axes = figure.add_subplot()
    # the vertical unit of the axes is a row, downwards from the axis of ranks at 0
    _draw_axis(axes, len(names))
    _draw_ruler(axes, result.difference)
    _draw_groups(axes, result)
    for place, (name, text) in enumerate(names.items()):
        # the better half ends at the left below each other, the worse half at the right, last first
        if place < on_the_left:
            side, row = 1, place
        else:
            side, row = len(names), len(names) - 1 - place
        _draw_name(axes, text, result.mean_ranks[name], side, top + step * (row + 1))
    axes.set_ylim(bottom + 0.5, -ABOVE)
    set_title(
        figure,
        f"Mean rank over {result.datasets} data sets; a bar joins methods that are not told apart\n"
        f"(Nemenyi's test at {100 * result.level:g} %; Friedman's p = {result.p_value:.2g})",
    )
    return figure


def _draw_axis(axes: Axes, methods: int) -> None:
    """Draw the axis of ranks, 1 on the left, with at most about 20 of them in numbers."""
    axes.set_xlim(1, methods)
    axes.axis("off")
    axes.plot([1, methods], [0, 0], color="black", linewidth=0.8, clip_on=False)
    for rank in range(1, methods + 1, 1 + methods // 20):
        axes.plot([rank, rank], [0, -0.2], color="black", linewidth=0.8, clip_on=False)
        axes.text(rank, -0.3, str(rank), ha="center", va="bottom", fontsize=8)


def _draw_ruler(axes: Axes, difference: float) -> None:
    """Draw the critical difference to scale, above the axis from rank 1 on."""
    ends = [1, 1 + difference]
    axes.plot(ends, [-1.3, -1.3], color="0.4", marker="|", clip_on=False, gid="ruler")
    axes.text(
        1 + difference / 2,
        -1.4,
        f"critical difference {difference:.2f}",
        ha="center",
        va="bottom",
        fontsize=8,
        color="0.4",
    )


def _draw_groups(axes: Axes, result: CriticalDifference) -> None:
    """Draw a bar below the axis for each group, from its best to its worst mean rank."""
    for number, group in enumerate(result.groups):
        ends = [result.mean_ranks[group[0]], result.mean_ranks[group[-1]]]
        height = BAR * (number + 0.8)
        axes.plot(ends, [height, height], color="black", linewidth=3, gid="group")


def _draw_name(axes: Axes, text: str, rank: float, side: int, row: float) -> None:
    """Draw a line from the rank down and out to a name at the side, which is rank 1 on the left."""
    axes.plot([rank, rank, side], [0, row, row], color="0.5", linewidth=0.8, clip_on=False)
    if side == 1:
        label, offset, alignment = f"{text}  {rank:.2f}", -4, "right"
    else:
        label, offset, alignment = f"{rank:.2f}  {text}", 4, "left"
    axes.annotate(
        label,
        (side, row),
        xytext=(offset, 0),
        textcoords="offset points",
        ha=alignment,
        va="center",
        fontsize=8,
        parse_math=False,
    )
