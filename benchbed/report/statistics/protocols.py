"""Methods over several protocols: mean ranks, interquartile means, profiles, critical difference.

Each protocol weighs the same, however many seeds it has.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Final

from benchbed.basics.errors import BenchbedError
from benchbed.report.statistics.intervals import LEVEL

LEAST_DATASETS: Final = 10
LEAST_METHODS: Final = 3
DECIMALS: Final = 9
"""Of Δm in percent, to rank by; what follows is a float's rounding."""
Runs = Mapping[str, Mapping[str, Collection[float]]]
"""Δm of each seed, as of :func:`~.gains.run_deltas`: ``{protocol: {method: values}}``."""


@dataclass(frozen=True, slots=True)
class CriticalDifference:
    """Mean ranks over data sets, and by how much two must differ.

    Attributes:
        mean_ranks: best first.
        difference: mean ranks that differ by less are not told apart.
        p_value: Friedman's, that all methods are alike.
        datasets: how many.
        level: of both tests.
        groups: largest sets of neighbours that are not told apart; all where Friedman's test does
            not tell any apart.
    """

    mean_ranks: Mapping[str, float]
    difference: float
    p_value: float
    datasets: int
    level: float
    groups: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Profiles:
    """Performance profiles: steps down at the thresholds.

    Attributes:
        thresholds: every Δm that occurs, ascending.
        shares: ``{method: share of runs with a Δm of at least each threshold}``.
    """

    thresholds: tuple[float, ...]
    shares: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Across:
    """Methods over several protocols.

    Attributes:
        protocols: all of them.
        left_out: methods that are not compared, with the protocols that they lack.
        mean_ranks: of the methods present in all, best first.
        interquartile_means: of their Δm, in percent.
        profiles: of their Δm.
        critical: the critical difference; ``None`` where ``critical_note`` says why there is none.
    """

    protocols: tuple[str, ...]
    left_out: Mapping[str, tuple[str, ...]]
    mean_ranks: Mapping[str, float]
    interquartile_means: Mapping[str, float]
    profiles: Profiles
    critical: CriticalDifference | None
    critical_note: str


def compare_protocols(runs: Runs, datasets: Mapping[str, str], level: float = LEVEL) -> Across:
    """Compare the methods that every protocol has; the others are named, not guessed.

    Args:
        runs: of each protocol.
        datasets: each protocol's data set. Of protocols that share one the mean Δm counts in the
            critical difference, which takes data sets as independent.
        level: of the critical difference.

    Raises:
        BenchbedError: there is no protocol, or no method that all of them have.
    """
    present: list[str] = []
    left_out: dict[str, tuple[str, ...]] = {}
    for method, missing in _lacking(runs).items():
        if missing:
            left_out[method] = missing
        else:
            present.append(method)
    if not present:
        raise BenchbedError(
            "No method has results in all of these protocols; run one in all, or compare fewer."
        )
    means: dict[str, dict[str, float]] = {}
    for protocol, cells in runs.items():
        means[protocol] = {method: mean(cells[method]) for method in present}
    groups: dict[str, list[Collection[float]]] = {}
    interquartile_means: dict[str, float] = {}
    for method in present:
        groups[method] = [cells[method] for cells in runs.values()]
        interquartile_means[method] = interquartile_mean(groups[method])
    critical, note = None, ""
    try:
        critical = critical_difference(_by_dataset(means, datasets), level)
    except BenchbedError as error:
        note = str(error)
    return Across(
        protocols=tuple(runs),
        left_out=left_out,
        mean_ranks=mean_ranks(means),
        interquartile_means=interquartile_means,
        profiles=performance_profiles(groups),
        critical=critical,
        critical_note=note,
    )


