"""Methods over several protocols, against SciPy, NumPy and printed tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from benchbed.basics.errors import BenchbedError
from benchbed.report.statistics.protocols import (
    compare_protocols,
    critical_difference,
    interquartile_mean,
    mean_ranks,
    nemenyi_difference,
    performance_profiles,
)

number = st.integers(-50, 50).map(lambda n: n / 4)

# J. Demšar, JMLR 2006, table 6: AUC of C4.5 with its parameters m, cf or both tuned
C45 = ["C4.5", "m", "cf", "m+cf"]
AUC = {
    "adult": (0.763, 0.768, 0.771, 0.798),
    "breast cancer": (0.599, 0.591, 0.590, 0.569),
    "breast cancer wisconsin": (0.954, 0.971, 0.968, 0.967),
    "cmc": (0.628, 0.661, 0.654, 0.657),
    "ionosphere": (0.882, 0.888, 0.886, 0.898),
    "iris": (0.936, 0.931, 0.916, 0.931),
    "liver disorders": (0.661, 0.668, 0.609, 0.685),
    "lung cancer": (0.583, 0.583, 0.563, 0.625),
    "lymphography": (0.775, 0.838, 0.866, 0.875),
    "mushroom": (1.000, 1.000, 1.000, 1.000),
    "primary tumor": (0.940, 0.962, 0.965, 0.962),
    "rheum": (0.619, 0.666, 0.614, 0.669),
    "voting": (0.972, 0.981, 0.97501, 0.975),  # printed alike, ranked 2 and 3
    "wine": (0.957, 0.978, 0.946, 0.970),
}
DEMSAR = {name: dict(zip(C45, row, strict=True)) for name, row in AUC.items()}


def matrix(array, prefix="d") -> dict[str, dict[str, float]]:
    return {
        f"{prefix}{i}": {f"m{j}": float(x) for j, x in enumerate(row)}
        for i, row in enumerate(array)
    }


def test_mean_ranks_are_those_that_demsar_prints():
    found = mean_ranks(DEMSAR)
    assert list(found) == ["m+cf", "m", "cf", "C4.5"]
    printed = {"C4.5": 3.143, "m": 2.000, "cf": 2.893, "m+cf": 1.964}
    assert found == pytest.approx(printed, abs=5e-4)


@given(
    st.integers(1, 5).flatmap(
        lambda k: st.lists(st.lists(number, min_size=k, max_size=k), min_size=1, max_size=6)
    )
)
def test_mean_ranks_are_scipys_and_share_out_all_places(rows):
    found = mean_ranks(matrix(rows))
    wanted = stats.rankdata(-np.array(rows), axis=1).mean(0)
    assert [found[f"m{j}"] for j in range(len(rows[0]))] == pytest.approx(wanted)
    assert sum(found.values()) == pytest.approx(len(found) * (len(found) + 1) / 2)
    assert list(found.values()) == sorted(found.values())


def test_a_floats_rounding_is_a_tie():
    assert mean_ranks({"p": {"a": 0.1 + 0.2, "b": 0.3}}) == {"a": 1.5, "b": 1.5}


@pytest.mark.parametrize("deltas", [{}, {"p": {}}, {"p": {"a": 1.0}, "q": {"b": 1.0}}])
def test_ranks_of_other_methods_under_each_protocol_are_refused(deltas):
    with pytest.raises(BenchbedError, match="same methods, at least one, under every"):
        mean_ranks(deltas)


groups = st.lists(st.lists(number, min_size=1, max_size=6), min_size=1, max_size=5)


@given(groups)
def test_the_interquartile_mean_is_the_trimmed_mean_of_values_repeated_to_equal_weight(every):
    """Repeated so often that each protocol has as many and four divides their number."""
    size = 4 * math.lcm(*map(len, every))
    repeated = np.concatenate([np.repeat(group, size // len(group)) for group in every])
    assert interquartile_mean(every) == pytest.approx(stats.trim_mean(repeated, 0.25), abs=1e-9)


@given(st.lists(st.lists(number, min_size=4, max_size=4), min_size=1, max_size=4))
def test_it_is_the_plain_trimmed_mean_where_four_divides_the_number(every):
    wanted = stats.trim_mean(np.array(every), 0.25, axis=None)
    assert interquartile_mean(every) == pytest.approx(wanted, abs=1e-9)


def test_the_interquartile_mean_of_three_by_hand():
    assert interquartile_mean([[1.0, 2.0, 300.0]]) == pytest.approx((1 + 4 * 2 + 300) / 6)
    assert interquartile_mean([[5.0]]) == 5
    assert interquartile_mean([[0.0] * 9, [8.0]]) == pytest.approx(4)


@given(st.dictionaries(st.sampled_from("abc"), groups, min_size=1))
def test_a_profile_is_the_mean_share_of_runs_that_reach_each_threshold(runs):
    found = performance_profiles(runs)
    values = np.concatenate([group for every in runs.values() for group in every])
    assert found.thresholds == tuple(np.unique(values))
    for method, every in runs.items():
        wanted = [np.mean([np.mean(np.array(g) >= t) for g in every]) for t in found.thresholds]
        assert found.shares[method] == pytest.approx(wanted)
        assert found.shares[method][0] == 1
        assert all(np.diff(found.shares[method]) <= 0)


def test_summaries_without_runs_are_refused():
    for call in (
        lambda: interquartile_mean([]),
        lambda: interquartile_mean([[1.0], []]),
        lambda: performance_profiles({"a": [[]]}),
    ):
        with pytest.raises(BenchbedError, match="a run under each"):
            call()


PRINTED = {
    0.95: [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164],
    0.90: [1.645, 2.052, 2.291, 2.459, 2.589, 2.693, 2.780, 2.855, 2.920],
}


@pytest.mark.parametrize("level", PRINTED)
def test_quantiles_are_those_of_demsars_table(level):
    """Table 5a prints three decimals, of which the last is one off in places."""
    found = [nemenyi_difference(k, 10, level) / math.sqrt(k * (k + 1) / 60) for k in range(2, 11)]
    assert found == pytest.approx(PRINTED[level], abs=1.1e-3)


def test_demsars_example_of_the_critical_difference():
    found = critical_difference(DEMSAR)
    assert found.difference == pytest.approx(1.25, abs=5e-3)
    assert critical_difference(DEMSAR, 0.9).difference == pytest.approx(1.12, abs=5e-3)
    assert found.datasets == 14
    assert found.p_value == pytest.approx(
        stats.friedmanchisquare(*np.array([*AUC.values()]).T).pvalue
    )
    assert found.p_value < 0.05
    assert found.groups == (("m+cf", "m", "cf", "C4.5"),)
    assert critical_difference(DEMSAR, 0.9).groups == (("m+cf", "m", "cf"), ("cf", "C4.5"))


def ordered(count: int, methods: int) -> np.ndarray:
    """Always the same order: mean ranks 1, 2, 3, …"""
    return np.tile(-np.arange(methods, dtype=float), (count, 1)) + np.arange(count)[:, None]


def test_groups_are_the_longest_neighbourhoods_below_the_difference():
    found = critical_difference(matrix(ordered(20, 6)))
    assert 1 < found.difference < 2
    assert found.groups == tuple((f"m{i}", f"m{i + 1}") for i in range(5))


def test_methods_that_all_differ_have_no_groups():
    found = critical_difference(matrix(ordered(100, 3)))
    assert found.difference < 1
    assert found.groups == ()


def test_where_friedmans_test_rejects_nothing_all_are_one_group():
    """The first and last of ten differ by more than the difference, the others hide it."""
    up = np.arange(10.0)
    middle_down = np.concatenate([up[:1], up[8:0:-1], up[9:]])
    found = critical_difference(matrix([up, middle_down] * 3 + [up, up[::-1]] * 3))
    assert found.mean_ranks["m0"] - found.mean_ranks["m9"] == 4.5 > found.difference
    assert found.p_value > 0.1
    assert found.groups == (tuple(found.mean_ranks),)


def test_equal_methods_have_a_p_value_of_one():
    found = critical_difference(matrix(np.ones((12, 3))))
    assert found.p_value == 1
    assert found.groups == (("m0", "m1", "m2"),)


def test_fewer_than_ten_data_sets_are_refused_with_what_they_could_tell():
    with pytest.raises(BenchbedError, match=r"10 data sets, here are 9.*5 methods.*2\.0.*4 being"):
        critical_difference(matrix(ordered(9, 5)))


def test_two_methods_have_no_diagram():
    with pytest.raises(BenchbedError, match="at least 3 methods, here are 2"):
        critical_difference(matrix(ordered(12, 2)))


RUNS = {
    "p1": {"a": [1.0, 3.0], "b": [0.0], "c": [9.0, 9.0]},
    "p2": {"a": [2.0, 2.0, 5.0], "b": [4.0], "d": []},
    "p3": {"a": [1.0], "b": [-1.0, 1.0], "c": [2.0]},
}


def test_only_methods_with_results_everywhere_are_compared_and_the_others_named():
    found = compare_protocols(RUNS, {"p1": "x", "p2": "x", "p3": "y"})
    assert found.protocols == ("p1", "p2", "p3")
    assert found.left_out == {"c": ("p2",), "d": ("p1", "p2", "p3")}
    assert found.mean_ranks == pytest.approx({"a": 4 / 3, "b": 5 / 3})
    assert found.interquartile_means["a"] == interquartile_mean(RUNS[p]["a"] for p in RUNS)
    assert set(found.profiles.shares) == {"a", "b"}
    assert found.critical is None
    assert "at least 3 methods" in found.critical_note


def test_protocols_of_one_data_set_count_once_in_the_critical_difference():
    rng = np.random.default_rng(5)
    values = rng.normal(size=(12, 2, 4, 3))  # data sets, protocols, methods, seeds
    runs = {
        f"{d}-{p}": {f"m{m}": values[d, p, m].tolist() for m in range(4)}
        for d in range(12)
        for p in range(2)
    }
    found = compare_protocols(runs, {name: name.split("-")[0] for name in runs})
    assert found.critical == critical_difference(matrix(values.mean((1, 3)), prefix=""))
    assert found.critical_note == ""
    few = compare_protocols(runs, {name: f"{int(name.split('-')[0]) % 9}" for name in runs})
    assert few.critical is None
    assert "here are 9" in few.critical_note


@pytest.mark.parametrize("runs", [{}, {"p": {"a": [1.0]}, "q": {"b": [1.0]}}])
def test_protocols_without_a_method_in_common_are_refused(runs):
    with pytest.raises(BenchbedError, match="No method has results in all"):
        compare_protocols(runs, {"p": "x", "q": "y"})
