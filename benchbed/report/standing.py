"""What a method's seeds say of its Δm: an interval, each task's gain, the chance to improve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchbed.report.statistics.comparisons import probability_of_improvement
from benchbed.report.statistics.gains import (
    DeltaOf,
    Seeds,
    TaskGains,
    delta_estimate,
    run_deltas,
    task_gains,
)
from benchbed.report.statistics.intervals import Difference, Estimate


@dataclass(frozen=True, slots=True)
class Standing:
    """A method's Δm.

    Attributes:
        estimate: Δm in percent with the influence of every run that it follows from, the
            reference's included: intervals, ranks and differences of methods follow from it.
        delta: its interval and deviation.
        runs: each seed's Δm against the reference's mean scores.
        gains: each task's; ``None`` for the reference itself.
        improvement: probability that a run's Δm is above that of a run of the reference; ``None``
            for the reference itself.
    """

    estimate: Estimate
    delta: Difference
    runs: Mapping[int, float]
    gains: TaskGains | None = None
    improvement: float | None = None


def standing(
    method: str, scores: Seeds, reference: str, against: Seeds, delta_of: DeltaOf
) -> Standing:
    """Return where a method stands.

    Args:
        method: its name.
        scores: its scores by seed.
        reference: the method that Δm refers to, which may be the method itself.
        against: that method's scores by seed.
        delta_of: the definition of Δm.

    Raises:
        BenchbedError: Δm is not defined.
    """
    estimate = delta_estimate(scores, against, delta_of, method=method, reference=reference)
    theirs = run_deltas(against, against, delta_of)
    if method == reference:
        return Standing(estimate, estimate.interval(), theirs)
    runs = estimate.influence[method]
    return Standing(
        estimate,
        estimate.interval(),
        runs,
        task_gains(scores, against, delta_of),
        probability_of_improvement(runs.values(), theirs.values()),
    )
