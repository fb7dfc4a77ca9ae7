"""Intervals from a few seeds: of a metric's mean, of differences, of what runs have in common.

All are t intervals, the ones that hold at three seeds for scores that are roughly normal; a
percentile bootstrap of three values does not.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from statistics import mean, stdev
from typing import Final

from benchbed.basics.errors import BenchbedError

LEVEL: Final = 0.95
ROUNDING: Final = 1e-12
"""Relative to the numbers at hand; what is smaller is a float's rounding, and counts as zero."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its interval.

    Attributes:
        mean: the estimate.
        low: the interval's lower end; ``None``, like ``high``, where there is no interval.
        high: its upper end.
        std: sample deviation over seeds (of pairs: of the pairs); ``None`` where there is none.
        n: seeds; of groups with other seeds each, those of the smallest.
        level: the interval's probability.
        note: why there is no interval.
    """

    mean: float
    low: float | None
    high: float | None
    std: float | None
    n: int
    level: float
    note: str

    def holds(self, value: float) -> bool:
        """Return whether a value is not ruled out; without an interval none is."""
        return self.low is None or self.high is None or self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Difference(Interval):
    """A difference with its interval; positive: the first is better.

    Attributes:
        p_value: two-sided, that the difference is zero; below 1 − level exactly where the interval
            leaves zero out. Where seeds do not vary it is 1 for no difference and 0 for any.
        paired: whether all that varies was paired by seed.
    """

    p_value: float | None
    paired: bool


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate and how each run moves it, from which intervals of differences follow.

    To first order ``value`` is a constant plus the sum over groups of the mean influence of the
    group's runs (F. R. Hampel: The Influence Curve and Its Role in Robust Estimation, JASA 1974).
    Two estimates that share a group, such as a baseline, share its variance: it is in their
    difference but once.

    Attributes:
        value: the estimate.
        influence: ``{group: {seed: influence}}``; empty for what does not vary, such as the Δm of
            the baseline itself, ``Estimate(0.0)``.
        rounding: differences up to this are a float's rounding.
    """

    value: float
    influence: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    rounding: float = 0.0

    def __sub__(self, other: Estimate) -> Estimate:
        influence = {group: dict(seeds) for group, seeds in self.influence.items()}
        for group, seeds in other.influence.items():
            ours = influence.setdefault(group, {})
            for seed, value in seeds.items():
                ours[seed] = ours.get(seed, 0.0) - value
        rounding = max(self.rounding, other.rounding)
        return Estimate(self.value - other.value, influence, rounding)

    def interval(self, level: float = LEVEL) -> Difference:
        """Return the t interval, value ± t·√(Σ s²/n) over samples of n runs with deviation s.

        Influences of groups with the very same seeds are paired: added seed by seed. Groups with
        other seeds, even where some match, count as independent with a variance each, and t has the
        degrees of freedom of the smallest: so the interval covers at least its level, whatever the
        variances (S. K. Banerjee, Sankhyā 1960, for any number of groups). With Welch's approximate
        degrees of freedom it covers as little as 0.88 for two seeds against ten.

        Raises:
            BenchbedError: the level is not between 0 and 1, or a number is not finite.
        """
        if not 0 < level < 1:
            raise BenchbedError(f"An interval's level is between 0 and 1, not {level}; try 0.95.")
        samples = self._samples()
        _check([self.value, *chain.from_iterable(samples)])
        value = 0.0 if abs(self.value) <= self.rounding else self.value
        n = min(map(len, samples), default=0)
        paired = len(samples) <= 1
        if n == 1:
            return Difference(value, None, None, None, n, level, self._note(), None, paired)

        # samples are independent of each other, so the variances of their means add up
        deviations: list[float] = []
        errors: list[float] = []
        for sample in samples:
            deviation = self._deviation(sample)
            deviations.append(deviation)
            errors.append(deviation / math.sqrt(len(sample)))
        error = math.hypot(*errors)
        # n is the smallest sample's: Banerjee's bound, not Welch's approximation
        half, p_value = _student(value, error, n - 1, level)
        std = deviations[0] if len(deviations) == 1 else None
        return Difference(value, value - half, value + half, std, n, level, "", p_value, paired)

    def _samples(self) -> list[list[float]]:
        """Return the influences, those of groups with the same seeds added."""
        by_seeds: dict[frozenset[int], list[Mapping[int, float]]] = {}
        for influences in self.influence.values():
            by_seeds.setdefault(frozenset(influences), []).append(influences)
        return [add_by_seed(groups, seeds) for seeds, groups in by_seeds.items()]

    def _deviation(self, sample: Sequence[float]) -> float:
        """Return the sample deviation, zero where it is but a float's rounding."""
        found = stdev(sample)
        return 0.0 if found <= self.rounding else found

    def _note(self) -> str:
        """Return why there is no interval where a group has but one seed."""
        one = next(group for group, seeds in self.influence.items() if len(seeds) == 1)
        return f"no interval: one seed of {one} says nothing of how seeds differ"


