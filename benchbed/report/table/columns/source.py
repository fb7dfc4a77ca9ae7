"""Columns that say in each row where its numbers are from."""

from __future__ import annotations

from typing import Any, Final

from benchbed.report.leaderboard import Leaderboard
from benchbed.report.table.column import Column, Kind
from benchbed.report.table.groups import SOURCE
from benchbed.report.table.kinds import TEXT, itself
from benchbed.report.table.shown import Shown
from benchbed.report.table.source import stated

STATED: Final[Kind[Any]] = Kind(
    show=lambda value: Shown(str(value)),
    sort=itself,
    fields={"": itself},
    plain=None,
)
"""What all rows have in common; JSON says it once."""
REFERENCE: Final = Column(
    id="delta_m reference",
    group=SOURCE,
    title="reference",
    kind=TEXT,
    value=lambda row: row.reference,
    by_default=False,
    key=("reference",),
)


def source_columns(board: Leaderboard) -> list[Column[Any]]:
    """Return what the table states, a column each, with each row's own reference."""
    common = [_common(name, value) for name, value in stated(board).items()]
    return [REFERENCE if column.id == REFERENCE.id else column for column in common]


def _common(name: str, value: object) -> Column[Any]:
    return Column(
        id=name,
        group=SOURCE,
        title=name,
        kind=STATED,
        value=lambda row: value,
        by_default=False,
    )
