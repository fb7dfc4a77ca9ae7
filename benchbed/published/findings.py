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
    values: tuple[tuple[Printed, tuple[str, ...]], ...]
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
        if wanted is not None and not wanted & {place.split()[0] for _, place in entries}:
            continue
        places: dict[str, tuple[Printed, list[str]]] = {}
        for value, place in entries:
            places.setdefault(str(value), (value, []))[1].append(place)
        padded = not _differ([value.without_padding() for value in values])
        grouped = tuple((value, tuple(names)) for value, names in places.values())
        found.append(Disagreement(quantity, grouped, padded))
    return found


def outliers(table: Table) -> list[Outlier]:
    """Find values of metrics far off their column: by ratio to its median and by its MAD."""
    found: list[Outlier] = []
    for name, column in table.columns.items():
        if column.kind != "metric":
            continue
        for dataset in {row.dataset: None for row in table.rows}:
            cells = [
                (row, cell)
                for row in table.rows
                if row.dataset == dataset and isinstance(cell := row.cells.get(name), Printed)
            ]
            found += [
                Outlier(table, row, name, cell, median) for row, cell, median in _far_off(cells)
            ]
    return found


def _far_off(cells: list[tuple[Row, Printed]]) -> Iterator[tuple[Row, Printed, float]]:
    values = [float(cell.number) for _, cell in cells]
    if len(values) < FEWEST or min(values) <= 0:
        return
    logs = [math.log(value) for value in values]
    middle = statistics.median(logs)
    spread = 1.4826 * statistics.median(abs(log - middle) for log in logs)
    limit = max(math.log(TIMES), DEVIATIONS * spread)
    for (row, cell), log in zip(cells, logs, strict=True):
        if abs(log - middle) > limit:
            yield row, cell, math.exp(middle)


def _differ(values: list[Printed]) -> bool:
    return any(one.differs_from(other) for one, other in combinations(values, 2))


def _quantities(library: Library) -> dict[Quantity, list[tuple[Printed, str]]]:
    found: dict[Quantity, list[tuple[Printed, str]]] = {}

    def put(table: Table, row: Row, column: str, cell: Cell | None, place: str) -> None:
        if isinstance(cell, Printed):
            work = table.paper.work or table.paper.id
            quantity = Quantity(work, row.key, row.backbone, row.dataset, column)
            found.setdefault(quantity, []).append((cell, place))

    for table in library.tables.values():
        for row in table.rows:
            for column, cell in row.cells.items():
                put(table, row, column, cell, table.id)
            put(table, row, DELTA, row.delta_m, table.id)
    for claim in library.claims:
        if claim.check == "cell":
            table, row = library.row(claim.left)
            put(table, row, claim.right, claim.printed, f"{claim.paper} text")
    return found
