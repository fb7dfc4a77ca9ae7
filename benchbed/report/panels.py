"""Figures of test samples: input, targets and predictions of one run, or of several."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import torch
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch
from torch import Tensor

from benchbed.basics.errors import PluginError, one_line
from benchbed.basics.texts import wrap
from benchbed.contracts.dataset import Input
from benchbed.contracts.drawing import GREY, draw_input, draw_text, new_figure, palette, set_title
from benchbed.contracts.task import Task
from benchbed.report.layout import (
    HEADING_DENSITY,
    WIDTH,
    add_legend,
    break_heading,
    class_patches,
    heading_characters,
    legend_height,
    name_beside,
    panel_height,
    panel_width,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WRONG: Final = "tab:red"
GAP: Final = 0.1
"""Between samples of several rows, in inches."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample, on the CPU.

    Attributes:
        index: its position in the split.
        targets, predictions: by task, without the dimension of the batch.
    """

    index: int
    input: Tensor
    targets: Mapping[str, Tensor]
    predictions: Mapping[str, Tensor]


def join(samples: Sequence[Sample], others: Sequence[Sample]) -> list[Sample]:
    """Return the same samples with the targets and predictions of both; either may be empty."""
    if not samples:
        return list(others)
    return [
        replace(
            sample,
            targets={**sample.targets, **other.targets},
            predictions={**sample.predictions, **other.predictions},
        )
        for sample, other in zip(samples, others, strict=True)
    ]


def draw_panels(
    samples: Sequence[Sample], tasks: Mapping[str, Task], described: Input, title: str
) -> Figure:
    """Return a row for each sample.

    A target and its prediction share their colour scale, which stands beside them. A class of a
    sample that is predicted wrongly has a red frame. Below, the classes of maps by their colours.

    Raises:
        PluginError: a task's ``draw`` fails.
    """
    legends = {name: _legend(task) for name, task in tasks.items()}
    below = [legend_height(handles, 2 * WIDTH) for handles in legends.values() if handles]
    widths = [WIDTH, *(panel_width(task.target) for task in tasks.values() for _ in range(2))]
    heights = [panel_height(described)] * len(samples) + ([max(below)] if below else [])
    figure = new_figure(sum(widths) + 0.4, sum(heights) + 0.5)
    grid = figure.add_gridspec(
        len(heights), len(widths), height_ratios=heights, width_ratios=widths
    )
    for row, sample in enumerate(samples):
        axes = [figure.add_subplot(grid[row, column]) for column in range(len(widths))]
        draw_input(axes[0], sample.input, described)
        axes[0].set_ylabel(f"sample {sample.index}", fontsize=8)
        for place, (name, task) in enumerate(tasks.items()):
            pair = axes[1 + 2 * place : 3 + 2 * place]
            _draw_values(task, pair, sample.targets[name], [sample.predictions[name]])
        if row == 0:
            _name_columns(axes, tasks)
    for place, handles in enumerate(legends.values()):
        if handles:
            cell = figure.add_subplot(grid[-1, 1 + 2 * place : 3 + 2 * place])
            add_legend(cell, handles, 2 * WIDTH, "upper center")
    set_title(figure, title)
    return figure


def draw_comparison(
    columns: Mapping[str, Sequence[Sample]],
    tasks: Mapping[str, Task],
    described: Input,
    title: str,
    lost: Collection[tuple[str, str]] = (),
) -> Figure:
    """Return a row for each sample and task: its target and the prediction of each column.

    The input stands in the first row of its sample. Scales, frames and legends are those of
    :func:`draw_panels`, with one colour scale a row.

    Args:
        columns: by their headings, the same samples with the targets and predictions of some tasks.
        tasks: in the order of the rows.
        described: the data set's input.
        title: stands above.
        lost: columns and tasks of which there are records, but no weights.

    Raises:
        PluginError: a task's ``draw`` fails.
    """
    panel = max(panel_width(task.target) for task in tasks.values())
    characters = heading_characters(list(columns), panel)
    headings = [break_heading(heading, characters) for heading in ("input", "target", *columns)]
    width = max(panel, characters / HEADING_DENSITY)
    widths = [WIDTH] + [width] * (1 + len(columns))
    groups = list(zip(*columns.values(), strict=True))
    block = [*_row_heights(tasks, described), GAP]
    legends = {name: handles for name, task in tasks.items() if (handles := _legend(task))}
    room = sum(widths[1:])
    heights = block * len(groups) + [legend_height(handles, room) for handles in legends.values()]
    lines = 1 + max(heading.count("\n") for heading in headings)
    figure = new_figure(sum(widths) + 0.8, sum(heights) + 0.15 * lines + 0.4)
    grid = figure.add_gridspec(
        len(heights), len(widths), height_ratios=heights, width_ratios=widths
    )
    for number, samples in enumerate(groups):
        first = number * len(block)
        given = figure.add_subplot(grid[first, 0])
        draw_input(given, samples[0].input, described)
        given.set_ylabel(f"sample {samples[0].index}", fontsize=8)
        for row, (name, task) in enumerate(tasks.items(), start=first):
            axes = [figure.add_subplot(grid[row, column]) for column in range(1, len(widths))]
            why = ["no weights" if (column, name) in lost else "no record" for column in columns]
            _draw_row(axes, name, task, samples, why)
            if row == 0:
                for place, heading in zip([given, *axes], headings, strict=True):
                    place.set_title(heading, fontsize=9, parse_math=False)
    for row, (name, handles) in enumerate(legends.items(), start=len(block) * len(groups)):
        name_beside(figure.add_subplot(grid[row, 0]), name)
        add_legend(figure.add_subplot(grid[row, 1:]), handles, room, "upper left")
    set_title(figure, title)
    return figure


def _row_heights(tasks: Mapping[str, Task], described: Input) -> list[float]:
    """Return the heights of a sample's rows: low for a word or number, but not beside the input."""
    high = panel_height(described)
    return [
        high if place == 0 or task.target.shape else min(high, 0.4 * WIDTH)
        for place, task in enumerate(tasks.values())
    ]


