"""The figure of test samples: input, then for each task its target and the prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch
from torch import Tensor

from benchbed.dataset import Input
from benchbed.drawing import GREY, draw_input, new_figure, palette, set_title, wrap
from benchbed.errors import PluginError, one_line
from benchbed.report.layout import (
    WIDTH,
    add_legend,
    class_patches,
    legend_height,
    panel_height,
    panel_width,
)
from benchbed.task import Task

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WRONG: Final = "tab:red"


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
            pair = axes[1 + 2 * place], axes[2 + 2 * place]
            _draw(task, pair[0], sample.targets[name])
            _draw(task, pair[1], sample.predictions[name])
            _share_scale(pair)
            if _is_wrong(task, sample.targets[name], sample.predictions[name]):
                _frame(pair[1])
        if row == 0:
            _name_columns(axes, tasks)
    for place, handles in enumerate(legends.values()):
        if handles:
            cell = figure.add_subplot(grid[-1, 1 + 2 * place : 3 + 2 * place])
            add_legend(cell, handles, 2 * WIDTH, "upper center")
    set_title(figure, title)
    return figure


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


def _share_scale(pair: tuple[Axes, Axes]) -> None:
    """Give maps of numbers one colour scale, with its bar, and bars one height."""
    images = [image for axes in pair for image in axes.images if _is_scaled(image)]
    if len(images) == 2:
        limits = [image.get_clim() for image in images]
        low, high = min(low for low, _ in limits), max(high for _, high in limits)
        for image in images:
            image.set_clim(low, high)
        bar = pair[1].figure.colorbar(images[1], ax=list(pair), fraction=0.05, pad=0.02)
        bar.ax.tick_params(labelsize=6)
    elif not any(axes.images or axes.texts for axes in pair):
        heights = [axes.get_ylim() for axes in pair]
        for axes in pair:
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
