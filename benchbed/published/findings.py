"""Disagreements between tables and editions, and values far off their column."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from benchbed.published.cells import Cell, Printed
from benchbed.published.library import Library
from benchbed.published.table import DELTA, Row, Table

TIMES: Final = 3.0
"""An outlier is at least this many times above or below its column's median …"""
DEVIATIONS: Final = 6.0
"""… and that many robust standard deviations off, on a logarithmic scale."""
FEWEST: Final = 4
"""Values that a column needs before one of them can be an outlier."""
_TO_SIGMA: Final = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""


Value = tuple[Printed, tuple[str, ...]]
"""A printed value with the places that print it."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a number is of: one metric (or cost, or Δm) of one net on one data set."""

    work: str
    key: str
    backbone: str
    dataset: str
    column: str

    def __str__(self) -> str:
        net = f"{self.key} ({self.backbone})" if self.backbone else self.key
        return f"{self.column} of {net} on {self.dataset}"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One quantity printed with different values.

    Attributes:
        values: each printed value with the places that print it.
        padded: whether the values agree once trailing zeros count as padding (65.71 printed as
            65.70 by way of 65.7).
    """

    quantity: Quantity
    values: tuple[Value, ...]
    padded: bool

    def __str__(self) -> str:
        shown = [f"{value} ({', '.join(places)})" for value, places in self.values]
        return f"{self.quantity}: {' / '.join(shown)}"


@dataclass(frozen=True, slots=True)
class Outlier:
    """A value far off the other values of its column."""

    table: Table
    row: Row
    column: str
    value: Printed
    median: float

    def __str__(self) -> str:
        return (
            f"{self.table.id}: {self.column} of {self.row.name} is {self.value}; the column's "
            f"median is {self.median:g}"
        )


def disagreements(library: Library, tables: Iterable[str] | None = None) -> list[Disagreement]:
    """Find quantities that are printed with values which cannot be roundings of one number.

    Args:
        library: all tables, and claims about single cells.
        tables: ids; only disagreements in which one of them takes part. All by default.
    """
    wanted = None if tables is None else set(tables)
    found: list[Disagreement] = []
    for quantity, entries in _quantities(library).items():
        values = [value for value, _ in entries]
        if not _differ(values):
            continue
        # a place is a table's id, or a paper's id and "text"
        sources = {place.split()[0] for _, place in entries}
        if wanted is not None and wanted.isdisjoint(sources):
            continue
        padded = not _differ([value.without_padding() for value in values])
        found.append(Disagreement(quantity, _by_value(entries), padded))
    return found


def _by_value(entries: Iterable[tuple[Printed, str]]) -> tuple[Value, ...]:
    """Return each value as it is printed, with all places that print it."""
    values: dict[str, Printed] = {}
    places: dict[str, list[str]] = {}
    for value, place in entries:
        values.setdefault(str(value), value)
        places.setdefault(str(value), []).append(place)
    return tuple((value, tuple(places[text])) for text, value in values.items())


def outliers(table: Table) -> list[Outlier]:
    """Find values of metrics far off their column: by ratio to its median and by its MAD."""
    datasets = list(dict.fromkeys(row.dataset for row in table.rows))
    found: list[Outlier] = []
    for name, column in table.columns.items():
        if column.kind != "metric":
            continue
        for dataset in datasets:
            rows = [row for row in table.rows if row.dataset == dataset]
            found += _outliers(table, name, rows)
    return found


def _outliers(table: Table, column: str, rows: Iterable[Row]) -> Iterator[Outlier]:
    """Yield the outliers among some rows of a column."""
    cells: list[tuple[Row, Printed]] = []
    for row in rows:
        cell = row.cells.get(column)
        if isinstance(cell, Printed):
            cells.append((row, cell))
    for row, cell, median in _far_off(cells):
        yield Outlier(table, row, column, cell, median)


def _far_off(cells: list[tuple[Row, Printed]]) -> Iterator[tuple[Row, Printed, float]]:
    values = [float(cell.number) for _, cell in cells]
    if len(values) < FEWEST or min(values) <= 0:
        return
    # ratios matter, not differences, so all is measured on a logarithmic scale
    logs = [math.log(value) for value in values]
    middle = statistics.median(logs)
    deviation = statistics.median(abs(log - middle) for log in logs)
    spread = _TO_SIGMA * deviation
    limit = max(math.log(TIMES), DEVIATIONS * spread)
    for (row, cell), log in zip(cells, logs, strict=True):
        if abs(log - middle) > limit:
            yield row, cell, math.exp(middle)


def _differ(values: list[Printed]) -> bool:
    return any(one.differs_from(other) for one, other in combinations(values, 2))


def _quantities(library: Library) -> dict[Quantity, list[tuple[Printed, str]]]:
    """Return all printed numbers by what they are of, each with the place that prints it."""
    found: dict[Quantity, list[tuple[Printed, str]]] = {}
    for quantity, cell, place in _cells(library):
        if isinstance(cell, Printed):
            found.setdefault(quantity, []).append((cell, place))
    return found


def _cells(library: Library) -> Iterator[tuple[Quantity, Cell | None, str]]:
    for table in library.tables.values():
        for row in table.rows:
            for column, cell in row.cells.items():
                yield _quantity(table, row, column), cell, table.id
            yield _quantity(table, row, DELTA), row.delta_m, table.id
    for claim in library.claims:
        if claim.check == "cell":
            table, row = library.row(claim.left)
            yield _quantity(table, row, claim.right), claim.printed, f"{claim.paper} text"


def _quantity(table: Table, row: Row, column: str) -> Quantity:
    return Quantity(table.work, row.key, row.backbone, row.dataset, column)