def mean_ranks(deltas: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return each method's mean rank over protocols, best first; equals share their mean rank.

    Args:
        deltas: ``{protocol: {method: Δm}}``, the same methods in each; larger is better.

    >>> mean_ranks({"nyuv2": {"hps": 1.0, "mtan": 2.0}, "cityscapes": {"hps": 3.0, "mtan": 3.0}})
    {'mtan': 1.25, 'hps': 1.75}

    Raises:
        BenchbedError: methods differ, or there are none.
    """
    methods = _methods(deltas)
    ranks_by_method = zip(*_ranked(deltas, methods), strict=True)
    found: dict[str, float] = {}
    for method, own_ranks in zip(methods, ranks_by_method, strict=True):
        found[method] = mean(own_ranks)
    return dict(sorted(found.items(), key=lambda item: item[1]))


def interquartile_mean(groups: Iterable[Collection[float]]) -> float:
    """Return the mean of the middle half of all values: 2∫Q(p)dp from 1/4 to 3/4.

    Q is the values' quantile function, each group weighing the same; a value across a quartile
    counts with its share inside. Where groups are equally large and 4 divides the number of values
    n, this is the mean of the middle half of R. Agarwal et al. (NeurIPS 2021). Otherwise their code
    (``trim_mean`` with 0.25) cuts ⌊n/4⌋ values at each end, of three none, which is a plain mean.

    >>> interquartile_mean([[-100.0, 1.0], [2.0, 100.0]])
    1.5

    Args:
        groups: a protocol's runs each.

    Raises:
        BenchbedError: there are no groups, or one has no values.
    """
    every = _checked(groups)
    weighted: list[tuple[float, float]] = []
    for group in every:
        weight = 1 / (len(every) * len(group))
        weighted += [(value, weight) for value in group]
    total = passed = inside = 0.0
    for value, weight in sorted(weighted):
        # what of the value's weight lies between the quartiles
        middle = max(0.0, min(passed + weight, 0.75) - max(passed, 0.25))
        total += middle * value
        inside += middle
        passed += weight
    return total / inside


def performance_profiles(runs: Mapping[str, Iterable[Collection[float]]]) -> Profiles:
    """Return for each method the share of its runs that reach a threshold, at all thresholds.

    ρ(τ) = mean over protocols of the share of runs with Δm ≥ τ: E. D. Dolan and J. J. Moré's
    performance profile (Math. Program. 2002) over runs, as R. Agarwal et al. (NeurIPS 2021) draw
    it; these count Δm > τ, which differs only at the steps themselves. A profile
    that lies above another everywhere is better at every threshold.

    Args:
        runs: ``{method: groups}``, a protocol's runs each.

    Raises:
        BenchbedError: a method has no groups, or one of its groups no values.
    """
    groups: dict[str, list[list[float]]] = {}
    occurring: set[float] = set()
    for method, values in runs.items():
        groups[method] = _checked(values)
        occurring.update(*groups[method])
    thresholds = tuple(sorted(occurring))
    shares: dict[str, tuple[float, ...]] = {}
    for method, every in groups.items():
        shares[method] = tuple(_mean_share(every, least) for least in thresholds)
    return Profiles(thresholds, shares)


def critical_difference(
    deltas: Mapping[str, Mapping[str, float]], level: float = LEVEL
) -> CriticalDifference:
    """Return M. Friedman's test over data sets and P. Nemenyi's critical difference.

    (J. Demšar: Statistical Comparisons of Classifiers over Multiple Data Sets, JMLR 2006,
    sec. 3.2.) Two methods are told apart if Friedman's test rejects that all are alike, and their
    mean ranks differ by at least :func:`nemenyi_difference`.

    Args:
        deltas: ``{data set: {method: Δm}}``, the same methods in each; larger is better.
        level: of both tests.

    Raises:
        BenchbedError: methods differ, or are fewer than three, or the data sets fewer than ten.
    """
    methods = _methods(deltas)
    if len(methods) < LEAST_METHODS:
        raise BenchbedError(
            f"A critical difference compares at least {LEAST_METHODS} methods, here are "
            f"{len(methods)}; two have their paired difference under each protocol."
        )
    difference = nemenyi_difference(len(methods), len(deltas), level)
    if len(deltas) < LEAST_DATASETS:
        raise BenchbedError(
            f"No critical difference: it needs at least {LEAST_DATASETS} data sets, here are "
            f"{len(deltas)}, with which two of {len(methods)} methods must differ by "
            f"{difference:.1f} in mean rank, {len(methods) - 1} being the most that there is."
        )
    averages = mean_ranks(deltas)
    p_value = _friedman(_ranked(deltas, methods))
    groups = _groups(averages, difference)
    if p_value >= 1 - level:
        # ranks tell nothing apart unless the methods surely differ at all
        groups = (tuple(averages),)
    return CriticalDifference(averages, difference, p_value, len(deltas), level, groups)


def nemenyi_difference(methods: int, datasets: int, level: float = LEVEL) -> float:
    """Return q·√(k(k + 1)/(6N)) for k methods on N data sets (J. Demšar, JMLR 2006, sec. 3.2.2).

    q is the quantile of the studentized range for k groups and infinitely many degrees of freedom,
    over √2.

    >>> round(nemenyi_difference(methods=5, datasets=30), 3)
    1.114
    """
    from scipy.stats import studentized_range

    quantile = float(studentized_range.ppf(level, methods, math.inf)) / math.sqrt(2)
    return quantile * math.sqrt(methods * (methods + 1) / (6 * datasets))


def _lacking(runs: Runs) -> dict[str, tuple[str, ...]]:
    """Return for every method the protocols under which it has no run."""
    methods: dict[str, None] = {}
    for cells in runs.values():
        methods |= dict.fromkeys(cells)
    lacking: dict[str, tuple[str, ...]] = {}
    for method in methods:
        lacking[method] = tuple(name for name, cells in runs.items() if not cells.get(method))
    return lacking


def _by_dataset(
    means: Mapping[str, Mapping[str, float]], datasets: Mapping[str, str]
) -> dict[str, dict[str, float]]:
    """Return the mean Δm over the protocols of each data set."""
    grouped: dict[str, list[Mapping[str, float]]] = {}
    for protocol, deltas in means.items():
        grouped.setdefault(datasets[protocol], []).append(deltas)
    found: dict[str, dict[str, float]] = {}
    for dataset, rows in grouped.items():
        found[dataset] = {}
        for method in rows[0]:
            found[dataset][method] = mean([row[method] for row in rows])
    return found


def _methods(deltas: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return the methods, which have to be the same in every row."""
    rows = list(deltas.values())
    if not rows or not rows[0] or any(set(row) != set(rows[0]) for row in rows):
        raise BenchbedError("Ranks need the same methods, at least one, under every protocol.")
    return list(rows[0])


def _ranked(deltas: Mapping[str, Mapping[str, float]], methods: Sequence[str]) -> list[list[float]]:
    """Return each row's ranks, 1 for the largest; equals share their mean rank."""
    from scipy.stats import rankdata

    ranked: list[list[float]] = []
    for row in deltas.values():
        smallest_first = [-round(row[method], DECIMALS) for method in methods]
        ranked.append(rankdata(smallest_first).tolist())
    return ranked


def _friedman(ranked: Sequence[Sequence[float]]) -> float:
    """Return the p-value; 1 where all methods are equal everywhere, which the statistic is not."""
    from scipy.stats import friedmanchisquare

    if all(len(set(row)) == 1 for row in ranked):
        return 1.0
    return float(friedmanchisquare(*zip(*ranked, strict=True)).pvalue)


def _groups(averages: Mapping[str, float], difference: float) -> tuple[tuple[str, ...], ...]:
    """Return the largest runs of neighbours, best first, whose ends differ by less."""
    names = list(averages)
    found: list[tuple[str, ...]] = []
    reached = 0
    for start, name in enumerate(names):
        near = [other for other in names[start:] if averages[other] - averages[name] < difference]
        if len(near) > 1 and start + len(near) > reached:
            reached = start + len(near)
            found.append(tuple(near))
    return tuple(found)


def _checked(groups: Iterable[Collection[float]]) -> list[list[float]]:
    every = [list(group) for group in groups]
    if not every or not all(every):
        raise BenchbedError("A summary over protocols needs a run under each, at least one.")
    return every


def _mean_share(groups: Collection[Collection[float]], least: float) -> float:
    """Return the share of runs that reach a threshold, each group weighing the same."""
    return mean(_share(group, least) for group in groups)


def _share(group: Collection[float], least: float) -> float:
    return sum(value >= least for value in group) / len(group)
