"""A leaderboard as a DataFrame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from benchbed.report.leaderboard import Leaderboard
from benchbed.report.row import Row
from benchbed.report.table.build import table_of
from benchbed.report.table.column import Column
from benchbed.report.table.model import Table

if TYPE_CHECKING:
    import pandas as pd

LARGEST: Final = 2**63
"""The first count that pandas' whole numbers cannot hold."""


def to_frame(board: Leaderboard) -> pd.DataFrame:
    """Return one row a method, numbers unrounded, metrics in their own unit."""
    import pandas as pd

    table = table_of(board)
    columns = [_FrameColumn(column) for column in table.columns]
    lines = [_line(columns, row) for row in table.rows]
    types = {field: _count_type(lines, field) for field in _counts(table)}
    return pd.DataFrame(lines).astype(types)


class _FrameColumn:
    """A column with the names of its fields, which every row needs."""

    def __init__(self, column: Column[Any]) -> None:
        self.value = column.value
        self.parts = dict(zip(column.fields, column.kind.fields.values(), strict=True))
        self.nothing = {} if column.sparse else dict.fromkeys(column.fields)

    def fields(self, row: Row) -> dict[str, Any]:
        """Return what it has of a row, by field."""
        value = self.value(row)
        if value is None:
            return self.nothing
        return {field: part(value) for field, part in self.parts.items()}


def _line(columns: Iterable[_FrameColumn], row: Row) -> dict[str, Any]:
    line: dict[str, Any] = {}
    for column in columns:
        line |= column.fields(row)
    return line


def _counts(table: Table) -> list[str]:
    """Return the fields that hold whole numbers, some of which may be missing."""
    counts = [column.fields for column in table.columns if column.kind.whole]
    return list(chain.from_iterable(counts))


def _count_type(lines: Iterable[Mapping[str, Any]], field: str) -> str:
    """Return pandas' type for a field of counts, some of which may be missing."""
    fits = all((line.get(field) or 0) < LARGEST for line in lines)
    return "Int64" if fits else "Float64"
