"""Ranks, pairs and probabilities, against SciPy and naive definitions."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from benchbed.basics.errors import BenchbedError
from benchbed.report.statistics import comparisons
from benchbed.report.statistics.comparisons import (
    Rank,
    holm,
    pairwise,
    probability_of_improvement,
    ranks,
)
from benchbed.report.statistics.intervals import Estimate

probability = st.floats(0, 1)


def estimates(table: dict[str, list[float]]) -> dict[str, Estimate]:
    """Of the means of values by seed, as of Δm against a baseline without variance."""
    return {
        name: Estimate(float(np.mean(values)), {name: dict(enumerate(values))})
        for name, values in table.items()
    }


def rejected(p_values: list[float], level: float) -> set[int]:
    """Holm's procedure: from the smallest on, stop at the first that is not small enough."""
    found: set[int] = set()
    for index in np.argsort(p_values, kind="stable").tolist():
        if p_values[index] > level / (len(p_values) - len(found)):
            break
        found.add(index)
    return found


@given(st.lists(probability, max_size=12), st.floats(0.001, 0.999))
def test_corrected_p_values_reject_what_holms_procedure_rejects(p_values, level):
    corrected = holm(p_values)
    assume(all(abs(p - level) > 1e-9 for p in corrected))
    assert {i for i, p in enumerate(corrected) if p <= level} == rejected(p_values, level)


@given(st.lists(probability, min_size=1, max_size=12), st.randoms())
def test_correction_keeps_the_order_and_only_enlarges(p_values, random):
    corrected = holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, corrected, strict=True))
    assert min(corrected) == min(1, len(p_values) * min(p_values))
    order = random.sample(range(len(p_values)), len(p_values))
    assert holm([p_values[i] for i in order]) == [corrected[i] for i in order]


def test_corrected_p_values_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@pytest.mark.parametrize("bad", [-0.1, 1.1, float("nan")])
def test_what_is_no_probability_has_no_correction(bad):
    with pytest.raises(BenchbedError, match="between 0 and 1"):
        holm([0.5, bad])


tables = st.integers(2, 5).flatmap(
    lambda n: st.lists(
        st.lists(st.integers(-9, 9).map(float), min_size=n, max_size=n), min_size=1, max_size=5
    )
)


@given(tables)
def test_a_rank_counts_the_methods_that_the_paired_t_test_finds_better(rows):
    table = {f"m{i}": row for i, row in enumerate(rows)}
    for name, rank in ranks(estimates(table)).items():
        surely = {"better": 0, "worse": 0}
        for other in table.keys() - {name}:
            difference = np.subtract(table[other], table[name])
            if np.ptp(difference) == 0:
                sure = difference[0] != 0
            else:
                p_value = stats.ttest_1samp(difference, 0).pvalue
                assume(abs(p_value - 0.05) > 1e-9)
                sure = p_value < 0.05
            if sure:
                surely["better" if difference.mean() > 0 else "worse"] += 1
        assert rank == Rank(1 + surely["better"], len(table) - surely["worse"])


def test_ties_need_not_be_transitive():
    found = ranks(estimates({"a": [5.0, 5.1, 4.9], "b": [3.0, 5.5, 4.0], "c": [3.0, 3.1, 3.05]}))
    assert found == {"a": Rank(1, 2), "b": Rank(1, 3), "c": Rank(2, 3)}


def test_one_seed_tells_nothing_apart():
    found = ranks(estimates({"a": [9.0], "b": [1.0], "c": [5.0]}))
    assert set(found.values()) == {Rank(1, 3)}


def test_the_baseline_takes_part_as_zero_without_variance():
    found = ranks({"base": Estimate(0.0), **estimates({"a": [1.0, 1.1, 1.2], "b": [-2, -2.1, -2]})})
    assert found == {"a": Rank(1, 1), "base": Rank(2, 2), "b": Rank(3, 3)}


def test_a_stricter_level_ties_more():
    table = estimates({"a": [2.0, 2.3, 2.1], "b": [1.0, 1.8, 1.2]})
    assert ranks(table, 0.9)["b"] == Rank(2, 2)
    assert ranks(table, 0.999)["b"] == Rank(1, 2)


def test_the_table_of_pairs_has_each_ones_test_corrected_for_all():
    rng = np.random.default_rng(0)
    shifts = {"a": 0, "b": 0, "c": 3, "d": 9}
    table = {name: (rng.normal(size=6) + shift).tolist() for name, shift in shifts.items()}
    found = pairwise(estimates(table))
    assert [(pair.a, pair.b) for pair in found] == list(combinations(table, 2))
    tests = [stats.ttest_rel(table[pair.a], table[pair.b]) for pair in found]
    assert [p.difference.p_value for p in found] == pytest.approx([t.pvalue for t in tests])
    corrected = holm([t.pvalue for t in tests])
    assert [pair.p_holm for pair in found] == pytest.approx(corrected)
    assert [pair.better for pair in found] == [None, "c", "d", "c", "d", "d"]


def test_a_difference_that_is_sure_alone_may_not_be_among_many():
    rng = np.random.default_rng(0)
    table = {f"m{i}": rng.normal(size=4).tolist() for i in range(8)}
    found = pairwise(estimates(table))
    assert any(pair.difference.p_value < 0.05 for pair in found)
    assert all(pair.better is None for pair in found)


def test_who_is_better_goes_by_the_level():
    table = estimates({"a": [2.0, 2.3, 2.1], "b": [1.0, 1.8, 1.2]})
    (usual,), (lenient,), (strict,) = (pairwise(table, level) for level in (0.95, 0.9, 0.99))
    assert 0.01 < usual.p_holm < 0.05
    assert (usual.better, lenient.better, strict.better) == ("a", "a", None)


def test_pairs_without_an_interval_are_not_counted_in_the_correction():
    table = estimates({"a": [1.0, 1.1, 1.2], "b": [2.0, 2.2, 2.1], "c": [5.0]})
    ab, ac, bc = pairwise(table)
    assert ab.p_holm == ab.difference.p_value
    assert (ac.p_holm, ac.better, bc.p_holm) == (None, None, None)


runs = st.lists(st.integers(0, 5).map(float), min_size=1, max_size=8)


@given(runs, runs, st.booleans())
def test_the_probability_of_improvement_is_mann_and_whitneys_u_as_a_share(a, b, higher):
    found = probability_of_improvement(a, b, higher_is_better=higher)
    statistic = stats.mannwhitneyu(a, b, method="asymptotic", use_continuity=False).statistic
    share = statistic / (len(a) * len(b))
    assert found == pytest.approx(share if higher else 1 - share)
    assert found + probability_of_improvement(b, a, higher_is_better=higher) == pytest.approx(1)


def test_the_probability_of_improvement_needs_runs():
    with pytest.raises(BenchbedError, match="a run of both"):
        probability_of_improvement([], [1.0])


@given(tables, st.booleans())
def test_many_methods_with_the_same_seeds_have_the_ranks_that_few_have(rows, shared):
    found = estimates({f"m{i}": row for i, row in enumerate(rows)})
    if shared:  # as of Δm against one baseline
        baseline = dict(enumerate(np.linspace(-1.0, 2.0, len(rows[0])).tolist()))
        found = {
            name: Estimate(e.value, {**e.influence, "base": baseline}) for name, e in found.items()
        }
    before = comparisons.MANY
    try:
        comparisons.MANY = 1
        at_once = ranks(found)
    finally:
        comparisons.MANY = before
    assert at_once == ranks(found)
