"""The figure of a record's training curves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

from matplotlib.figure import Figure

from benchbed.contracts.drawing import new_figure, set_title
from benchbed.records.record import MetricInfo, Record
from benchbed.report.inspect.drawing.lines import HEIGHT, WIDTH, Lines, Plot, draw_plot

TRAIN: Final = "tab:blue"
VALIDATION: Final = "tab:orange"
LEGEND_UP_TO: Final = 12
"""Lines; a legend of more would be longer than the plot is high."""
_CYCLE: Final = tuple(f"C{number}" for number in range(10))
_SHARED: Final = {
    "weight/": "task weights",
    "norm/": "gradient norms",
    "cosine/": "cosines between gradients",
}


def draw_curves(record: Record, title: str) -> Figure:
    """Return losses and validation metrics, a row for each task, and below what tasks share.

    That is the learning rate, and where they were logged the tasks' weights, the norms of their
    gradients and the cosines between them. A dashed line marks the selected epoch in each plot.
    """
    rows = [_task_plots(record, task) for task in record.tasks]
    shared = _shared_plots(record.curves)
    rows.append(shared)

    legend_lines = max((plot.legend_shape[0] for plot in shared), default=0)
    heights = [HEIGHT] * len(record.tasks) + [HEIGHT + 0.13 * legend_lines]
    # two columns at least, which the title and the legend below need
    columns = max(2, *map(len, rows))
    figure = new_figure(columns * WIDTH, sum(heights) + 0.5)
    grid = figure.add_gridspec(len(heights), columns, height_ratios=heights)
    for row, plots in enumerate(rows):
        for column, plot in enumerate(plots):
            draw_plot(figure.add_subplot(grid[row, column]), plot, record)

    # the plots of losses have all kinds of lines there are: training, validation, selected epoch
    handles = figure.axes[0].lines
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=7)
    set_title(figure, title)
    return figure


def _task_plots(record: Record, task: str) -> list[Plot]:
    """Return the plots of a task: its losses, then its metrics, the primary one first."""
    metrics = sorted(record.metrics[task].items(), key=lambda item: not item[1].primary)
    plots = [_loss_plot(record, task)]
    for metric, info in metrics:
        plots.append(_metric_plot(record, task, metric, info))
    return plots


def _loss_plot(record: Record, task: str) -> Plot:
    lines = {
        "training": record.curves.get(f"train/{task}/loss", []),
        "validation": record.curves.get(f"validation/{task}/loss", []),
    }
    return Plot(f"{task}: loss", lines, [TRAIN, VALIDATION])


def _metric_plot(record: Record, task: str, metric: str, info: MetricInfo) -> Plot:
    values = record.curves.get(f"validation/{task}/{metric}", [])
    factor, unit = (100, " %") if info.percent else (1, "")
    scaled = [None if value is None else factor * value for value in values]
    arrow = "↑" if info.higher_is_better else "↓"
    heading = f"{task}: {metric}{unit} {arrow}"
    return Plot(heading, {"validation": scaled}, [VALIDATION], is_bold=info.primary)


def _shared_plots(curves: Lines) -> list[Plot]:
    """Return the plots of what tasks share, as far as it was logged."""
    plots = []
    if "lr" in curves:
        plots.append(Plot("learning rate", {"lr": curves["lr"]}, ["0.3"]))
    for prefix, heading in _SHARED.items():
        lines = _with_prefix(curves, prefix)
        if lines:
            is_log = heading == "gradient norms" and _are_positive(lines.values())
            has_legend = len(lines) <= LEGEND_UP_TO
            plots.append(Plot(heading, lines, _CYCLE, is_log=is_log, has_legend=has_legend))
    return plots


def _with_prefix(curves: Lines, prefix: str) -> dict[str, Sequence[float | None]]:
    """Return the curves of one kind by their tasks."""
    lines = {}
    for name, values in curves.items():
        if name.startswith(prefix):
            tasks = name.removeprefix(prefix).split("/")
            lines[" · ".join(tasks)] = values
    return lines


def _are_positive(lines: Iterable[Sequence[float | None]]) -> bool:
    logged = [value for value in chain.from_iterable(lines) if value is not None]
    return all(value > 0 for value in logged)
