"""The figures of a data set: samples with all their targets, and what its splits hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from benchbed.basics.texts import wrap
from benchbed.contracts.dataset import Input, Target
from benchbed.contracts.drawing import (
    GREY,
    draw_input,
    draw_target,
    new_figure,
    palette,
    set_title,
)
from benchbed.report.data_statistics import (
    ClassStatistics,
    ValueStatistics,
    annotated,
    class_names,
    smallest,
    valid,
)
from benchbed.report.layout import (
    WIDTH,
    add_legend,
    class_patches,
    legend_height,
    name_beside,
    panel_height,
    panel_width,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LARGEST: Final = (24.0, 60.0)
"""Of a sheet, width and height in inches; panels shrink where there are more."""
BINARY: Final = ("black", "white")
"""Colours of a map of two classes, such as edges."""
BAR: Final = 0.15
"""Height of one class in a bar chart, in inches."""
GAP: Final = 0.085
"""Between two panels, in inches: twice the padding of matplotlib's constrained layout."""
CHART_WIDTH: Final = 3.8
"""Of a bar chart or histogram, in inches."""
HEADING: Final = 0.2
"""Height of a chart's title, in inches."""
CHANNELS: Final = ("tab:red", "tab:green", "tab:blue")


def draw_sheet(
    samples: Mapping[str, np.ndarray],
    positions: Sequence[int],
    described: Input,
    targets: Mapping[str, Target],
    title: str,
) -> Figure:
    """Return a row for each sample: the input, then each target.

    A map of classes has fixed colours, told below for the classes that are there, and one of two
    classes is black and white (of several annotators: the share of them); a map of numbers has one
    colour scale for all samples, which stands below; normals and colours are RGB. Grey is what is
    ignored or invalid.

    Args:
        samples: ``"input"`` and each target, ``(N, …)``.
        positions: of the samples in the split.
        described: the data set's input.
        targets: the data set's targets.
        title: stands above.
    """
    widths = np.array([WIDTH, *map(panel_width, targets.values())])
    heights = np.full(len(positions), panel_height(described))
    scale = min(1.0, LARGEST[0] / widths.sum(), LARGEST[1] / heights.sum())
    widths, heights = scale * widths, scale * heights
    legends = {
        name: handles
        for name, target in targets.items()
        if (handles := _legend(samples[name], target))
    }
    room = float(widths[1:].sum())
    below = [legend_height(handles, room) for handles in legends.values()]
    bars = [0.1] * any(_is_scaled(target) for target in targets.values())
    ratios = [*heights, *bars, *below]
    figure = new_figure(
        widths.sum() + GAP * len(widths) + 0.2,
        sum(ratios) + GAP * len(ratios) + 0.2 + 2 * sum(bars),
    )
    grid = figure.add_gridspec(len(ratios), len(widths), width_ratios=widths, height_ratios=ratios)
    for column, name in enumerate(["input", *targets]):
        panels = [figure.add_subplot(grid[row, column]) for row in range(len(positions))]
        panels[0].set_title(wrap(name, int(9 * widths[column])), fontsize=9)
        if column == 0:
            _draw_inputs(panels, samples[name], positions, described)
            continue
        target = targets[name]
        _draw_column(panels, samples[name], target)
        if _is_scaled(target):
            bar = figure.add_subplot(grid[len(heights), column])
            figure.colorbar(panels[0].images[0], cax=bar, orientation="horizontal")
            bar.tick_params(labelsize=6)
    for row, (name, handles) in enumerate(legends.items(), start=len(heights) + len(bars)):
        name_beside(figure.add_subplot(grid[row, 0]), name)
        add_legend(figure.add_subplot(grid[row, 1:]), handles, room, "upper left")
    set_title(figure, title)
    return figure


def draw_statistics(
    statistics: Mapping[str, ClassStatistics | ValueStatistics],
    targets: Mapping[str, Target],
    title: str,
) -> Figure:
    """Return presence and area of each class side by side, and histograms of numbers.

    Where a target is one class a sample, presence and area are the same and drawn once.
    """
    charts = [_charts(name, found, targets[name].shape) for name, found in statistics.items()]
    rows = [pair for pair in charts if len(pair) == 2]
    single = [pair[0] for pair in charts if len(pair) == 1]
    rows += [single[start : start + 2] for start in range(0, len(single), 2)]
    heights = [max(chart.height for chart in row) for row in rows]
    figure = new_figure(2 * CHART_WIDTH, sum(heights) + (GAP + HEADING) * len(rows))
    grid = figure.add_gridspec(len(rows), 2, height_ratios=heights)
    for row, pair in enumerate(rows):
        for column, chart in enumerate(pair):
            chart.draw(figure.add_subplot(grid[row, column]), heights[row])
    set_title(figure, title)
    return figure


def _draw_inputs(
    panels: Sequence[Axes], values: np.ndarray, positions: Sequence[int], described: Input
) -> None:
    for axes, value, position in zip(panels, torch.tensor(values), positions, strict=True):
        draw_input(axes, value, described)
        axes.set_ylabel(f"sample {position}", fontsize=8)


