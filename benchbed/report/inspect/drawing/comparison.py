"""The figure of several runs' samples: a row a sample and task, a column a run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from matplotlib.figure import Figure

from benchbed.contracts.dataset import Input
from benchbed.contracts.drawing import draw_input, draw_text, new_figure, set_title
from benchbed.contracts.task import Task
from benchbed.report.inspect.drawing.values import class_legends, draw_values
from benchbed.report.inspect.predictions.sample import Sample
from benchbed.report.layout.grid import Grid
from benchbed.report.layout.headings import HEADING_DENSITY, break_heading, heading_characters
from benchbed.report.layout.legends import add_named_legends, legend_height
from benchbed.report.layout.panel_size import WIDTH, panel_height, panel_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAP: Final = 0.1
"""Between samples of several rows, in inches."""
LINE: Final = 0.15
"""Height of a heading's line, in inches."""


def draw_comparison(
    columns: Mapping[str, Sequence[Sample]],
    tasks: Mapping[str, Task],
    described: Input,
    title: str,
    lost: Collection[tuple[str, str]] = (),
) -> Figure:
    """Return a row for each sample and task: its target and the prediction of each column.

    The input stands in the first row of its sample. Scales, frames and legends are those of
    :func:`~.panels.draw_panels`, with one colour scale a row.

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
    # a column is wider than a panel where the longest word of its heading needs it
    width = max(panel, characters / HEADING_DENSITY)
    widths = [WIDTH] + [width] * (1 + len(columns))
    beside_input = sum(widths[1:])

    samples = list(zip(*columns.values(), strict=True))
    rows_of_sample = [*_row_heights(tasks, described), GAP]
    legends = class_legends(tasks)
    heights = len(samples) * rows_of_sample
    heights += [legend_height(handles, beside_input) for handles in legends.values()]

    lines = 1 + max(heading.count("\n") for heading in headings)
    # in inches, for the scales beside rows, and for the title's distance
    figure = new_figure(sum(widths) + 0.8, sum(heights) + LINE * lines + 0.4)
    grid = Grid(figure, heights, widths)
    for number, of_columns in enumerate(samples):
        first_row = number * len(rows_of_sample)
        given = grid.cell(first_row, 0)
        draw_input(given, of_columns[0].input, described)
        given.set_ylabel(f"sample {of_columns[0].index}", fontsize=8)
        for row, (name, task) in enumerate(tasks.items(), start=first_row):
            axes = grid.cells(row, 1)
            why_missing = [_why_missing(column, name, lost) for column in columns]
            _draw_row(axes, name, task, of_columns, why_missing)
            if row == 0:
                _name_columns([given, *axes], headings)
    add_named_legends(grid, len(samples) * len(rows_of_sample), legends, beside_input)
    set_title(figure, title)
    return figure


def _row_heights(tasks: Mapping[str, Task], described: Input) -> list[float]:
    """Return the heights of a sample's rows: low for a word or number, but not beside the input."""
    high = panel_height(described)
    low = min(high, 0.4 * WIDTH)
    heights = [high if task.target.shape else low for task in tasks.values()]
    heights[0] = high
    return heights


def _why_missing(column: str, task: str, lost: Collection[tuple[str, str]]) -> str:
    return "no weights" if (column, task) in lost else "no record"


def _draw_row(
    axes: Sequence[Axes],
    name: str,
    task: Task,
    samples: Sequence[Sample],
    why_missing: Sequence[str],
) -> None:
    """Draw one task of one sample: the target, then a prediction or why there is none.

    Args:
        axes: of the target, then of each column.
        name: the task's.
        task: the task.
        samples: of each column, some of them without the task.
        why_missing: of each column, what to write if it has no prediction.
    """
    target = next(sample.targets[name] for sample in samples if name in sample.targets)
    predictions = [sample.predictions.get(name) for sample in samples]
    draw_values(task, axes, target, predictions)
    for place, prediction, why in zip(axes[1:], predictions, why_missing, strict=True):
        if prediction is None:
            draw_text(place, why, grey=True)
    _name_row(axes[0], name)


def _name_columns(axes: Sequence[Axes], headings: Sequence[str]) -> None:
    for place, heading in zip(axes, headings, strict=True):
        place.set_title(heading, fontsize=9, parse_math=False)


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
