"""Δm's interval, against whole-array formulas, finite differences and by simulation."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from benchbed.basics.errors import BenchbedError
from benchbed.contracts.delta import DEFINITIONS, delta_m
from benchbed.report.statistics.gains import (
    delta_estimate,
    mean_scores,
    run_deltas,
    task_gains,
)

HIGHER = {"seg": {"miou": True, "pixel": True}, "depth": {"abs": False}, "flow": {"ll": True}}
NAMES = [(task, metric) for task, metrics in HIGHER.items() for metric in metrics]
SIGNS = np.array([1 if HIGHER[task][metric] else -1 for task, metric in NAMES])
WEIGHTS = {
    "primary": np.array([1, 0, 1, 1]) / 3,
    "per-task-mean": np.array([0.5, 0.5, 1, 1]) / 3,
    "flat": np.array([1, 1, 1, 1]) / 4,
}
DELTAS = {
    name: partial(
        delta_m,
        higher_is_better=HIGHER,
        definition=name,
        primary={"seg": "miou", "depth": "abs", "flow": "ll"},
    )
    for name in DEFINITIONS
}
BASE = np.array([0.5, 0.8, 0.2, -30.0])
definitions = st.sampled_from(sorted(DEFINITIONS))


def nested(row) -> dict[str, dict[str, float]]:
    scores: dict[str, dict[str, float]] = {}
    for (task, metric), value in zip(NAMES, row, strict=True):
        scores.setdefault(task, {})[metric] = float(value)
    return scores


def by_seed(rows, first: int = 0) -> dict[int, dict[str, dict[str, float]]]:
    return {seed: nested(row) for seed, row in enumerate(rows, start=first)}


def runs(least: int = 2, most: int = 6):
    """Noise of up to 20 % around the baseline's scores, ``(seeds, metrics)``."""
    row = st.lists(st.floats(0.8, 1.2), min_size=4, max_size=4)
    return st.lists(row, min_size=least, max_size=most).map(lambda rows: np.array(rows) * BASE)


def estimate(ours, theirs, definition="primary", first=0):
    delta_of = DELTAS[definition]
    return delta_estimate(
        by_seed(ours), by_seed(theirs, first), delta_of, method="mine", reference="base"
    )


@given(runs(1), runs(1), definitions)
def test_delta_m_is_that_of_the_mean_scores_and_the_mean_of_the_runs_deltas(
    ours, theirs, definition
):
    delta_of = DELTAS[definition]
    wanted = delta_of(nested(ours.mean(0)), nested(theirs.mean(0)))
    deltas = run_deltas(by_seed(ours), by_seed(theirs, 7), delta_of)
    assert estimate(ours, theirs, definition).value == pytest.approx(wanted, rel=1e-9, abs=1e-9)
    assert np.mean(list(deltas.values())) == pytest.approx(wanted, rel=1e-9, abs=1e-9)


@given(runs(3, 3), runs(3, 3), definitions)
def test_influences_are_the_directional_derivatives_of_delta_m(ours, theirs, definition):
    delta_of = DELTAS[definition]
    found = estimate(ours, theirs, definition).influence
    mean, base, step = ours.mean(0), theirs.mean(0), 1e-5
    for seed in range(3):
        toward = step * (theirs[seed] - base)
        up = delta_of(nested(mean), nested(base + toward))
        down = delta_of(nested(mean), nested(base - toward))
        slope = (up - down) / (2 * step)
        assert found["base"][seed] == pytest.approx(slope, rel=1e-5, abs=1e-5)
        exact = delta_of(nested(ours[seed]), nested(base))
        assert found["mine"][seed] == pytest.approx(exact, rel=1e-9, abs=1e-9)


def linearised(ours, theirs, definition) -> tuple[np.ndarray, np.ndarray]:
    """The delta method on whole arrays: each run's part of both gradients."""
    mean, base = ours.mean(0), theirs.mean(0)
    factor = 100 * WEIGHTS[definition] * SIGNS / abs(base)
    return ours @ factor, -theirs @ (factor * mean / base)


@given(
    st.integers(2, 6).flatmap(lambda n: st.tuples(runs(n, n), runs(n, n))),
    definitions,
    st.booleans(),
)
def test_the_interval_is_the_delta_methods(both, definition, paired):
    ours, theirs = both
    n = len(ours)
    u, v = linearised(ours, theirs, definition)
    found = estimate(ours, theirs, definition, first=0 if paired else 100).interval()
    error = stats.sem(u + v) if paired else np.hypot(stats.sem(u), stats.sem(v))
    half = stats.t.ppf(0.975, n - 1) * error
    assert found.paired is paired
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=1e-6, abs=1e-8)
    assert (found.high + found.low) / 2 == pytest.approx(found.mean, rel=1e-9, abs=1e-9)


TRUTH = np.array([1.05, 0.9, 1.1, 0.98])


def coverage(n: int, m: int, first: int, noise: float) -> float:
    """How often the interval holds the Δm of the true means; the metrics share a seed's luck."""
    rng = np.random.default_rng(100 * n + m + first)
    wanted = DELTAS["flat"](nested(BASE * TRUTH), nested(BASE))
    hits = 0
    for _ in range(1000):
        luck = rng.normal(size=(max(n, m), 1))
        ours = BASE * TRUTH * (1 + noise * (rng.normal(size=(n, 4)) + 0.5 * luck[:n]))
        theirs = BASE * (1 + noise * (rng.normal(size=(m, 4)) + 0.5 * luck[:m]))
        hits += estimate(ours, theirs, "flat", first).interval().holds(wanted)
    return hits / 1000


