"""Columns of the tasks' metrics."""

from __future__ import annotations

from typing import Any, Final

from benchbed.records.record import MetricInfo
from benchbed.report.leaderboard import Leaderboard
from benchbed.report.row import Row, Stat
from benchbed.report.table.column import Column, Direction
from benchbed.report.table.groups import SCORES
from benchbed.report.table.kinds import statistic
from benchbed.report.table.numbers import Decimals

ARROWS: Final = {"higher": "↑", "lower": "↓"}
PERCENT: Final = Decimals(1, scale=100.0)
PLAIN: Final = Decimals(3)


def score_columns(board: Leaderboard) -> list[Column[Any]]:
    """Return a column a metric; without being asked, tables have the primary ones."""
    columns: list[Column[Any]] = []
    for task, infos in board.metrics.items():
        columns += [_score(task, metric, info, board) for metric, info in infos.items()]
    return columns


def _score(task: str, metric: str, info: MetricInfo, board: Leaderboard) -> Column[Any]:
    def value(row: Row) -> Stat | None:
        return row.tasks.get(task, {}).get(metric)

    direction: Direction = "higher" if info.higher_is_better else "lower"
    unit = "%" if info.percent else ""
    last = f"{unit} {ARROWS[direction]}".strip()
    return Column(
        id=f"{task}/{metric}",
        group=SCORES,
        title=f"{task} {metric}",
        heading=(task, metric, last),
        kind=statistic(PERCENT if info.percent else PLAIN),
        value=value,
        unit=unit,
        direction=direction,
        highlight=True,
        notes=(f"Mean ± standard deviation over seeds on the {board.split} split.",),
        by_default=info.primary,
        key=("tasks", task, metric),
    )
