"""The lines below a table that say how to read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from benchbed.contracts.derived import is_derived
from benchbed.report.leaderboard import Leaderboard
from benchbed.report.table.column import Column
from benchbed.report.table.groups import GROUPS
from benchbed.report.table.source import Source

SELECTED_ON_TEST: Final = (
    "! Models were selected on the test split itself: scores are too good, as in papers."
)


def caption_lines(
    board: Leaderboard, source: Source, columns: Iterable[Column[Any]]
) -> tuple[str, ...]:
    """Return how to read a leaderboard, first of all rows, then of single ones."""
    return (
        *_origin(source),
        *_try_of(board),
        *_explanations(list(columns)),
        *_odd_rows(board),
        *board.notes,
    )


def odd_lines(board: Leaderboard) -> Iterator[str]:
    """Yield what is odd about a leaderboard, the gravest first."""
    if board.protocol.selection.rule == "paper-selection":
        yield SELECTED_ON_TEST
    yield from _rows_with_gaps(board)
    yield from _odd_rows(board)
    yield from board.notes


def _rows_with_gaps(board: Leaderboard) -> Iterator[str]:
    """Yield the rows that lack seeds; a table's columns or notes say the same."""
    gaps: list[str] = []
    for row in board.rows:
        lacking = {"failed": row.failed, "missing": row.missing}
        told = [f"{number} {what}" for what, number in lacking.items() if number]
        if told:
            gaps.append(f"{row.name} {', '.join(told)}")
    if gaps:
        yield f"Seeds: {'; '.join(gaps)}."


def _odd_rows(board: Leaderboard) -> Iterator[str]:
    yield from _rows_without_delta_m(board)
    yield from _rows_with_another_reference(board)
    yield from _rows_without_interval(board)


def _origin(source: Source) -> Iterator[str]:
    yield f"Protocol {source.protocol}, digest {source.digest[:12]}."
    yield f"Model selection: {source.selection}."
    if source.on_test:
        yield SELECTED_ON_TEST


def _try_of(board: Leaderboard) -> Iterator[str]:
    """Yield what a quick try is one of."""
    if is_derived(board.protocol):
        yield f"A quick try of {board.protocol.title}; no official leaderboard."


def _explanations(columns: Iterable[Column[Any]]) -> list[str]:
    """Return the columns' own notes, each once, by group."""
    found: dict[str, None] = {}
    for column in sorted(columns, key=lambda column: GROUPS.index(column.group)):
        found |= dict.fromkeys(column.notes)
    return list(found)


def _rows_without_delta_m(board: Leaderboard) -> Iterator[str]:
    for row in board.rows:
        is_reference = row.is_baseline and row.seeds
        if row.delta_m is None and not is_reference:
            yield f"{row.name}: no Δm ({row.delta_note})."


def _rows_with_another_reference(board: Leaderboard) -> Iterator[str]:
    compared = board.estimates()
    for row in board.rows:
        if row.standing is not None and row.name not in compared:
            yield f"{row.name}: Δm against {row.reference}, so not ranked with the others."


def _rows_without_interval(board: Leaderboard) -> Iterator[str]:
    unsure = [row.name for row in board.rows if row.delta_m and row.delta_m.low is None]
    if unsure:
        yield f"No interval and no rank, for lack of seeds: {', '.join(unsure)}."
