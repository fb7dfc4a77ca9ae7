"""Charts of what a split holds: presence and area of classes, histograms of numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from matplotlib.figure import Figure

from benchbed.basics.texts import wrap
from benchbed.contracts.dataset import Target
from benchbed.contracts.drawing import new_figure, palette, set_title
from benchbed.report.data.statistics import ClassStatistics, ValueStatistics

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BAR: Final = 0.15
"""Height of one class in a bar chart, in inches."""
HISTOGRAM: Final = 1.2
"""Height of a histogram, in inches."""
GAP: Final = 0.085
"""Between two charts, in inches: twice the padding of matplotlib's constrained layout."""
CHART_WIDTH: Final = 3.8
"""Of a bar chart or histogram, in inches."""
HEADING: Final = 0.2
"""Height of a chart's title, in inches."""
CHANNELS: Final = ("tab:red", "tab:green", "tab:blue")
PLAIN: Final = "0.5"
"""Colour of what needs none to be told apart."""


class _Chart(NamedTuple):
    """A chart yet to be drawn: the inches it needs, and what draws it into at least as many."""

    height: float
    draw: Callable[[Axes, float], None]


def draw_statistics(
    statistics: Mapping[str, ClassStatistics | ValueStatistics],
    targets: Mapping[str, Target],
    title: str,
) -> Figure:
    """Return presence and area of each class side by side, and histograms of numbers.

    Where a target is one class a sample, presence and area are the same and drawn once.
    """
    rows = _rows([_charts(name, found, targets[name]) for name, found in statistics.items()])
    heights = list(map(_height, rows))
    figure = new_figure(2 * CHART_WIDTH, sum(heights) + (GAP + HEADING) * len(rows))
    grid = figure.add_gridspec(len(rows), 2, height_ratios=heights)
    for row, charts in enumerate(rows):
        for column, chart in enumerate(charts):
            chart.draw(figure.add_subplot(grid[row, column]), heights[row])
    set_title(figure, title)
    return figure


def _rows(charts: Sequence[list[_Chart]]) -> list[list[_Chart]]:
    """Return charts two a row: first those of one target, then the others as they come."""
    pairs: list[list[_Chart]] = []
    single: list[_Chart] = []
    for of_target in charts:
        if len(of_target) == 2:
            pairs.append(of_target)
        else:
            single += of_target
    return pairs + [single[start : start + 2] for start in range(0, len(single), 2)]


def _height(row: Sequence[_Chart]) -> float:
    return max(chart.height for chart in row)


def _charts(name: str, found: ClassStatistics | ValueStatistics, target: Target) -> list[_Chart]:
    """Return the charts of one target: two that stand side by side, or one."""
    if isinstance(found, ValueStatistics):
        return [_histogram(name, found)]
    ignored = _left_out(found.ignored, "ignored")
    if not target.shape:
        return [_bars(found, found.presence, f"{name}: % of samples{ignored}")]
    unit = "pixels" if len(target.shape) > 1 else "elements"
    return [
        _bars(found, found.presence, f"{name}: % of samples with the class"),
        _bars(found, found.area, f"{name}: % of annotated {unit}{ignored}"),
    ]


def _bars(found: ClassStatistics, shares: Sequence[float], heading: str) -> _Chart:
    """Return horizontal bars, the first class above; all of one width in all charts."""

    def draw(axes: Axes, height: float) -> None:
        percent = [100 * share for share in shares]
        # two classes need no colours, which the sheet does not give them either
        colours = palette(len(shares), found.names) if len(shares) > 2 else PLAIN
        places = range(len(shares))
        bars = axes.barh(places, percent, color=colours, height=0.75)
        axes.bar_label(bars, [_percent(share) for share in shares], fontsize=6, padding=2)
        axes.set_yticks(places, found.names, parse_math=False)
        # in a row that is higher than the chart the bars stay at its top
        axes.set_ylim(height / BAR - 0.5, -0.5)
        axes.set_xlim(0, 1.12 * max(*percent, 1))
        _tidy(axes, heading)
        axes.tick_params(left=False)
        axes.xaxis.set_visible(False)
        axes.spines["bottom"].set_visible(False)

    return _Chart(BAR * len(shares), draw)


def _histogram(name: str, found: ValueStatistics) -> _Chart:
    """Return a filled histogram, or one line for each channel."""

    def draw(axes: Axes, height: float) -> None:
        if len(found.channels) == 1:
            _draw_steps(axes, found, 0, PLAIN, fill=True)
        else:
            for channel, colour in enumerate(CHANNELS):
                _draw_steps(axes, found, channel, colour, fill=False)
            axes.legend(ncols=3, loc="upper right", fontsize=6, frameon=False, handlelength=1.0)
        highest = max(map(max, found.shares))
        axes.set_ylim(0, 100 * (1.2 * highest or 1))
        _tidy(axes, f"{name}: % of valid values{_left_out(found.invalid, 'invalid')}")

    return _Chart(HISTOGRAM, draw)


def _draw_steps(
    axes: Axes, found: ValueStatistics, channel: int, colour: str, *, fill: bool
) -> None:
    percent = [100 * share for share in found.shares[channel]]
    axes.stairs(percent, found.edges, color=colour, label=found.channels[channel], fill=fill)


def _percent(share: float) -> str:
    """Return a share in percent: with one decimal place, or with two digits where it is small."""
    if share == 0:
        return "0"
    if share < 0.01:
        return f"{100 * share:#.2g}"
    return f"{100 * share:.1f}"


def _left_out(share: float, what: str) -> str:
    """Return what a heading adds of a share that the chart leaves out, if there is any."""
    return f"; {_percent(share)} % {what}" if share else ""


def _tidy(axes: Axes, heading: str) -> None:
    axes.set_title(wrap(heading, 52), fontsize=8, loc="left", parse_math=False)
    axes.tick_params(labelsize=6)
    axes.spines[["top", "right"]].set_visible(False)
