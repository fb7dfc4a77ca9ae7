"""Methods against each other under one protocol: ranks with ties, pairs, probabilities."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from benchbed.basics.errors import BenchbedError
from benchbed.report.statistics.intervals import LEVEL, Difference, Estimate, add_by_seed

MANY: Final = 30
"""Methods from which on ranks are computed a method at a time."""


@dataclass(frozen=True, slots=True)
class Rank:
    """A rank with ties.

    Attributes:
        best: 1 + the number of methods surely better.
        worst: the number of methods less those surely worse.
    """

    best: int
    worst: int


@dataclass(frozen=True, slots=True)
class Pair:
    """Two methods.

    Attributes:
        a: the first, ``b``: the second.
        difference: of ``a`` less ``b``; positive: ``a`` is better.
        p_holm: the difference's p-value corrected for all pairs of the table; ``None`` where it has
            none, for lack of seeds.
        better: the method that is better at the corrected p-value, if any.
    """

    a: str
    b: str
    difference: Difference
    p_holm: float | None
    better: str | None


def ranks(estimates: Mapping[str, Estimate], level: float = LEVEL) -> dict[str, Rank]:
    """Return each method's rank; methods tie where the interval of their difference holds zero.

    Being tied is not transitive: the first may tie with the second, the second with the third, and
    yet the first beat the third. So a rank counts who is surely better, as in the rank intervals of
    M. Mogstad et al. (Inference for Ranks, REStud 2024), here at the level of each pair, without
    their correction for all pairs at once: ``pairwise`` has one. Two consequences: several may
    share rank 1, and a method with the higher mean may have the lower rank, where its seeds vary
    more.

    Args:
        estimates: larger is better, as of :func:`~.gains.delta_estimate`; a baseline that Δm
            refers to is ``Estimate(0.0)``.
        level: of the intervals.

    Raises:
        BenchbedError: as :meth:`Estimate.interval`.
    """
    seed_sets = _seed_sets(estimates)
    if len(seed_sets) == 1 and len(estimates) >= MANY:
        seeds = sorted(seed_sets.pop())
        if len(seeds) > 1:
            return _ranks_of_same_seeds(estimates, seeds, level)
    return _ranks_by_pairs(estimates, level)


def _seed_sets(estimates: Mapping[str, Estimate]) -> set[frozenset[int]]:
    """Return the different sets of seeds that groups of runs have."""
    found: set[frozenset[int]] = set()
    for estimate in estimates.values():
        found.update(map(frozenset, estimate.influence.values()))
    return found


def _ranks_by_pairs(estimates: Mapping[str, Estimate], level: float) -> dict[str, Rank]:
    better = dict.fromkeys(estimates, 0)
    worse = dict.fromkeys(estimates, 0)
    for a, b in combinations(estimates, 2):
        difference = (estimates[a] - estimates[b]).interval(level)
        if difference.holds(0):
            continue
        winner, loser = (a, b) if difference.mean > 0 else (b, a)
        better[loser] += 1
        worse[winner] += 1
    count = len(estimates)
    return {name: Rank(1 + better[name], count - worse[name]) for name in estimates}


def _ranks_of_same_seeds(
    estimates: Mapping[str, Estimate], seeds: Sequence[int], level: float
) -> dict[str, Rank]:
    """Return the same ranks where all runs have the same seeds, a method against all at once.

    Every difference is a paired one then, so what ``Estimate.interval`` computes of one pair is
    computed of a method's row of pairs.
    """
    import numpy as np
    from scipy.special import stdtrit

    count = len(estimates)
    values, rounding, runs = np.empty(count), np.empty(count), np.empty((count, len(seeds)))
    for i, estimate in enumerate(estimates.values()):
        values[i], rounding[i] = estimate.value, estimate.rounding
        runs[i] = add_by_seed(estimate.influence.values(), seeds)
    quantile = float(stdtrit(len(seeds) - 1, (1 + level) / 2)) / math.sqrt(len(seeds))
    found: dict[str, Rank] = {}
    for i, name in enumerate(estimates):
        least = np.maximum(rounding, rounding[i])
        ahead = values - values[i]
        ahead[np.abs(ahead) <= least] = 0.0
        deviation = (runs - runs[i]).std(axis=1, ddof=1)
        half = quantile * np.where(deviation <= least, 0.0, deviation)
        surely_better = int((ahead > half).sum())
        surely_worse = int((-ahead > half).sum())
        found[name] = Rank(1 + surely_better, count - surely_worse)
    return found


def pairwise(estimates: Mapping[str, Estimate], level: float = LEVEL) -> tuple[Pair, ...]:
    """Return every pair of methods, with p-values corrected by :func:`holm` over all of them.

    The intervals are each pair's own, not corrected; ``better`` goes by the corrected p-value.

    Args:
        estimates: as of :func:`ranks`.
        level: 1 − level bounds the probability of any false difference in the whole table.

    Raises:
        BenchbedError: as :meth:`Estimate.interval`.
    """
    differences: dict[tuple[str, str], Difference] = {}
    for a, b in combinations(estimates, 2):
        differences[a, b] = (estimates[a] - estimates[b]).interval(level)
    corrected = _corrected(differences)
    pairs: list[Pair] = []
    for (a, b), difference in differences.items():
        p_holm = corrected.get((a, b))
        better = None
        if p_holm is not None and p_holm < 1 - level:
            better = a if difference.mean > 0 else b
        pairs.append(Pair(a, b, difference, p_holm, better))
    return tuple(pairs)


def _corrected(differences: Mapping[tuple[str, str], Difference]) -> dict[tuple[str, str], float]:
    """Return the corrected p-values of the pairs that have one."""
    known: dict[tuple[str, str], float] = {}
    for pair, difference in differences.items():
        if difference.p_value is not None:
            known[pair] = difference.p_value
    return dict(zip(known, holm(list(known.values())), strict=True))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, in the same order.

    The i-th smallest of m becomes max over j ≤ i of min(1, (m − j + 1)·p_(j)), which bounds the
    probability of any false rejection, however the tests depend on each other (S. Holm: A Simple
    Sequentially Rejective Multiple Test Procedure, Scand. J. Statist. 1979).

    >>> holm([0.01, 0.5, 0.02])
    [0.03, 0.5, 0.04]

    Raises:
        BenchbedError: one is no probability.
    """
    if not all(0 <= p <= 1 for p in p_values):
        raise BenchbedError("Holm's correction needs p-values between 0 and 1.")
    m = len(p_values)
    ascending = sorted(range(m), key=p_values.__getitem__)
    corrected = [0.0] * m
    largest = 0.0
    for smaller, index in enumerate(ascending):  # smaller = j − 1
        largest = max(largest, min(1.0, (m - smaller) * p_values[index]))
        corrected[index] = largest
    return corrected


def probability_of_improvement(
    a: Collection[float], b: Collection[float], *, higher_is_better: bool = True
) -> float:
    """Return P(a run of the first beats one of the second), a draw counted as half.

    The share of all pairs of runs, P(X > Y) + P(X = Y)/2 (R. Agarwal et al.: Deep Reinforcement
    Learning at the Edge of the Statistical Precipice, NeurIPS 2021); that is
    H. B. Mann and D. R. Whitney's U over n·m. There is no interval: of three seeds against three
    even complete separation has an exact two-sided p-value of 0.1, so no honest 95 % interval
    leaves one half out, while a bootstrap shrinks to a point there.

    >>> probability_of_improvement([3.0, 4.0], [1.0, 3.0])
    0.875

    Raises:
        BenchbedError: a method has no runs.
    """
    if not a or not b:
        raise BenchbedError("The probability of improvement needs a run of both methods.")
    sign = 1 if higher_is_better else -1
    theirs = sorted(sign * y for y in b)
    # in half points: of each of ours two a run that it beats, one a draw
    points = 0
    for ours in a:
        points += bisect_left(theirs, sign * ours) + bisect_right(theirs, sign * ours)
    return points / (2 * len(a) * len(b))
