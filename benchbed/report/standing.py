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


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: a method with its scores by seed."""

    method: str
    scores: Seeds


def standing(ours: Side, reference: Side, delta_of: DeltaOf) -> Standing:
    """Return where a method stands.

    Args:
        ours: the method.
        reference: what Δm refers to, which may be the method itself.
        delta_of: the definition of Δm.

    Raises:
        BenchbedError: Δm is not defined.
    """
    estimate = delta_estimate(
        ours.scores,
        reference.scores,
        delta_of,
        method=ours.method,
        reference=reference.method,
    )
    delta = estimate.interval()
    theirs = run_deltas(reference.scores, reference.scores, delta_of)
    if ours.method == reference.method:
        return Standing(estimate, delta, theirs)
    runs = estimate.influence[ours.method]
    gains = task_gains(ours.scores, reference.scores, delta_of)
    improvement = probability_of_improvement(runs.values(), theirs.values())
    return Standing(estimate, delta, runs, gains, improvement)
