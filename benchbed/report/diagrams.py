"""Figures of methods over several protocols: critical-difference diagram, performance profiles."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Final

from matplotlib.figure import Figure

from benchbed.basics.texts import wrap
from benchbed.contracts.drawing import legend_shape, new_figure, set_title
from benchbed.report.statistics.protocols import CriticalDifference, Profiles

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
STYLES: Final = ("-", "--", ":", "-.")
"""One after the other for each ten methods, which is how many colours there are."""


def draw_critical_difference(result: CriticalDifference) -> Figure:
    """Return the diagram of mean ranks, best on the left.

    A bar joins methods that are not told apart; above, the critical difference to scale.
    (J. Demšar, JMLR 2006, fig. 1.)
    """
    names = {name: wrap(name, NAME_WIDTH) for name in result.mean_ranks}
    left = (len(names) + 1) // 2
    step = 0.5 + 0.5 * max(text.count("\n") + 1 for text in names.values())
    top = BAR * len(result.groups)
    bottom = top + step * left
    figure = new_figure(WIDTH, ROW * (bottom + ABOVE + 1))
    axes = figure.add_subplot()
    _rank_axis(axes, len(names), result.difference)
    for number, group in enumerate(result.groups):
        ends = [result.mean_ranks[group[0]], result.mean_ranks[group[-1]]]
        height = BAR * (number + 0.8)
        axes.plot(ends, [height, height], color="black", linewidth=3, gid="group")
    for place, (name, text) in enumerate(names.items()):
        row = place if place < left else len(names) - 1 - place
        side = 1 if place < left else len(names)
        _name(axes, text, result.mean_ranks[name], side, top + step * (row + 1))
    axes.set_ylim(bottom + 0.5, -ABOVE)
    set_title(
        figure,
        f"Mean rank over {result.datasets} data sets; a bar joins methods that are not told apart\n"
        f"(Nemenyi's test at {100 * result.level:g} %; Friedman's p = {result.p_value:.2g})",
    )
    return figure


def _rank_axis(axes: Axes, methods: int, difference: float) -> None:
    axes.set_xlim(1, methods)
    axes.axis("off")
    axes.plot([1, methods], [0, 0], color="black", linewidth=0.8, clip_on=False)
    for rank in range(1, methods + 1, 1 + methods // 20):
        axes.plot([rank, rank], [0, -0.2], color="black", linewidth=0.8, clip_on=False)
        axes.text(rank, -0.3, str(rank), ha="center", va="bottom", fontsize=8)
    ruler = [1, 1 + difference]
    axes.plot(ruler, [-1.3, -1.3], color="0.4", marker="|", clip_on=False, gid="ruler")
    axes.text(
        1 + difference / 2,
        -1.4,
        f"critical difference {difference:.2f}",
        ha="center",
        va="bottom",
        fontsize=8,
        color="0.4",
    )


def _name(axes: Axes, text: str, rank: float, side: int, row: float) -> None:
    """Draw a line from the rank down and out to a name at the side, which is rank 1 on the left."""
    axes.plot([rank, rank, side], [0, row, row], color="0.5", linewidth=0.8, clip_on=False)
    axes.annotate(
        f"{text}  {rank:.2f}" if side == 1 else f"{rank:.2f}  {text}",
        (side, row),
        xytext=(-4 if side == 1 else 4, 0),
        textcoords="offset points",
        ha="right" if side == 1 else "left",
        va="center",
        fontsize=8,
        parse_math=False,
    )


def draw_profiles(profiles: Profiles) -> Figure:
    """Return performance profiles: the share of runs that reach each Δm, a line for each method."""
    names = list(profiles.shares)
    lines, columns = legend_shape(names, WIDTH)
    figure = new_figure(WIDTH, 3.5 + 0.15 * lines)
    axes = figure.add_subplot()
    edges = [profiles.thresholds[0], *profiles.thresholds, profiles.thresholds[-1]]
    styles = (style for style in cycle(STYLES) for _ in range(10))
    for name, style in zip(names, styles, strict=False):
        # at a threshold the share still counts the runs that just reach it
        axes.step(edges, [1, *profiles.shares[name], 0], where="pre", linestyle=style, label=name)
    axes.axvline(0, color="0.4", linewidth=0.9)
    axes.set_xlabel("Δm %")
    axes.set_ylabel("share of runs with at least this Δm")
    axes.set_ylim(-0.02, 1.02)
    axes.grid(linewidth=0.4, alpha=0.4)
    figure.legend(loc="outside lower center", ncols=columns, fontsize=6, frameon=False)
    set_title(figure, "Performance profiles; the baseline is at 0")
    return figure
