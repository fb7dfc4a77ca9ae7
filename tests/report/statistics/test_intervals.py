"""Intervals of means and differences, against SciPy's tests and by simulation."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from benchbed.basics.errors import BenchbedError
from benchbed.report.statistics.intervals import Estimate, interval, paired_difference

value = st.floats(-100, 100, allow_subnormal=False)
levels = st.floats(0.5, 0.999)
close = {"rel": 1e-6, "abs": 1e-8}


def spread(values) -> float:
    return float(np.std(values, ddof=1))


def by_seed(values, first: int = 0) -> dict[int, float]:
    return dict(enumerate(map(float, values), start=first))


@given(st.lists(value, min_size=2, max_size=12), levels)
def test_a_means_interval_is_students(values, level):
    assume(spread(values) > 1e-4)
    found = interval(values, level)
    wanted = stats.ttest_1samp(values, 0).confidence_interval(level)
    assert found.mean == pytest.approx(np.mean(values), **close)
    assert found.std == pytest.approx(spread(values), **close)
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), **close)
    assert (found.n, found.level, found.note) == (len(values), level, "")


@pytest.mark.parametrize("n", [3, 5, 10])
def test_the_interval_covers_the_true_mean_as_often_as_it_says(n):
    samples = np.random.default_rng(n).normal(5, 2, (3000, n)).tolist()
    covered = np.mean([interval(sample).holds(5) for sample in samples])
    assert 0.93 <= covered <= 0.97


def test_one_seed_has_no_interval_and_says_so():
    found = interval([0.7])
    assert (found.mean, found.low, found.high, found.std, found.n) == (0.7, None, None, None, 1)
    assert "no interval: one seed" in found.note
    assert found.holds(-1e9)


@given(value, st.integers(2, 12))
def test_values_that_do_not_vary_have_an_interval_of_zero_width(x, n):
    found = interval([x] * n)
    assert (found.low, found.mean, found.high, found.std) == (x, x, x, 0)


@given(st.lists(value, min_size=2, max_size=8), st.floats(0.01, 100), st.booleans())
def test_the_interval_moves_and_scales_with_the_values(values, scale, flip):
    assume(spread(values) > 1e-4)
    factor = -scale if flip else scale
    found, moved = interval(values), interval([7 + factor * x for x in values])
    ends = sorted([7 + factor * found.low, 7 + factor * found.high])
    assert [moved.low, moved.high] == pytest.approx(ends, rel=1e-6, abs=1e-6)


pairs = st.lists(st.tuples(value, value), min_size=2, max_size=10)


@given(pairs, levels, st.booleans())
def test_with_the_same_seeds_a_difference_is_the_paired_t_test(values, level, higher):
    a, b = np.array(values).T
    assume(spread(a - b) > 1e-4)
    found = paired_difference(by_seed(a), by_seed(b), level, higher_is_better=higher)
    test = stats.ttest_rel(a, b) if higher else stats.ttest_rel(b, a)
    wanted = test.confidence_interval(level)
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), **close)
    assert found.p_value == pytest.approx(test.pvalue, **close)
    assert found.std == pytest.approx(spread(a - b), **close)
    assert (found.n, found.paired) == (len(values), True)


@given(
    st.lists(value, min_size=2, max_size=8), st.lists(value, min_size=2, max_size=8), st.booleans()
)
def test_with_other_seeds_variances_add_up_and_the_smaller_group_sets_the_freedom(a, b, overlap):
    assume(min(spread(a), spread(b)) > 1e-4)
    found = paired_difference(by_seed(a), by_seed(b, 1 if overlap else 100))
    statistic = stats.ttest_ind(a, b, equal_var=False).statistic
    freedom = min(len(a), len(b)) - 1
    error = math.hypot(stats.sem(a), stats.sem(b))
    half = stats.t.ppf(0.975, freedom) * error
    difference = np.mean(a) - np.mean(b)
    assert (found.low, found.high) == pytest.approx((difference - half, difference + half), **close)
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(statistic), freedom), **close)
    assert (found.n, found.paired, found.std) == (freedom + 1, False, None)


@pytest.mark.parametrize(("n", "m", "ratio"), [(2, 10, 0.3), (3, 10, 0.5), (3, 3, 1), (5, 10, 2)])
def test_unpaired_intervals_cover_zero_whatever_the_sizes_and_variances(n, m, ratio):
    rng = np.random.default_rng(n * m)
    a, b = rng.normal(0, 1, (2000, n)), rng.normal(0, ratio, (2000, m))
    covered = [
        paired_difference(by_seed(x), by_seed(y, 100)).holds(0) for x, y in zip(a, b, strict=True)
    ]
    assert np.mean(covered) >= 0.94


@given(pairs, st.integers(0, 3))
def test_the_p_value_is_small_exactly_where_the_interval_leaves_zero_out(values, shift):
    a, b = np.array(values).T
    found = paired_difference(by_seed(a), by_seed(b, shift))
    assert 0 <= found.p_value <= 1
    assume(abs(found.p_value - 0.05) > 1e-9)
    assert found.holds(0) == (found.p_value > 0.05)


@given(pairs, st.randoms())
def test_the_order_of_seeds_does_not_matter_and_sides_change_the_sign(values, random):
    a, b = (by_seed(side) for side in zip(*values, strict=True))
    found = paired_difference(a, b)
    seeds = list(b)
    random.shuffle(seeds)
    turned = paired_difference({seed: b[seed] for seed in seeds}, a)
    assert (turned.mean, turned.low, turned.high) == pytest.approx(
        (-found.mean, -found.high, -found.low), **close
    )
    assert turned.p_value == pytest.approx(found.p_value, **close)


@pytest.mark.parametrize("first", [0, 100])
def test_p_values_are_defined_where_nothing_varies(first):
    same = paired_difference(by_seed([0.1 + 0.2] * 3), by_seed([0.3] * 3, first))
    assert (same.mean, same.low, same.high, same.p_value) == (0, 0, 0, 1)
    other = paired_difference(by_seed([0.5] * 3), by_seed([0.3] * 3, first))
    assert other.low == other.high == pytest.approx(0.2)
    assert other.p_value == 0


def test_a_side_with_one_seed_has_no_interval_and_is_named():
    found = paired_difference({0: 0.5, 1: 0.6}, {0: 0.4})
    assert (found.low, found.high, found.p_value) == (None, None, None)
    assert "one seed of the second method" in found.note
    assert found.mean == pytest.approx(0.15)
    assert found.holds(0)


def test_what_two_estimates_share_is_in_their_difference_but_once():
    own = {"x": {0: 1.0, 1: 2.0, 2: 4.0}}
    shared = {"base": {0: 5.0, 1: -3.0, 2: 40.0}}
    a = Estimate(9.0, own | shared)
    b = Estimate(4.0, {"y": {0: 1.0, 1: 1.0, 2: 3.0}} | shared)
    found = (a - b).interval()
    wanted = interval([0.0, 1.0, 1.0])
    assert found.std == pytest.approx(wanted.std)
    assert found.high - found.low == pytest.approx(wanted.high - wanted.low)
    assert (a - a).interval().p_value == 1
    assert (a - Estimate(4.0)).interval().std == a.interval().std


@pytest.mark.parametrize("level", [0, 1, 95, math.nan])
def test_a_level_that_is_no_probability_is_refused(level):
    with pytest.raises(BenchbedError, match=r"between 0 and 1.*try 0\.95"):
        interval([1.0, 2.0], level)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_values_that_are_not_finite_are_refused(bad):
    with pytest.raises(BenchbedError, match="infinite or NaN"):
        interval([1.0, bad])
    with pytest.raises(BenchbedError, match="infinite or NaN"):
        Estimate(1.0, {"x": {0: bad, 1: 1.0}}).interval()


def test_no_values_are_refused():
    for call in (lambda: interval([]), lambda: paired_difference({}, {0: 1.0})):
        with pytest.raises(BenchbedError, match="at least one complete seed"):
            call()


def test_importing_the_statistics_loads_neither_numpy_nor_scipy():
    modules = ", ".join(
        f"benchbed.report.statistics.{name}"
        for name in ("intervals", "gains", "comparisons", "protocols")
    )
    source = f"import sys, {modules}\nsys.exit(len({{'numpy', 'scipy'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", source], check=False).returncode == 0
