"""The figure of a record's training curves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchbed.basics.texts import wrap
from benchbed.contracts.drawing import legend_shape, new_figure, set_title
from benchbed.records.record import MetricInfo, Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Lines = Mapping[str, Sequence[float | None]]
WIDTH: Final = 3.0
HEIGHT: Final = 2.1
"""Of one plot, in inches."""
TRAIN: Final = "tab:blue"
VALIDATION: Final = "tab:orange"
LEGEND_UP_TO: Final = 12
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
    shared = _shared(record.curves)
    columns = max(len(shared), *(1 + len(_metrics(record, task)) for task in record.tasks), 2)
    heights = [HEIGHT] * len(record.tasks) + [HEIGHT + 0.13 * _legend_lines(shared)]
    figure = new_figure(columns * WIDTH, sum(heights) + 0.5)
    grid = figure.add_gridspec(len(heights), columns, height_ratios=heights)
    for row, task in enumerate(record.tasks):
        _losses(figure.add_subplot(grid[row, 0]), record, task)
        for column, (metric, info) in enumerate(_metrics(record, task), start=1):
            _metric(figure.add_subplot(grid[row, column]), record, task, metric, info)
    for column, (heading, lines) in enumerate(shared.items()):
        axes = figure.add_subplot(grid[-1, column])
        if heading == "gradient norms" and all(v is None or v > 0 for v in _flat(lines.values())):
            axes.set_yscale("log")
        colours = None if heading == "learning rate" else [f"C{i}" for i in range(10)]
        _plot(axes, record, heading, lines, colours)
        if _has_legend(heading, lines):
            axes.legend(
                handles=axes.lines[:-1],
                ncols=legend_shape(list(lines), WIDTH)[1],
                loc="upper center",
                bbox_to_anchor=(0.5, -0.2),
                fontsize=6,
                frameon=False,
            )
    handles = figure.axes[0].lines
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=7)
    set_title(figure, title)
    return figure


def _metrics(record: Record, task: str) -> list[tuple[str, MetricInfo]]:
    """Return a task's metrics, the primary one first."""
    return sorted(record.metrics[task].items(), key=lambda item: not item[1].primary)


def _shared(curves: Lines) -> dict[str, dict[str, Sequence[float | None]]]:
    found: dict[str, dict[str, Sequence[float | None]]] = {}
    if "lr" in curves:
        found["learning rate"] = {"lr": curves["lr"]}
    for prefix, heading in _SHARED.items():
        lines = {
            name.removeprefix(prefix).replace("/", " · "): values
            for name, values in curves.items()
            if name.startswith(prefix)
        }
        if lines:
            found[heading] = lines
    return found


def _has_legend(heading: str, lines: Lines) -> bool:
    return heading != "learning rate" and len(lines) <= LEGEND_UP_TO


def _legend_lines(shared: Mapping[str, Lines]) -> int:
    wanted = [list(lines) for heading, lines in shared.items() if _has_legend(heading, lines)]
    return max((legend_shape(labels, WIDTH)[0] for labels in wanted), default=0)


def _losses(axes: Axes, record: Record, task: str) -> None:
    names = {"training": f"train/{task}/loss", "validation": f"validation/{task}/loss"}
    lines = {label: record.curves.get(name, []) for label, name in names.items()}
    _plot(axes, record, f"{task}: loss", lines, [TRAIN, VALIDATION])


def _metric(axes: Axes, record: Record, task: str, metric: str, info: MetricInfo) -> None:
    values = record.curves.get(f"validation/{task}/{metric}", [])
    factor = 100 if info.percent else 1
    scaled = [None if value is None else factor * value for value in values]
    unit = " %" if info.percent else ""
    arrow = "↑" if info.higher_is_better else "↓"
    heading = f"{task}: {metric}{unit} {arrow}"
    _plot(axes, record, heading, {"validation": scaled}, [VALIDATION], bold=info.primary)


def _plot(
    axes: Axes,
    record: Record,
    heading: str,
    lines: Lines,
    colours: Sequence[str] | None,
    *,
    bold: bool = False,
) -> None:
    """Draw lines over epochs; what was not logged, or not finite, is a gap."""
    epochs = max([record.budget.epochs, *map(len, lines.values())])
    for number, (label, values) in enumerate(lines.items()):
        axes.plot(
            range(1, len(values) + 1),
            [math.nan if value is None else value for value in values],
            color=colours[number % len(colours)] if colours else "0.3",
            label=label,
            linewidth=1.2,
            marker=".",
            markersize=3,
        )
    axes.axvline(
        record.selected_epoch,
        color="0.4",
        linestyle="--",
        linewidth=0.9,
        label=f"selected: epoch {record.selected_epoch}",
    )
    axes.set_title(wrap(heading, 34), fontsize=8, fontweight="bold" if bold else "normal")
    margin = 0.03 * epochs
    axes.set_xlim(1 - margin, epochs + margin)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.tick_params(labelsize=6)
    if axes.get_yscale() == "linear":
        axes.ticklabel_format(axis="y", scilimits=(-3, 4))
        axes.yaxis.get_offset_text().set_fontsize(6)
    axes.grid(linewidth=0.4, alpha=0.4)
    axes.set_xlabel("epoch", fontsize=6)


def _flat(rows: Iterable[Sequence[float | None]]) -> list[float | None]:
    return [value for row in rows for value in row]
