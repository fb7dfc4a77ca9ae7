"""Δm of printed cells, and the interval that their rounding allows, in exact arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import cast

from benchbed.contracts.delta import Definition, Directions, Scores, delta_m, relative_gain
from benchbed.published.cells import Printed, TableError
from benchbed.published.paper import Column

Pair = tuple[Fraction, Fraction]
"""A metric's value and its baseline's."""


@dataclass(frozen=True, slots=True)
class DeltaRange:
    """Δm in percent, positive is better: of the printed cells, and the least and most allowed.

    All three are exact.
    """

    low: Fraction
    value: Fraction
    high: Fraction


def entering(columns: Mapping[str, Column], definition: Definition) -> dict[str, Column]:
    """Return the metrics that enter Δm under a definition.

    Raises:
        TableError: a task has several metrics, but not one primary one.
    """
    metrics = {name: column for name, column in columns.items() if column.kind == "metric"}
    if definition != "primary":
        return metrics
    of_task: dict[str, list[str]] = {}
    for name in metrics:
        of_task.setdefault(_task(name), []).append(name)
    chosen: dict[str, Column] = {}
    for task, names in of_task.items():
        primary = names
        if len(names) > 1:
            primary = [name for name in names if metrics[name].primary]
        if len(primary) != 1:
            raise TableError(
                f"of the metrics of '{task}' {len(primary)} are primary; mark one with "
                "primary = true"
            )
        (name,) = primary
        chosen[name] = metrics[name]
    return chosen


def delta_range(
    scores: Mapping[str, Printed],
    baseline: Mapping[str, Printed],
    columns: Mapping[str, Column],
    definition: Definition = "primary",
) -> DeltaRange:
    """Return Δm over the box of all values that round to the printed ones.

    A relative gain is monotone in each of its two cells, and no two gains share a cell; so the
    extremes of Δm lie at corners of the box, and each metric's corner is found by itself.

    Args:
        scores: the row's cells by ``task/metric``.
        baseline: the baseline's.
        columns: directions of the metrics that enter, see :func:`entering`.
        definition: of Δm.

    Raises:
        TableError: a baseline's cell may be 0 within its rounding.
        BenchbedError: no metric enters.
    """
    printed: dict[str, Pair] = {}
    worst: dict[str, Pair] = {}
    best: dict[str, Pair] = {}
    for name, column in columns.items():
        printed[name] = scores[name].exact, baseline[name].exact
        worst[name], best[name] = _extremes(name, scores[name], baseline[name], column)
    return DeltaRange(
        low=_delta(worst, columns, definition),
        value=_delta(printed, columns, definition),
        high=_delta(best, columns, definition),
    )


def _extremes(name: str, score: Printed, base: Printed, column: Column) -> tuple[Pair, Pair]:
    least, most = base.bounds
    if least <= 0 <= most:
        raise TableError(f"the baseline's {name}, {base}, may be 0 within its rounding")

    def gain(pair: Pair) -> float:
        return relative_gain(*pair, higher_is_better=column.higher_is_better)  # type: ignore[arg-type]

    corners = sorted(product(score.bounds, base.bounds), key=gain)
    return corners[0], corners[-1]


def _delta(
    pairs: Mapping[str, Pair], columns: Mapping[str, Column], definition: Definition
) -> Fraction:
    scores: dict[str, dict[str, Fraction]] = {}
    baseline: dict[str, dict[str, Fraction]] = {}
    higher: dict[str, dict[str, bool]] = {}
    for name, (score, base) in pairs.items():
        task, _, metric = name.partition("/")
        scores.setdefault(task, {})[metric] = score
        baseline.setdefault(task, {})[metric] = base
        higher.setdefault(task, {})[metric] = columns[name].higher_is_better
    # delta_m is typed for floats, but only divides and adds, so that fractions stay exact
    found = delta_m(
        cast("Scores", scores),
        cast("Scores", baseline),
        cast("Directions", higher),
        definition=definition,
    )
    return cast("Fraction", found)


def _task(name: str) -> str:
    return name.partition("/")[0]
