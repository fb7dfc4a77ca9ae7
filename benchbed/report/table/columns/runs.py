"""Columns of the runs that a row sums up: seeds, what failed or is missing, trust."""

from __future__ import annotations

from typing import Any, Final

from benchbed.report.leaderboard import Leaderboard
from benchbed.report.row import Row
from benchbed.report.table.column import IN_NOTES, Column, Kind
from benchbed.report.table.groups import RUNS
from benchbed.report.table.kinds import TEXT, WHOLE
from benchbed.report.table.notes import by_method
from benchbed.report.table.numbers import human
from benchbed.report.table.shown import Shown


def run_columns(board: Leaderboard) -> list[Column[Any]]:
    """Return seeds, failed and missing ones, and the trust tier."""
    return [_seeds(board), SEED_NUMBERS, FAILED, MISSING, _tier(board)]


def _seeds(board: Leaderboard) -> Column[Row]:
    budget = f"Budget: {board.protocol.epochs} epochs; samples drawn for one seed"
    return Column(
        id="seeds",
        group=RUNS,
        title="seeds",
        kind=Kind(
            show=_show_seeds,
            sort=_count_seeds,
            fields={"": _count_seeds},
            plain=_count_seeds,
        ),
        value=lambda row: row,
        notes=(
            by_method("Seeds for each method", board.rows, lambda row: str(_show_seeds(row))),
            by_method(budget, board.rows, lambda row: human(row.samples)),
        ),
        priority=IN_NOTES,
    )


def _count_seeds(row: Row) -> int:
    return len(row.seeds)


def _show_seeds(row: Row) -> Shown:
    marks: list[str] = []
    if row.failed:
        marks.append(f"{row.failed} failed")
    if row.missing:
        marks.append(f"{row.missing} missing")
    return Shown(str(len(row.seeds)), mark=", ".join(marks))


def _tier(board: Leaderboard) -> Column[str]:
    head = "Trust tier, the lowest of a method's records"
    return Column(
        id="tier",
        group=RUNS,
        title="trust tier",
        kind=TEXT,
        value=lambda row: row.tier,
        notes=(by_method(head, board.rows, lambda row: row.tier),),
        by_default=False,
    )


SEED_NUMBERS: Final[Column[tuple[int, ...]]] = Column(
    id="seed_numbers",
    group=RUNS,
    title="seed numbers",
    kind=Kind(
        show=lambda seeds: Shown(", ".join(map(str, seeds))),
        sort=len,
        fields={},
        plain=list,
    ),
    value=lambda row: row.seeds,
    by_default=False,
)
FAILED: Final = Column(
    id="failed",
    group=RUNS,
    title="failed",
    kind=WHOLE,
    value=lambda row: row.failed,
    direction="lower",
    by_default=False,
)
MISSING: Final = Column(
    id="missing",
    group=RUNS,
    title="missing",
    kind=WHOLE,
    value=lambda row: row.missing,
    direction="lower",
    by_default=False,
)