def interval(values: Collection[float], level: float = LEVEL) -> Interval:
    """Return the mean with its t interval, x̄ ± t·s/√n with n − 1 degrees of freedom.

    (Student: The Probable Error of a Mean, Biometrika 1908.) One value has no interval.

    >>> found = interval([0.5, 0.6, 0.7])
    >>> f"{found.mean:.2f}, from {found.low:.2f} to {found.high:.2f}"
    '0.60, from 0.35 to 0.85'

    Raises:
        BenchbedError: no values, one that is not finite, or a level not between 0 and 1.
    """
    rounding = ROUNDING * max(map(abs, values), default=0.0)
    runs = dict(enumerate(values))
    found = Estimate(mean_of(values), {"the method": runs}, rounding).interval(level)
    return Interval(found.mean, found.low, found.high, found.std, found.n, found.level, found.note)


def paired_difference(
    a: Mapping[int, float],
    b: Mapping[int, float],
    level: float = LEVEL,
    *,
    higher_is_better: bool = True,
) -> Difference:
    """Return by how much the first of two methods is better, in one metric's unit.

    Where both have the same seeds it is the paired t interval; otherwise their variances add up, as
    :meth:`Estimate.interval` says.

    >>> found = paired_difference({0: 0.50, 1: 0.60, 2: 0.70}, {0: 0.45, 1: 0.56, 2: 0.64})
    >>> f"{found.mean:.2f}, from {found.low:.3f} to {found.high:.3f}"
    '0.05, from 0.025 to 0.075'

    Args:
        a: the first method's value by seed.
        b: the second's.
        level: of the interval.
        higher_is_better: the metric's direction.

    Raises:
        BenchbedError: a method without a seed, a value that is not finite, or a level not between
            0 and 1.
    """
    sign = 1 if higher_is_better else -1
    influence = {"the first method": _times(sign, a), "the second method": _times(-sign, b)}
    value = sign * (mean_of(a.values()) - mean_of(b.values()))
    rounding = ROUNDING * max(map(abs, [*a.values(), *b.values()]))
    return Estimate(value, influence, rounding).interval(level)


def add_by_seed(groups: Iterable[Mapping[int, float]], seeds: Iterable[int]) -> list[float]:
    """Return the sum of groups of runs for each seed, all of which every group has."""
    added = dict.fromkeys(seeds, 0.0)
    for influences in groups:
        for seed in added:
            added[seed] += influences[seed]
    return list(added.values())


def mean_of(values: Collection[float]) -> float:
    """Return the mean.

    Raises:
        BenchbedError: no values, or one that is not finite.
    """
    if not values:
        raise BenchbedError("Statistics need at least one complete seed of a method; run one.")
    _check(values)
    return mean(map(float, values))


def _times(factor: int, values: Mapping[int, float]) -> dict[int, float]:
    return {seed: factor * value for seed, value in values.items()}


def _check(values: Iterable[float]) -> None:
    if not all(map(math.isfinite, values)):
        raise BenchbedError(
            "A score is infinite or NaN, which has no statistics; leave its run or metric out."
        )


def _student(value: float, error: float, freedom: int, level: float) -> tuple[float, float]:
    """Return half the t interval's width, and the two-sided p-value of zero."""
    from scipy.special import stdtr, stdtrit

    if error == 0:
        # nothing varies: no difference is as likely as can be, any other is impossible
        p_value = 1.0 if value == 0 else 0.0
        return 0.0, p_value
    quantile = float(stdtrit(freedom, (1 + level) / 2))
    p_value = 2 * float(stdtr(freedom, -abs(value) / error))
    return quantile * error, p_value
