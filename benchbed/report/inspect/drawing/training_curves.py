"""The figure of training curves: of one run, or of several methods with their seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchbed.contracts.drawing import legend_shape, new_figure, set_title
from benchbed.records.record import AUXILIARY, PHASE, MetricInfo, Record
from benchbed.report.inspect.drawing.lines import (
    HEIGHT,
    WIDTH,
    Curve,
    Line,
    Mark,
    Plot,
    draw_plot,
)

TRAIN: Final = "tab:blue"
VALIDATION: Final = "tab:orange"
LEGEND_UP_TO: Final = 12
"""Lines; a legend of more would be longer than the plot is high."""
_CYCLE: Final = tuple(f"C{number}" for number in range(10))
_SHARED: Final = {
    AUXILIARY: "auxiliary losses",
    "weight": "task weights",
    "norm": "gradient norms",
    "cosine": "cosines between gradients",
}


def draw_curves(record: Record, title: str) -> Figure:
    """Return losses and validation metrics, a row for each task, and below what tasks share.

    That is the learning rate, and where they were logged auxiliary losses, the tasks' weights, the
    norms of their gradients and the cosines between them. In each plot a dashed line marks the
    selected epoch, and dotted ones where a phase begins.
    """
    rows = [_plots_of_run(record, task) for task in record.tasks]
    rows.append(_shared_plots({"": [record]}))
    epoch = record.selected_epoch
    marks = [Mark(epoch, "--", f"selected: epoch {epoch}"), *_phase_marks([record])]
    return _draw_rows(rows, record.budget.epochs, marks, title)


def draw_curves_of_several(methods: Mapping[str, Sequence[Record]], title: str) -> Figure:
    """Return the same of several methods, each in a colour, its seeds as one line with a band.

    The line is the seeds' mean, the band goes from the smallest to the largest. Training and
    validation losses have a plot each. Dotted lines mark where a phase begins.

    Args:
        methods: by what they are called, the records of their seeds, and of each task where a
            method trains one at a time; all of one protocol.
        title: stands above.
    """
    records = [record for found in methods.values() for record in found]
    tasks = dict.fromkeys(task for record in records for task in record.tasks)
    rows = [_plots_of_methods(methods, task) for task in tasks]
    rows.append(_shared_plots(methods))
    epochs = max(record.budget.epochs for record in records)
    return _draw_rows(rows, epochs, _phase_marks(records), title)


def _draw_rows(
    rows: Sequence[Sequence[Plot]], epochs: int, marks: Sequence[Mark], title: str
) -> Figure:
    """Return plots row by row, the last one's with legends of their own.

    The legend below is of the first plot: its row's first lines are those of all tasks.
    """
    legend_lines = max((plot.legend_shape[0] for plot in rows[-1]), default=0)
    heights = [HEIGHT] * (len(rows) - 1) + [HEIGHT + 0.13 * legend_lines]
    # two columns at least, which the title and the legend below need
    columns = max(2, *map(len, rows))
    figure = new_figure(columns * WIDTH, sum(heights) + 0.5)
    grid = figure.add_gridspec(len(heights), columns, height_ratios=heights)
    for row, plots in enumerate(rows):
        for column, plot in enumerate(plots):
            draw_plot(figure.add_subplot(grid[row, column]), plot, epochs, marks)
    _add_legend_below(figure, figure.axes[0].lines, columns * WIDTH)
    set_title(figure, title)
    return figure


def _add_legend_below(figure: Figure, drawn: Sequence[Line2D], inches: float) -> None:
    """Add what the lines of a plot are, each kind of mark once."""
    by_label = {str(line.get_label()): line for line in drawn}
    lines, columns = legend_shape(list(by_label), inches)
    figure.legend(
        handles=list(by_label.values()), loc="outside lower center", ncols=columns, fontsize=7
    )
    figure.set_figheight(figure.get_figheight() + 0.15 * (lines - 1))


def _plots_of_run(record: Record, task: str) -> list[Plot]:
    """Return the plots of a run's task: its losses, then its metrics, the primary one first."""
    training = Line("training", [_curve(record, f"train/{task}/loss")], TRAIN)
    validation = Line("validation", [_curve(record, f"validation/{task}/loss")], VALIDATION)
    plots = [Plot(f"{task}: loss", [training, validation])]
    for metric, info in _primary_first(record.metrics[task]):
        curve = _curve(record, f"validation/{task}/{metric}", info)
        line = Line("validation", [curve], VALIDATION)
        plots.append(Plot(_heading(task, metric, info), [line], is_bold=info.primary))
    return plots


