"""Where each method of a table stands: its Δm with an interval, its rank, its tasks' gains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchbed.report.statistics.comparisons import (
    Pair,
    Rank,
    pairwise,
    probability_of_improvement,
    ranks,
)
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
class Contest:
    """A method that has a Δm.

    Attributes:
        scores: its own, by seed.
        reference: the name of the method that its Δm refers to; its own name for a baseline.
        against: that method's scores, by seed.
        delta_of: the definition of Δm.
    """

    scores: Seeds
    reference: str
    against: Seeds
    delta_of: DeltaOf


@dataclass(frozen=True, slots=True)
class Standing:
    """What a method's seeds say of it.

    Attributes:
        delta: Δm in percent, with its interval and deviation.
        runs: each seed's Δm against the reference's mean scores.
        rank: among all methods of the table that have a Δm, with ties.
        gains: each task's; ``None`` for the reference itself.
        improvement: probability that a run's Δm is above that of a run of the reference; ``None``
            for the reference itself.
    """

    delta: Difference
    runs: Mapping[int, float]
    rank: Rank
    gains: TaskGains | None
    improvement: float | None


def standings(contests: Mapping[str, Contest]) -> dict[str, Standing]:
    """Return where each method stands.

    Raises:
        BenchbedError: a Δm is not defined.
    """
    found = estimates(contests)
    ranked = ranks(found)
    return {
        name: _standing(name, contest, found[name], ranked[name])
        for name, contest in contests.items()
    }


def pairs(contests: Mapping[str, Contest]) -> tuple[Pair, ...]:
    """Return each pair of methods with the difference of their Δm, corrected for all pairs.

    Raises:
        BenchbedError: a Δm is not defined.
    """
    return pairwise(estimates(contests))


def estimates(contests: Mapping[str, Contest]) -> dict[str, Estimate]:
    """Return each method's Δm with the influence of every run that it follows from.

    Raises:
        BenchbedError: a Δm is not defined.
    """
    return {
        name: delta_estimate(
            contest.scores,
            contest.against,
            contest.delta_of,
            method=name,
            reference=contest.reference,
        )
        for name, contest in contests.items()
    }


def _standing(name: str, contest: Contest, estimate: Estimate, rank: Rank) -> Standing:
    runs = run_deltas(contest.scores, contest.against, contest.delta_of)
    if name == contest.reference:
        return Standing(estimate.interval(), runs, rank, None, None)
    theirs = run_deltas(contest.against, contest.against, contest.delta_of)
    return Standing(
        estimate.interval(),
        runs,
        rank,
        task_gains(contest.scores, contest.against, contest.delta_of),
        probability_of_improvement(runs.values(), theirs.values()),
    )
