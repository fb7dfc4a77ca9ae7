"""Columns of what was logged of the tasks' gradients."""

from __future__ import annotations

from typing import Any, Final

from benchbed.report.leaderboard import Leaderboard
from benchbed.report.table.column import Column
from benchbed.report.table.groups import GRADIENTS
from benchbed.report.table.kinds import statistic
from benchbed.report.table.numbers import Decimals

COSINE: Final = Decimals(2, sign="+")


def gradient_columns(board: Leaderboard) -> list[Column[Any]]:
    """Return the cosines of the gradients of each pair of tasks, where any row has them."""
    pairs: dict[str, None] = {}
    for row in board.rows:
        pairs |= dict.fromkeys(row.cosines)
    return [_cosine(pair) for pair in pairs]


def _cosine(pair: str) -> Column[Any]:
    return Column(
        id=f"cosine {pair}",
        group=GRADIENTS,
        title=pair,
        kind=statistic(COSINE, fields=["mean"]),
        value=lambda row: row.cosines.get(pair),
        key=("cosines", pair),
        sparse=True,
    )