def _plots_of_methods(methods: Mapping[str, Sequence[Record]], task: str) -> list[Plot]:
    """Return the plots of several methods' task: training loss, validation loss, metrics."""
    plots = []
    for kind, words in (("train", "training loss"), ("validation", "validation loss")):
        lines = _lines_of_methods(methods, task, f"{kind}/{task}/loss")
        plots.append(Plot(f"{task}: {words}", lines))
    having = [r for found in methods.values() for r in found if task in r.tasks]
    for metric, info in _primary_first(having[0].metrics[task]):
        lines = _lines_of_methods(methods, task, f"validation/{task}/{metric}", info)
        plots.append(Plot(_heading(task, metric, info), lines, is_bold=info.primary))
    return plots


def _lines_of_methods(
    methods: Mapping[str, Sequence[Record]], task: str, name: str, info: MetricInfo | None = None
) -> list[Line]:
    """Return a line for each method, also where it has no records of the task."""
    lines = []
    for number, (method, records) in enumerate(methods.items()):
        seeds = [_curve(record, name, info) for record in records if task in record.tasks]
        lines.append(Line(method, seeds, _colour(number)))
    return lines


def _shared_plots(methods: Mapping[str, Sequence[Record]]) -> list[Plot]:
    """Return the plots of what tasks share, as far as it was logged."""
    plots = []
    rates = _lines_by_tasks(methods, "lr")
    if rates:
        colours = [line.colour for line in rates] if len(methods) > 1 else ["0.3"]
        rates = [Line(r.label or "lr", r.seeds, c) for r, c in zip(rates, colours, strict=True)]
        plots.append(Plot("learning rate", rates))
    for kind, heading in _SHARED.items():
        lines = _lines_by_tasks(methods, kind)
        if lines:
            is_log = kind == "norm" and _are_positive(lines)
            has_legend = len(lines) <= LEGEND_UP_TO
            plots.append(Plot(heading, lines, is_log=is_log, has_legend=has_legend))
    return plots


def _lines_by_tasks(methods: Mapping[str, Sequence[Record]], kind: str) -> list[Line]:
    """Return a line for each method and each curve of a kind, called by method and tasks."""
    seeds: dict[str, list[Curve]] = {}
    for method, records in methods.items():
        for record in records:
            for name in record.curves:
                first, *tasks = name.split("/")
                if first == kind:
                    label = _label(method, tasks, kind)
                    seeds.setdefault(label, []).append(_curve(record, name))
    return [Line(label, curves, _colour(n)) for n, (label, curves) in enumerate(seeds.items())]


def _label(method: str, tasks: Sequence[str], kind: str) -> str:
    """Return what a line is called: what there is of its method and its tasks."""
    names = [method, *tasks]
    if kind == AUXILIARY and not tasks:
        names.append("of no task")
    return " · ".join(filter(None, names))


def _phase_marks(records: Sequence[Record]) -> list[Mark]:
    """Return where phases begin, before the first epoch that ended in them."""
    begins: set[float] = set()
    for record in records:
        phases = record.curves.get(PHASE, [])
        for epoch, (before, now) in enumerate(pairwise(phases), start=1):
            if before != now:
                begins.add(epoch + 0.5)
    return [Mark(begin, ":", "a phase begins") for begin in sorted(begins)]


def _colour(number: int) -> str:
    return _CYCLE[number % len(_CYCLE)]


def _curve(record: Record, name: str, info: MetricInfo | None = None) -> Curve:
    """Return a curve, of a metric in percent if that is its unit."""
    values = record.curves.get(name, [])
    if info is None or not info.percent:
        return values
    return [None if value is None else 100 * value for value in values]


def _heading(task: str, metric: str, info: MetricInfo) -> str:
    unit = " %" if info.percent else ""
    arrow = "↑" if info.higher_is_better else "↓"
    return f"{task}: {metric}{unit} {arrow}"


def _primary_first(metrics: Mapping[str, MetricInfo]) -> list[tuple[str, MetricInfo]]:
    return sorted(metrics.items(), key=lambda item: not item[1].primary)


def _are_positive(lines: Sequence[Line]) -> bool:
    values = [value for line in lines for curve in line.seeds for value in curve]
    return all(value > 0 for value in values if value is not None)
