"""The table: columns, rows, and what a reader must know of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from benchbed.records.record import MetricInfo
from benchbed.report.row import Row
from benchbed.report.table.column import Cell, Column
from benchbed.report.table.groups import GROUPS, Group
from benchbed.report.table.source import Source


@dataclass(frozen=True, slots=True)
class Table:
    """A leaderboard, ready to be written.

    Attributes:
        columns: all of them, in their order; the first has the methods' names.
        rows: one a method, in their order.
        metrics: direction, role and display of every metric, by task.
        source: where its numbers are from.
        caption: the lines below it that say how to read it, ``notes`` included.
        notes: what a reader must know of the records.
    """

    columns: tuple[Column[Any], ...]
    rows: tuple[Row, ...]
    metrics: Mapping[str, Mapping[str, MetricInfo]]
    source: Source
    caption: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def main(self) -> tuple[Column[Any], ...]:
        """The columns that a table for people has without being asked."""
        return tuple(c for c in self.columns if c.by_default and not c.group.apart)

    def apart(self) -> list[tuple[Group, Table]]:
        """Return the tables beside the main one: of each such group the rows that have values."""
        method = self.columns[0]
        found: list[tuple[Group, Table]] = []
        for group in GROUPS:
            columns = [column for column in self.columns if column.group == group]
            if group.apart and columns:
                rows = [row for row in self.rows if _has_any(row, columns)]
                part = replace(self, columns=(method, *columns), rows=tuple(rows))
                found.append((group, part))
        return found

    def cells(self, column: Column[Any]) -> list[Cell[Any]]:
        """Return a column's cells, one a row."""
        return [
            column.cell(row, place)
            for row, place in zip(self.rows, self._places(column), strict=True)
        ]

    def _places(self, column: Column[Any]) -> list[int]:
        """Return 1 for the best and all equal to it, 2 for the next best, 0 for the others."""
        if not column.direction:
            return [0] * len(self.rows)
        values = [column.value(row) for row in self.rows]
        numbers = [None if value is None else column.kind.sort(value) for value in values]
        known = {number for number in numbers if isinstance(number, int | float)}
        ranked = sorted(known, reverse=column.direction == "higher")
        places: dict[object, int] = dict(zip(ranked, (1, 2), strict=False))
        return [places.get(number, 0) for number in numbers]


def _has_any(row: Row, columns: Iterable[Column[Any]]) -> bool:
    return any(column.value(row) is not None for column in columns)
