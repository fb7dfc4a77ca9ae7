"""The lines below a table that say how to read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from benchbed.contracts.derived import is_derived
from benchbed.report.leaderboard import Leaderboard
from benchbed.report.table.column import Column
from benchbed.report.table.groups import GROUPS
from benchbed.report.table.source import Source


def caption_lines(
    board: Leaderboard, source: Source, columns: Iterable[Column[Any]]
) -> tuple[str, ...]:
    """Return how to read a leaderboard, first of all rows, then of single ones."""
    return (
        *_origin(source),
        *_try_of(board),
        *_explanations(list(columns)),
        *_rows_without_delta_m(board),
        *_rows_with_another_reference(board),
        *_rows_without_interval(board),
        *board.notes,
    )


def _origin(source: Source) -> Iterator[str]:
    yield f"Protocol {source.protocol}, digest {source.digest[:12]}."
    yield f"Model selection: {source.selection}."
    if source.on_test:
        yield (
            "! Models were selected on the test split itself: scores are too good, as in papers."
        )


def _try_of(board: Leaderboard) -> Iterator[str]:
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