def _draw_row(
    axes: Sequence[Axes], name: str, task: Task, samples: Sequence[Sample], why: Sequence[str]
) -> None:
    """Draw one task of one sample: the target, then a prediction or why there is none."""
    target = next(sample.targets[name] for sample in samples if name in sample.targets)
    predictions = [sample.predictions.get(name) for sample in samples]
    _draw_values(task, axes, target, predictions)
    for place, prediction, reason in zip(axes[1:], predictions, why, strict=True):
        if prediction is None:
            draw_text(place, reason, grey=True)
    _name_row(axes[0], name)


def _draw_values(
    task: Task, axes: Sequence[Axes], target: Tensor, predictions: Sequence[Tensor | None]
) -> None:
    """Draw a target and the predictions that there are on one scale; frame wrong classes."""
    drawn = [
        (place, value)
        for place, value in zip(axes, [target, *predictions], strict=True)
        if value is not None
    ]
    for place, value in drawn:
        _draw(task, place, value)
    _share_scale([place for place, _ in drawn], axes)
    for place, value in drawn[1:]:
        if _is_wrong(task, target, value):
            _frame(place)


def _draw(task: Task, axes: Axes, value: Tensor) -> None:
    try:
        task.draw(axes, value)
    except Exception as error:
        raise PluginError(f"{type(task).__name__}.draw raised {one_line(error)}.") from error


def _name_columns(axes: Sequence[Axes], tasks: Mapping[str, Task]) -> None:
    axes[0].set_title("input", fontsize=9)
    for place, name in enumerate(tasks):
        shown = wrap(name, int(9 * panel_width(tasks[name].target)))
        axes[1 + 2 * place].set_title(f"{shown}\ntarget", fontsize=9)
        axes[2 + 2 * place].set_title(f"{shown}\nprediction", fontsize=9)


def _name_row(axes: Axes, name: str) -> None:
    """Write a task's name on the left; a label of the axis would go with an axis switched off."""
    axes.annotate(
        name,
        (0, 0.5),
        (-3, 0),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=8,
        rotation=90,
        ha="right",
        va="center",
        parse_math=False,
    )


def _share_scale(drawn: Sequence[Axes], row: Sequence[Axes]) -> None:
    """Give maps of numbers one colour scale, with its bar beside the row, and bars one height."""
    images = [image for axes in drawn for image in axes.images if _is_scaled(image)]
    if len(images) == len(drawn):
        limits = [image.get_clim() for image in images]
        low, high = min(low for low, _ in limits), max(high for _, high in limits)
        for image in images:
            image.set_clim(low, high)
        bar = row[0].figure.colorbar(
            images[0], ax=list(row), fraction=0.1 / len(row), pad=0.04 / len(row)
        )
        bar.ax.tick_params(labelsize=6)
    elif not any(axes.images or axes.texts for axes in drawn):
        heights = [axes.get_ylim() for axes in drawn]
        for axes in drawn:
            axes.set_ylim(min(low for low, _ in heights), max(high for _, high in heights))


def _is_scaled(image: AxesImage) -> bool:
    array = image.get_array()
    return array is not None and array.ndim == 2


def _is_wrong(task: Task, target: Tensor, prediction: Tensor) -> bool:
    """Tell whether one class for the whole sample was annotated and not predicted."""
    described = task.target
    if described.kind != "class" or target.dim() or prediction.dim():
        return False
    return int(target) != described.ignore and not torch.equal(target.long(), prediction.long())


def _frame(axes: Axes) -> None:
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(WRONG)
        spine.set_linewidth(2)


def _legend(task: Task) -> list[Patch]:
    """Return what the colours of a map of classes mean, where the task draws them by default."""
    target = task.target
    by_default = type(task).draw is Task.draw
    if not (by_default and target.kind == "class" and len(target.shape) == 2 and target.names):
        return []
    colours = [*palette(len(target.names), target.names), GREY]
    return class_patches([*target.names, "not annotated"], colours)