@pytest.mark.parametrize("n", [3, 5, 10])
def test_paired_delta_m_covers_the_true_one_as_often_as_it_says(n):
    assert 0.93 <= coverage(n, n, 0, 0.04) <= 0.975


@pytest.mark.parametrize(("n", "m", "first"), [(3, 3, 100), (3, 5, 0), (10, 3, 0)])
def test_unpaired_and_partly_matching_delta_m_covers_the_true_one(n, m, first):
    assert coverage(n, m, first, 0.04) >= 0.93


@pytest.mark.parametrize("n", [3, 5])
def test_differences_of_methods_with_one_baseline_cover_the_true_one(n):
    rng = np.random.default_rng(n)
    other = np.array([1.0, 1.0, 1.2, 1.1])
    flat = DELTAS["flat"]
    wanted = flat(nested(BASE * TRUTH), nested(BASE)) - flat(nested(BASE * other), nested(BASE))
    hits = 0
    for _ in range(600):
        base, one, two = (
            by_seed(BASE * factor * (1 + 0.05 * rng.normal(size=(n, 4))))
            for factor in (1, TRUTH, other)
        )
        first = delta_estimate(one, base, flat, method="one", reference="base")
        second = delta_estimate(two, base, flat, method="two", reference="base")
        hits += (first - second).interval().holds(wanted)
    assert 0.93 <= hits / 600 <= 0.98


@given(runs(), st.permutations(range(4)).map(lambda order: 10.0 ** np.array(order)))
def test_units_do_not_matter(ours, units):
    theirs = np.roll(ours, 1, axis=0) * 1.01
    found = estimate(ours, theirs).interval()
    scaled = estimate(ours * units, theirs * units).interval()
    assert (scaled.low, scaled.high) == pytest.approx((found.low, found.high), rel=1e-6, abs=1e-6)


@given(runs(), definitions)
def test_a_method_with_the_baselines_scores_differs_by_nothing(rows, definition):
    found = estimate(rows, rows, definition).interval()
    assert (found.mean, found.low, found.high, found.p_value) == (0, 0, 0, 1)


@given(runs(3, 3), runs(3, 3))
def test_methods_that_differ_by_a_floats_rounding_are_equal(ours, theirs):
    found = (estimate(ours, theirs) - estimate(ours * (1 + 4e-16), theirs)).interval()
    assert (found.mean, found.low, found.high, found.p_value) == (0, 0, 0, 1)


def test_the_baseline_itself_is_zero_without_variance():
    rows = by_seed(np.array([BASE, 1.1 * BASE]))
    own = delta_estimate(rows, rows, DELTAS["flat"], method="base", reference="base")
    assert (own.value, own.influence) == (0, {})
    found = own.interval()
    assert (found.low, found.high, found.p_value) == (0, 0, 1)


@pytest.mark.parametrize(("n", "m", "lacking"), [(1, 3, "mine"), (3, 1, "base"), (1, 1, "mine")])
def test_one_seed_on_a_side_gives_delta_m_without_an_interval(n, m, lacking):
    rows = BASE * np.linspace(1, 1.1, 12).reshape(3, 4)
    found = estimate(rows[:n] * 1.1, rows[:m]).interval()
    assert found.low is None
    assert found.p_value is None
    assert f"one seed of {lacking}" in found.note
    assert np.isfinite(found.mean)


def test_a_metric_that_delta_m_does_not_use_may_have_a_baseline_of_zero():
    def delta_of(scores, baseline):
        return 100 * (scores["t"]["used"] / baseline["t"]["used"] - 1)

    scores = {seed: {"t": {"used": 1.1 + seed / 10, "unused": 5.0}} for seed in range(3)}
    baseline = {seed: {"t": {"used": 1.0, "unused": 0.0}} for seed in range(3)}
    found = delta_estimate(scores, baseline, delta_of, method="m", reference="b").interval()
    assert found.mean == pytest.approx(20)
    assert found.std == pytest.approx(10)


def test_a_baseline_of_zero_is_refused_as_delta_m_refuses_it():
    rows = np.array([BASE, BASE])
    with pytest.raises(BenchbedError, match="baseline's metric is 0"):
        estimate(rows, 0 * rows)


def test_no_seeds_are_refused():
    with pytest.raises(BenchbedError, match="at least one complete seed"):
        mean_scores([])


def test_gains_are_of_each_task_alone_with_the_worst_and_the_improved():
    factors = np.array([1.2, 1.0, 1.1, 1.3])
    noise = 1 + np.array([[0.0], [0.01], [-0.01]])
    found = task_gains(by_seed(BASE * factors * noise), by_seed(BASE * noise), DELTAS["flat"])
    means = {task: gain.mean for task, gain in found.gains.items()}
    assert means == pytest.approx({"seg": 10, "depth": -10, "flow": -30})
    assert found.worst == "flow"
    assert found.improved == ("seg",)
    assert all(gain.high - gain.low < 1e-6 for gain in found.gains.values())  # noise is shared


@given(runs(2, 4), runs(2, 4), st.sampled_from(["primary", "per-task-mean"]))
def test_delta_m_is_the_mean_of_the_tasks_gains(ours, theirs, definition):
    found = task_gains(by_seed(ours), by_seed(theirs), DELTAS[definition])
    wanted = estimate(ours, theirs, definition).value
    assert np.mean([g.mean for g in found.gains.values()]) == pytest.approx(wanted, abs=1e-8)
    assert found.gains[found.worst].mean == min(g.mean for g in found.gains.values())


def test_a_task_that_did_not_move_is_not_improved():
    rows = by_seed(BASE * np.array([[1.0], [1.1], [0.7]]))
    found = task_gains(rows, rows, DELTAS["flat"])
    assert found.improved == ()
    assert found.worst == "seg"
