"""Columns of what a network costs, and of what its training took."""

from __future__ import annotations

from typing import Any, Final

from benchbed.records.cost_sum import EVERYTHING, MAC_CONVENTION
from benchbed.report.leaderboard import Leaderboard
from benchbed.report.row import Row
from benchbed.report.table.column import Column
from benchbed.report.table.groups import SIZE, SPEED, TRAINING
from benchbed.report.table.kinds import COUNT, TEXT, decimal


def cost_columns(board: Leaderboard) -> list[Column[Any]]:
    """Return parameters, multiply-adds, step time, and what training took.

    Where a row has operators that multiply-adds leave out, a column names them.
    """
    columns: list[Column[Any]] = [
        PARAMETERS,
        MACS,
        _step_time(board),
        STEPS,
        SAMPLES,
        TRAINING_MACS,
    ]
    if any(map(_uncounted, board.rows)):
        columns.append(UNCOUNTED)
    return columns


def _macs(row: Row) -> int | None:
    """Return a row's multiply-adds, none where nothing could be counted."""
    if row.costs is None or EVERYTHING in row.costs.uncounted:
        return None
    return row.costs.macs.all_tasks


def _uncounted(row: Row) -> str | None:
    """Return the operators without a formula; records of fvcore's time list harmless ones too.

    Those have no dot in their names.
    """
    found = row.costs.uncounted if row.costs else []
    named = [name for name in found if "." in name or name == EVERYTHING]
    return " ".join(named) or None


PARAMETERS: Final = Column(
    id="parameters",
    group=SIZE,
    title="params",
    kind=COUNT,
    value=lambda row: row.costs.parameters.total if row.costs else None,
    direction="lower",
)
MACS: Final = Column(
    id="macs",
    group=SIZE,
    title="MACs",
    kind=COUNT,
    value=_macs,
    direction="lower",
    notes=(f"MACs: {MAC_CONVENTION}.",),
)
UNCOUNTED: Final = Column(
    id="uncounted",
    group=SIZE,
    title="not in MACs",
    kind=TEXT,
    value=_uncounted,
    by_default=False,
)
STEPS: Final = Column(
    id="optimizer_steps",
    group=TRAINING,
    title="steps",
    kind=COUNT,
    value=lambda row: row.optimizer_steps,
    direction="lower",
    priority=10,
)
SAMPLES: Final = Column(
    id="samples",
    group=TRAINING,
    title="samples",
    kind=COUNT,
    value=lambda row: row.samples,
    direction="lower",
    by_default=False,
)
TRAINING_MACS: Final = Column(
    id="training_macs",
    group=TRAINING,
    title="train MACs",
    heading=("train", "MACs"),
    kind=COUNT,
    value=lambda row: None if _macs(row) is None else row.training_macs,
    direction="lower",
    notes=("Training MACs: all passes, a backward pass counted as two forward passes.",),
    priority=20,
)


def _step_time(board: Leaderboard) -> Column[float]:
    device = board.step_device
    note = f"Step time: median training step, measured alone on {device}."
    return Column(
        id="step_ms",
        group=SPEED,
        title="step",
        kind=decimal(2),
        value=lambda row: row.step_ms,
        unit="ms",
        direction="lower",
        notes=(note,) if device else (),
        priority=30,
    )
