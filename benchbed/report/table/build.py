"""From a leaderboard to its table."""

from __future__ import annotations

from typing import Any, Final

from benchbed.report.leaderboard import Leaderboard
from benchbed.report.table.caption import caption_lines
from benchbed.report.table.column import Column
from benchbed.report.table.columns.costs import cost_columns
from benchbed.report.table.columns.delta import delta_columns
from benchbed.report.table.columns.gradients import gradient_columns
from benchbed.report.table.columns.plugins import plugin_columns
from benchbed.report.table.columns.runs import run_columns
from benchbed.report.table.columns.scores import score_columns
from benchbed.report.table.columns.source import source_columns
from benchbed.report.table.groups import METHOD
from benchbed.report.table.kinds import TEXT
from benchbed.report.table.model import Table
from benchbed.report.table.source import source_of

METHOD_COLUMN: Final = Column(
    id="method",
    group=METHOD,
    title="method",
    kind=TEXT,
    value=lambda row: row.name,
)


def table_of(board: Leaderboard) -> Table:
    """Return a leaderboard as a table, with all columns that there are."""
    own: tuple[Column[Any], ...] = (
        METHOD_COLUMN,
        *score_columns(board),
        *delta_columns(board),
        *cost_columns(board),
        *gradient_columns(board),
        *run_columns(board),
        *source_columns(board),
    )
    columns = (*own, *plugin_columns(board, own))
    source = source_of(board)
    return Table(
        columns=columns,
        rows=board.rows,
        metrics=board.metrics,
        source=source,
        caption=caption_lines(board, source, columns),
        notes=board.notes,
    )


def caption(board: Leaderboard) -> list[str]:
    """Return the lines that say how to read a leaderboard's table."""
    return list(table_of(board).caption)