def _draw_column(panels: Sequence[Axes], values: np.ndarray, target: Target) -> None:
    """Draw one target of several samples, a panel each."""
    if _is_binary(target):
        for axes, share in zip(panels, torch.tensor(_share_marked(values, target)), strict=True):
            draw_input(axes, share, Input(tuple(share.shape)))
        return
    if target.kind == "value":
        values = np.where(valid(values, target, smallest(values)), values, np.nan)
    for axes, value in zip(panels, torch.tensor(values), strict=True):
        draw_target(axes, value, target)
    if _is_scaled(target):
        low, high = smallest(values), -smallest(-values)
        for axes in panels:
            axes.images[0].set_clim(*((low, high) if low <= high else (0, 1)))


def _is_binary(target: Target) -> bool:
    return target.kind == "class" and target.classes == 2 and len(target.shape) >= 2


def _is_scaled(target: Target) -> bool:
    return target.kind == "value" and len(target.shape) == 2


def _share_marked(values: np.ndarray, target: Target) -> np.ndarray:
    """Return the share of annotators who marked a pixel, ``(N, H, W)``; NaN where none looked."""
    by_annotator = values.reshape(len(values), -1, *values.shape[-2:])
    marked = (by_annotator == 1).sum(axis=1)
    voters = annotated(by_annotator, target).sum(axis=1)
    unknown = np.full(voters.shape, np.nan)
    share: np.ndarray = np.divide(marked, voters, out=unknown, where=voters > 0)
    return share


def _legend(values: np.ndarray, target: Target) -> list[Patch]:
    """Return what the colours of a map of classes mean, of the classes that are there."""
    names = class_names(target)
    if _is_binary(target):
        patches = class_patches(names, BINARY)
        ignored = bool(np.isnan(_share_marked(values, target)).any())
    elif target.kind == "class" and len(target.shape) == 2:
        known = annotated(values, target)
        there = np.unique(values[known]).tolist()
        patches = class_patches([names[i] for i in there], palette(target.classes, names)[there])
        ignored = not known.all()
    else:
        return []
    return [*patches, *class_patches(["not annotated"] * ignored, [GREY] * ignored)]


class _Chart(NamedTuple):
    """A chart yet to be drawn: the inches it needs, and what draws it into at least as many."""

    height: float
    draw: Callable[[Axes, float], None]


def _charts(
    name: str, found: ClassStatistics | ValueStatistics, shape: tuple[int, ...]
) -> list[_Chart]:
    """Return the charts of one target: two that stand side by side, or one."""
    if isinstance(found, ValueStatistics):
        return [_histogram(name, found)]
    ignored = _besides(found.ignored, "ignored")
    if not shape:
        return [_bars(found, found.presence, f"{name}: % of samples{ignored}")]
    unit = "pixels" if len(shape) > 1 else "elements"
    return [
        _bars(found, found.presence, f"{name}: % of samples with the class"),
        _bars(found, found.area, f"{name}: % of annotated {unit}{ignored}"),
    ]


def _bars(found: ClassStatistics, shares: Sequence[float], heading: str) -> _Chart:
    """Return horizontal bars, the first class above; all of one width in all charts."""

    def draw(axes: Axes, height: float) -> None:
        percent = [100 * share for share in shares]
        colours = palette(len(shares), found.names) if len(shares) > 2 else "0.5"
        places = range(len(shares))
        bars = axes.barh(places, percent, color=colours, height=0.75)
        axes.bar_label(bars, [_percent(share) for share in shares], fontsize=6, padding=2)
        axes.set_yticks(places, found.names, parse_math=False)
        axes.set_ylim(height / BAR - 0.5, -0.5)
        axes.set_xlim(0, 1.12 * max(*percent, 1))
        _tidy(axes, heading)
        axes.tick_params(left=False)
        axes.xaxis.set_visible(False)
        axes.spines["bottom"].set_visible(False)

    return _Chart(BAR * len(shares), draw)


def _histogram(name: str, found: ValueStatistics) -> _Chart:
    """Return a filled histogram, or one line for each channel."""
    one = len(found.channels) == 1
    invalid = _besides(found.invalid, "invalid")

    def draw(axes: Axes, height: float) -> None:
        for channel, shares, colour in zip(found.channels, found.shares, CHANNELS, strict=False):
            percent = [100 * share for share in shares]
            axes.stairs(
                percent, found.edges, color="0.5" if one else colour, label=channel, fill=one
            )
        if not one:
            axes.legend(ncols=3, loc="upper right", fontsize=6, frameon=False, handlelength=1.0)
        highest = max(map(max, found.shares))
        axes.set_ylim(0, 100 * (1.2 * highest or 1))
        _tidy(axes, f"{name}: % of valid values{invalid}")

    return _Chart(1.2, draw)


def _percent(share: float) -> str:
    """Return a share in percent: with one decimal place, or with two digits where it is small."""
    if share == 0:
        return "0"
    return f"{100 * share:.1f}" if share >= 0.01 else f"{100 * share:#.2g}"


def _besides(share: float, what: str) -> str:
    """Return what a heading adds of a share that the chart leaves out, if there is any."""
    return f"; {_percent(share)} % {what}" if share else ""


def _tidy(axes: Axes, heading: str) -> None:
    axes.set_title(wrap(heading, 52), fontsize=8, loc="left", parse_math=False)
    axes.tick_params(labelsize=6)
    axes.spines[["top", "right"]].set_visible(False)
