"""A leaderboard as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from benchbed.records.record import MetricInfo
from benchbed.report.leaderboard import Leaderboard
from benchbed.report.row import Row
from benchbed.report.table.build import table_of
from benchbed.report.table.column import Column
from benchbed.report.table.model import Table

FIRST: Final = ("method", "seeds", "seed_numbers", "reference")
"""What a row begins with."""
LAST: Final = ("cosines", "extra")
"""What a row ends with, where there is any."""
EMPTY: Final[Mapping[str, Any]] = {"tasks": {}, "gains": None}
"""What stands for several columns of which a row has none; others are left out."""


def to_json(board: Leaderboard) -> str:
    """Return the table as JSON; numbers unrounded, what is missing is null."""
    table = table_of(board)
    columns = _ordered(table.columns)
    plain = {
        **_head(table),
        "rows": [_row(columns, row) for row in table.rows],
        "notes": list(table.notes),
    }
    source = table.source
    if source.records:
        plain["source"] = {"records": source.records, "reference": source.reference}
    return json.dumps(plain, indent=1, ensure_ascii=False) + "\n"


def harmless(value: object) -> object:
    """Return what JSON can hold of a cell: numbers that are not finite become null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: harmless(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [harmless(inner) for inner in value]
    return value


def _head(table: Table) -> dict[str, Any]:
    source = table.source
    other_split = {} if source.split == "test" else {"split": source.split}
    return {
        "protocol": source.protocol,
        "digest": source.digest,
        "selection": source.selection,
        **other_split,
        "epochs": source.epochs,
        "delta_m": {
            "definition": source.definition,
            "positive_is": "better",
            "baseline": source.baseline,
        },
        "macs": source.macs,
        "metrics": {task: _metrics(infos) for task, infos in table.metrics.items()},
    }


def _metrics(infos: Mapping[str, MetricInfo]) -> dict[str, Any]:
    return {
        name: {"higher_is_better": info.higher_is_better, "primary": info.primary}
        for name, info in infos.items()
    }


def _ordered(columns: Iterable[Column[Any]]) -> list[Column[Any]]:
    """Return the columns that JSON has, in its order."""
    present = [column for column in columns if column.kind.plain is not None]
    return sorted(present, key=_position)


def _position(column: Column[Any]) -> int:
    name = column.path[0]
    if name in FIRST:
        return FIRST.index(name) - len(FIRST)
    return 1 + LAST.index(name) if name in LAST else 0


def _row(columns: Sequence[Column[Any]], row: Row) -> dict[str, Any]:
    line: dict[str, Any] = {}
    for column in columns:
        value = column.value(row)
        name, *below = column.path
        if not below:
            line[name] = _plain(column, value)
        elif value is not None:
            _enter(line, column.path, _plain(column, value))
        elif name in EMPTY:
            line.setdefault(name, EMPTY[name])
    return line


def _plain(column: Column[Any], value: object) -> object:
    if value is None or column.kind.plain is None:
        return None
    return harmless(column.kind.plain(value))


def _enter(line: dict[str, Any], path: Sequence[str], value: object) -> None:
    """Put a value where its path leads."""
    *above, last = path
    for name in above:
        line[name] = line.get(name) or {}
        line = line[name]
    line[last] = value
