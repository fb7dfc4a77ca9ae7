"""Performance profiles: the share of runs that reach each Δm."""

from __future__ import annotations

from itertools import cycle
from typing import Final

from matplotlib.figure import Figure

from benchbed.contracts.drawing import legend_shape, new_figure, set_title
from benchbed.report.statistics.protocols import Profiles

WIDTH: Final = 7.0
HEIGHT: Final = 3.5
"""Without the legend, in inches."""
COLOURS: Final = 10
"""Of matplotlib's default cycle."""
STYLES: Final = ("-", "--", ":", "-.")
"""Of lines, one after the other each time that the colours begin again."""


def draw_profiles(profiles: Profiles) -> Figure:
    """Return performance profiles: the share of runs that reach each Δm, a line for each method."""
    names = list(profiles.shares)
    lines, columns = legend_shape(names, WIDTH)
    figure = new_figure(WIDTH, HEIGHT + 0.15 * lines)
    axes = figure.add_subplot()
    edges = [profiles.thresholds[0], *profiles.thresholds, profiles.thresholds[-1]]
    for name, style in zip(names, _line_styles(len(names)), strict=True):
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


def _line_styles(count: int) -> list[str]:
    """Return each line's style, so that no two of one colour look alike."""
    styles = cycle(STYLES)
    found: list[str] = []
    while len(found) < count:
        found += COLOURS * [next(styles)]
    return found[:count]
