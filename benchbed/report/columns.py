"""Leaderboard columns that plugins add."""

from __future__ import annotations

from dataclasses import replace

from benchbed.basics.errors import one_line
from benchbed.discovery.registry import Registry
from benchbed.report.leaderboard import Leaderboard


def add_columns(board: Leaderboard, registry: Registry) -> Leaderboard:
    """Return the leaderboard with the columns of every ``benchbed_leaderboard_columns`` hook."""
    arguments = {
        "protocol": board.protocol.id,
        "methods": tuple(row.method for row in board.rows),
    }
    extra: dict[str, dict[str, object]] = {row.method: {} for row in board.rows}
    notes: list[str] = []
    for function, accepted in registry.observers("benchbed_leaderboard_columns"):
        try:
            for title, values in dict(function(**{a: arguments[a] for a in accepted})).items():
                for method, value in dict(values).items():
                    if method in extra:
                        extra[method][str(title)] = value
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            notes.append(f"A plugin's columns are missing: {one_line(error)}.")
    rows = tuple(replace(row, extra=extra[row.method]) for row in board.rows)
    return replace(board, rows=rows, notes=(*board.notes, *notes))
