"""Δm from a few seeds, with the baseline's variance, and each task's gain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from benchbed.basics.errors import BenchbedError
from benchbed.report.statistics.intervals import LEVEL, ROUNDING, Difference, Estimate, mean_of

Scores = Mapping[str, Mapping[str, float]]
"""Of one run or their mean: ``{task: {metric: value}}``."""
Seeds = Mapping[int, Scores]
"""Of one method: each seed's scores."""
DeltaOf = Callable[[Scores, Scores], float]
"""Δm in percent of a method's scores and a baseline's, by any definition that is a weighted mean of
:func:`benchbed.contracts.delta.relative_gain`, also for some of the tasks alone."""


def run_deltas(scores: Seeds, baseline: Seeds, delta_of: DeltaOf) -> dict[int, float]:
    """Return each seed's Δm against the baseline's mean scores, in percent.

    Δm is affine in the method's scores, so the mean of these is the Δm of the mean scores, whatever
    seeds the baseline has.

    >>> def delta_of(ours, theirs):
    ...     return 100 * (ours["seg"]["miou"] / theirs["seg"]["miou"] - 1)
    >>> method = {0: {"seg": {"miou": 0.625}}, 1: {"seg": {"miou": 0.75}}}
    >>> run_deltas(method, {0: {"seg": {"miou": 0.5}}}, delta_of)
    {0: 25.0, 1: 50.0}

    Raises:
        BenchbedError: what ``delta_of`` raises, or a side without a seed.
    """
    reference = mean_scores(baseline.values())
    return {seed: delta_of(run, reference) for seed, run in scores.items()}


def delta_estimate(
    scores: Seeds,
    baseline: Seeds,
    delta_of: DeltaOf,
    *,
    method: str,
    reference: str,
) -> Estimate:
    """Return the Δm of the mean scores with the influence of each run, the baseline's included.

    By the delta method, Δm(M̄, B̄) moves with a run's M_s by Δm(M_s, B̄) exactly, and with B_s by
    ∂Δm/∂B·(B_s − B̄), which is Δm(M̄·(2 − B_s/B̄), B̄) − Δm(M̄, B̄). It holds where a baseline
    metric's deviation is small against its mean; at a fifth the 95 % interval still covers 0.95.

    Of the baseline itself, a method with the name of its reference, Δm is zero and does not vary.

    Args:
        scores: the method's.
        baseline: the baseline's.
        delta_of: the definition of Δm.
        method: the method's name, by which a difference of estimates knows whose runs they share.
        reference: the baseline's name.

    Raises:
        BenchbedError: what ``delta_of`` raises, or a side without a seed.
    """
    if method == reference:
        return Estimate(0.0)
    ours, theirs = mean_scores(scores.values()), mean_scores(baseline.values())
    value = delta_of(ours, theirs)
    of_method = run_deltas(scores, baseline, delta_of)
    of_reference = {}
    for seed, run in baseline.items():
        moved = _counterpart(ours, theirs, run)
        of_reference[seed] = delta_of(moved, theirs) - value
    # Δm is 100 times a difference of ratios near 1, whose rounding stays where Δm itself is small
    rounding = ROUNDING * (100 + abs(value))
    return Estimate(value, {method: of_method, reference: of_reference}, rounding)


@dataclass(frozen=True, slots=True)
class TaskGains:
    """Δm of each task alone.

    Attributes:
        gains: in percent of the baseline, positive is better.
        worst: the task with the smallest gain, the first of several.
        improved: tasks with a gain above zero; whether one is sure, its interval tells.
    """

    gains: Mapping[str, Difference]
    worst: str
    improved: tuple[str, ...]


def task_gains(
    scores: Seeds, baseline: Seeds, delta_of: DeltaOf, level: float = LEVEL
) -> TaskGains:
    """Return each task's relative gain with its interval, as :func:`delta_estimate` defines it.

    Raises:
        BenchbedError: what ``delta_of`` raises, a side without a seed, or a level not between 0
            and 1.
    """
    gains: dict[str, Difference] = {}
    for task in mean_scores(scores.values()):
        estimate = delta_estimate(
            _only(task, scores),
            _only(task, baseline),
            delta_of,
            method="the method",
            reference="the baseline",
        )
        gains[task] = estimate.interval(level)
    worst = min(gains, key=lambda task: gains[task].mean)
    improved = tuple(task for task, gain in gains.items() if gain.mean > 0)
    return TaskGains(gains, worst, improved)


def mean_scores(runs: Iterable[Scores]) -> dict[str, dict[str, float]]:
    """Return the mean of runs that have the same tasks and metrics.

    Raises:
        BenchbedError: there are no runs.
    """
    every = list(runs)
    if not every:
        raise BenchbedError("Statistics need at least one complete seed of a method; run one.")
    means: dict[str, dict[str, float]] = {}
    for task, metrics in every[0].items():
        means[task] = {}
        for metric in metrics:
            means[task][metric] = mean_of([run[task][metric] for run in every])
    return means


def _only(task: str, seeds: Seeds) -> dict[int, Scores]:
    """Return the scores of one task alone."""
    return {seed: {task: run[task]} for seed, run in seeds.items()}


def _counterpart(ours: Scores, theirs: Scores, run: Scores) -> Scores:
    """Return the scores that move Δm as much as one of the baseline's runs does, M̄·(2 − B_s/B̄).

    A metric with a baseline of 0 has no Δm; ``delta_of`` refuses it or does not use it.
    """
    moved: dict[str, dict[str, float]] = {}
    for task, metrics in run.items():
        moved[task] = {}
        for metric, score in metrics.items():
            mean, reference = ours[task][metric], theirs[task][metric]
            if reference:
                mean *= 2 - score / reference
            moved[task][metric] = mean
    return moved
