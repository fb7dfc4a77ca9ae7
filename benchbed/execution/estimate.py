"""About how long a plan takes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from benchbed.execution.planned import Plan
from benchbed.records.record import Record


def estimate_seconds(plan: Plan, jobs: int, records: Sequence[Record]) -> tuple[float, str] | None:
    """Return about how long the missing runs take, and what that is derived from.

    A method that has no record yet is taken to run as long as all others on average. ``None``
    where neither records nor the protocol tell anything.

    Args:
        plan: the plan.
        jobs: runs side by side.
        records: earlier records of the protocol.
    """
    by_method: dict[str, list[float]] = {}
    for record in records:
        by_method.setdefault(record.method, []).append(record.budget.seconds)
    means = {method: _mean(seconds) for method, seconds in by_method.items()}
    if by_method:
        usual = _mean(list(chain.from_iterable(by_method.values())))
        basis = "from earlier records"
    else:
        usual = plan.protocol.seconds_per_run
        basis = "from the protocol's own estimate"
    if not usual:
        return None
    missing = plan.missing
    total = sum(means.get(run.method, usual) for run in missing)
    side_by_side = max(1, min(jobs, len(missing)))
    return total / side_by_side, basis


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
