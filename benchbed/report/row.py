"""One method's line of a leaderboard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchbed.records.record import Costs, Tier
from benchbed.records.row_id import RowId
from benchbed.report.standing import Standing
from benchbed.report.statistics.intervals import Difference


@dataclass(frozen=True, slots=True)
class Stat:
    """Mean, sample deviation and number of seeds; one seed has no deviation.

    ``low``, ``high``: the 95 % t interval of the mean, where there are two seeds or more.
    """

    mean: float
    std: float | None
    n: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One method's line.

    Attributes:
        method: its canonical name.
        seeds: seeds that count, all runs of which exist.
        failed: seeds with a run that failed; ``missing``: other seeds of the table that it lacks.
        standing: what follows from Δm, also of the reference itself; ``None`` where it cannot be
            computed, and ``delta_note`` then says why.
        reference: the row that Δm refers to, by name: the baseline with the same backbone that
            started from the same, or the one chosen; its own name for such a baseline.
        tier: the lowest trust tier of its records.
        cosines: of the tasks' gradients by pair, ``a·b``: each seed's mean over the epochs, where
            runs logged them.
        extra: what plugins say of it, by the title of their column.
        pretrained: the SHA-256 of the weights that its runs began with; empty: from scratch.
    """

    method: str
    seeds: tuple[int, ...]
    tasks: Mapping[str, Mapping[str, Stat]]
    standing: Standing | None
    delta_note: str
    reference: str
    costs: Costs | None
    step_ms: float | None
    optimizer_steps: int | None
    samples: int | None
    training_macs: int | None
    failed: int
    missing: int
    step_device: str = ""
    tier: Tier | None = None
    cosines: Mapping[str, Stat] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    pretrained: str = ""

    @property
    def name(self) -> str:
        """The method, marked where its runs began with given weights; no other row has it."""
        return RowId.of(self).name

    @property
    def is_baseline(self) -> bool:
        """Whether Δm refers to the row itself."""
        return self.reference == self.name

    @property
    def delta_m(self) -> Difference | None:
        """Δm with its interval; ``None`` for the reference and where there is none."""
        return None if self.is_baseline or self.standing is None else self.standing.delta
