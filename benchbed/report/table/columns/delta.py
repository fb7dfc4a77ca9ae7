"""Columns of Δm and of what follows from it: ranks, gains of each task, chances."""

from __future__ import annotations

from typing import Any, Final

from benchbed.contracts.delta import DEFINITIONS
from benchbed.report.leaderboard import Leaderboard
from benchbed.report.row import Row
from benchbed.report.statistics.comparisons import Rank
from benchbed.report.statistics.gains import TaskGains
from benchbed.report.statistics.intervals import Difference
from benchbed.report.table.column import Column, Kind
from benchbed.report.table.groups import DELTA_M
from benchbed.report.table.kinds import Spread, decimal, plain_spread, statistic
from benchbed.report.table.numbers import Decimals
from benchbed.report.table.shown import Shown

SIGNED: Final = Decimals(2, sign="+z")
GAIN: Final = Decimals(1, sign="+z")
RANK_NOTE: Final = (
    "Rank: best – worst that the seeds allow. A method is before or behind another where the 95 % "
    "interval of their difference leaves zero out, pair by pair."
)


def delta_columns(board: Leaderboard) -> list[Column[Any]]:
    """Return Δm, the rank, and what the tasks contribute."""
    gains = [_gain(task) for task in board.metrics]
    return [_delta_m(board), _rank(board), *gains, WORST_TASK, TASKS_IMPROVED, IMPROVEMENT]


def _delta_m(board: Leaderboard) -> Column[Spread]:
    meaning = DEFINITIONS[board.definition]
    return Column(
        id="delta_m",
        group=DELTA_M,
        title=f"Δm {board.definition}",
        heading=("Δm %", board.definition, "↑ [95 %]"),
        brief_heading=("Δm %", board.definition, "↑ ± 95 %"),
        kind=statistic(SIGNED, interval=True, plain=_plain_delta),
        value=lambda row: row.delta_m,
        unit="%",
        direction="higher",
        highlight=True,
        relative=True,
        notes=(
            f"Δm: {meaning}, against {board.baseline}; positive is better.",
            "[]: 95 % t interval of Δm, which carries the reference's variance.",
        ),
        field="delta_m %",
    )


def _plain_delta(value: Difference) -> dict[str, Any]:
    return plain_spread(value) | {"p": value.p_value, "paired": value.paired}


def _rank(board: Leaderboard) -> Column[Rank]:
    ranks = board.ranks()
    return Column(
        id="rank",
        group=DELTA_M,
        title="rank",
        kind=Kind(
            show=_show_rank,
            sort=lambda rank: rank.best,
            fields={"": lambda rank: rank.best, " at worst": lambda rank: rank.worst},
            plain=lambda rank: {"best": rank.best, "worst": rank.worst},
            whole=True,
        ),
        value=lambda row: ranks.get(row.name),
        direction="lower",
        notes=(RANK_NOTE,),
        priority=80,
    )


def _show_rank(rank: Rank) -> Shown:
    """Return the ranks that the seeds allow: one, or from the best to the worst."""
    if rank.best == rank.worst:
        return Shown(str(rank.best))
    return Shown(f"{rank.best}–{rank.worst}")


# What the tasks contribute ----------------------------------------------------------------------


def _gain(task: str) -> Column[Spread]:
    def value(row: Row) -> Difference | None:
        gains = _gains(row)
        return None if gains is None else gains.gains[task]

    return Column(
        id=f"{task} gain",
        group=DELTA_M,
        title=f"{task} gain",
        kind=statistic(GAIN, interval=True, fields=["mean"]),
        value=value,
        unit="%",
        direction="higher",
        relative=True,
        by_default=False,
        field=f"{task} gain %",
        key=("gains", task),
    )


def _gains(row: Row) -> TaskGains | None:
    return row.standing.gains if row.standing else None


def _least(gains: TaskGains) -> float:
    """Return the gain of the task that gains least."""
    return gains.gains[gains.worst].mean


WORST_TASK: Final = Column(
    id="worst_task",
    group=DELTA_M,
    title="worst task",
    heading=("worst", "task"),
    kind=Kind(
        show=lambda gains: Shown(f"{gains.worst} {GAIN.show(_least(gains))}"),
        sort=_least,
        fields={"": lambda gains: gains.worst},
        plain=lambda gains: gains.worst,
    ),
    value=_gains,
    direction="higher",
    priority=40,
    field="worst task",
)
TASKS_IMPROVED: Final = Column(
    id="tasks_improved",
    group=DELTA_M,
    title="tasks improved",
    heading=("tasks", "improved"),
    kind=Kind(
        show=lambda gains: Shown(f"{len(gains.improved)} of {len(gains.gains)}"),
        sort=lambda gains: len(gains.improved),
        fields={"": lambda gains: len(gains.improved)},
        plain=lambda gains: list(gains.improved),
        whole=True,
    ),
    value=_gains,
    direction="higher",
    priority=50,
    field="tasks improved",
)
IMPROVEMENT: Final = Column(
    id="p_improvement",
    group=DELTA_M,
    title="P(improvement)",
    kind=decimal(2),
    value=lambda row: row.standing.improvement if row.standing else None,
    direction="higher",
    by_default=False,
    field="p(improvement)",
)
