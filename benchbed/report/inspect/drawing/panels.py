"""The figure of one run's samples: input, then target and prediction of each task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from benchbed.basics.texts import wrap
from benchbed.contracts.dataset import Input
from benchbed.contracts.drawing import draw_input, new_figure, set_title
from benchbed.contracts.task import Task
from benchbed.report.inspect.drawing.values import class_legends, draw_values
from benchbed.report.inspect.predictions.sample import Sample
from benchbed.report.layout.grid import Grid
from benchbed.report.layout.legends import add_legend, legend_height
from benchbed.report.layout.panel_size import WIDTH, panel_height, panel_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_panels(
    samples: Sequence[Sample], tasks: Mapping[str, Task], described: Input, title: str
) -> Figure:
    """Return a row for each sample.

    A target and its prediction share their colour scale, which stands beside them. A class of a
    sample that is predicted wrongly has a red frame. Below, the classes of maps by their colours.

    Args:
        samples: with targets and predictions of all tasks.
        tasks: in the order of the columns.
        described: the data set's input.
        title: stands above.

    Raises:
        PluginError: a task's ``draw`` fails.
    """
    widths = [WIDTH]
    for task in tasks.values():
        widths += 2 * [panel_width(task.target)]
    heights = len(samples) * [panel_height(described)]
    legends = class_legends(tasks)
    if legends:
        # side by side, each below its target and prediction
        heights.append(max(legend_height(handles, 2 * WIDTH) for handles in legends.values()))
    # in inches, for the scales beside panels, and for the names above them
    figure = new_figure(sum(widths) + 0.4, sum(heights) + 0.5)
    grid = Grid(figure, heights, widths)

    for row, sample in enumerate(samples):
        axes = grid.cells(row)
        _draw_sample(axes, sample, tasks, described)
        if row == 0:
            _name_columns(axes, tasks)
    for place, name in enumerate(tasks):
        if name in legends:
            cell = grid.cell(-1, _columns_of(place))
            add_legend(cell, legends[name], 2 * WIDTH, "upper center")
    set_title(figure, title)
    return figure


def _columns_of(place: int) -> slice:
    """Return the columns of a task's target and prediction; the first is the input's."""
    return slice(1 + 2 * place, 3 + 2 * place)


def _draw_sample(
    axes: Sequence[Axes], sample: Sample, tasks: Mapping[str, Task], described: Input
) -> None:
    draw_input(axes[0], sample.input, described)
    axes[0].set_ylabel(f"sample {sample.index}", fontsize=8)
    for place, (name, task) in enumerate(tasks.items()):
        pair = axes[_columns_of(place)]
        draw_values(task, pair, sample.targets[name], [sample.predictions[name]])


def _name_columns(axes: Sequence[Axes], tasks: Mapping[str, Task]) -> None:
    axes[0].set_title("input", fontsize=9)
    for place, (name, task) in enumerate(tasks.items()):
        target, prediction = axes[_columns_of(place)]
        shown = wrap(name, int(9 * panel_width(task.target)))
        target.set_title(f"{shown}\ntarget", fontsize=9)
        prediction.set_title(f"{shown}\nprediction", fontsize=9)
