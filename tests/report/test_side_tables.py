"""Pairs of methods and methods over several protocols, against SciPy and plain NumPy."""

from __future__ import annotations

import io
import json

import msgspec
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchbed.basics.errors import BenchbedError
from benchbed.contracts.protocol import Protocol
from benchbed.records.store import Store
from benchbed.report.leaderboard import Leaderboard, build_leaderboard
from benchbed.report.side_tables import (
    across,
    across_json,
    across_table,
    pairs_csv,
    pairs_json,
    pairs_table,
    to_markdown,
)
from benchbed.report.table.source import stated
from tests.fakes import SCORES, TRIO, failure, put, record, single

TASKS = {"seg": ("miou", 1), "depth": ("abs", -1), "parts": ("miou", 1)}
"""Each task's primary metric and its sign in Δm."""
Runs = dict[str, np.ndarray]
"""Of each method: seeds × tasks, the primary metrics."""


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "results")


def on(dataset: str, name: str | None = None, **changes) -> Protocol:
    """The protocol of the fakes on another data set."""
    data = msgspec.structs.replace(TRIO.data, dataset=dataset)
    return msgspec.structs.replace(TRIO, name=name or dataset, data=data, **changes)


def made_up(methods: dict[str, float], seeds: int, spread: float, number: int = 0) -> Runs:
    """Scores that are better than the baseline's by a factor, but for noise."""
    rng = np.random.default_rng(number)
    start = np.array([SCORES[task][metric] for task, (metric, _) in TASKS.items()])
    signs = np.array([sign for _, sign in TASKS.values()])
    return {
        method: start * factor**signs * (1 + spread * rng.normal(size=(seeds, 3)))
        for method, factor in methods.items()
    }


def board_of(store: Store, runs: Runs, protocol: Protocol = TRIO) -> Leaderboard:
    """Write the scores down as records; return their leaderboard."""
    for method, every in runs.items():
        for seed, values in enumerate(every.tolist()):
            test = {
                task: SCORES[task] | {metric: value}
                for (task, (metric, _)), value in zip(TASKS.items(), values, strict=True)
            }
            if method == "single-task":
                put(store, *single(seed, test, protocol=protocol))
            else:
                put(store, record(method, seed, test, protocol=protocol))
    return build_leaderboard(protocol, store)


def moves(runs: Runs, method: str) -> np.ndarray:
    """Each seed's Δm to first order, with the baseline's run of that seed."""
    ours, theirs = runs[method], runs["single-task"]
    if ours is theirs:
        return np.zeros(len(ours))
    signs = np.array([sign for _, sign in TASKS.values()])
    base = theirs.mean(0)
    slope = 100 / 3 * signs / base
    return (ours - base) @ slope - (theirs - base) @ (slope * ours.mean(0) / base)


METHODS = {"single-task": 1.0, "hps+a": 1.1, "hps+b": 1.02, "hps+c": 1.01, "hps+d": 0.9}


def holm(values: list[float]) -> np.ndarray:
    order = np.argsort(values)
    stepped = np.array(values)[order] * np.arange(len(values), 0, -1)
    corrected = np.empty(len(values))
    corrected[order] = np.minimum(np.maximum.accumulate(stepped), 1)
    return corrected


@pytest.mark.parametrize("spread", [0.003, 0.02, 0.1])
def test_pairs_are_paired_t_tests_of_first_order_deltas_corrected_by_holm(store, spread):
    runs = made_up(METHODS, 5, spread)
    pairs = pairs_json(board_of(store, runs))
    assert len(pairs) == 10
    tests = [stats.ttest_1samp(moves(runs, p["a"]) - moves(runs, p["b"]), 0) for p in pairs]
    corrected = holm([test.pvalue for test in tests])
    for pair, test, p_holm in zip(pairs, tests, corrected, strict=True):
        interval = test.confidence_interval(0.95)
        assert (pair["low"], pair["high"]) == pytest.approx((interval.low, interval.high))
        assert pair["difference"] == pytest.approx((interval.low + interval.high) / 2)
        assert (pair["p"], pair["p_holm"]) == pytest.approx((test.pvalue, p_holm))
        winner = pair["a"] if test.statistic > 0 else pair["b"]
        assert pair["better"] == (winner if p_holm < 0.05 else None)


def test_the_table_of_pairs_has_those_told_apart_the_surest_first(store):
    board = board_of(store, made_up(METHODS, 5, 0.03))
    apart = [pair for pair in pairs_json(board) if pair["better"]]
    assert 0 < len(apart) < 10, "some must be told apart and some not"
    headers, rows, lines = pairs_table(board)
    assert headers == ["better", "worse", "by", "p (Holm)"]
    p_values = []
    for better, worse, by, p in rows:
        (pair,) = [pair for pair in apart if {pair["a"], pair["b"]} == {better, worse}]
        assert better == pair["better"]
        assert float(by) == pytest.approx(abs(pair["difference"]), abs=0.005)
        assert float(p) == pytest.approx(pair["p_holm"], rel=0.005)
        p_values.append(pair["p_holm"])
    assert len(rows) == len(apart)
    assert p_values == sorted(p_values)
    assert lines[0].startswith(f"Of 10 pairs, {len(apart)} are told apart at 5 % after Holm's")


def test_pairs_of_one_seed_have_no_p_value_and_are_not_told_apart(store):
    board = board_of(store, made_up(METHODS, 1, 0.0))
    for pair in pairs_json(board):
        assert [pair[name] for name in ("low", "high", "p", "p_holm", "better")] == [None] * 5
    assert pairs_table(board)[1] == []


def test_pairs_as_csv_read_back_as_the_json(store):
    board = board_of(store, made_up(METHODS, 3, 0.05))
    read = pd.read_csv(io.StringIO(pairs_csv(board)))
    expected = pd.DataFrame(pairs_json(board))
    pd.testing.assert_frame_equal(read[expected.columns], expected, check_dtype=False)
    for name, value in stated(board).items():
        assert set(read[name]) == {value}


def boards(store: Store, datasets: list[str], methods=METHODS, spread=0.02) -> list[Leaderboard]:
    """A leaderboard for each data set."""
    return [
        board_of(store, made_up(methods, 4, spread, n), on(dataset, f"p{n}"))
        for n, dataset in enumerate(datasets)
    ]


def deltas(found: list[Leaderboard]) -> np.ndarray:
    """Protocols × methods, Δm of the means."""
    return np.array(
        [
            [
                next(r.standing.estimate.value for r in board.rows if r.method == method)
                for method in METHODS
            ]
            for board in found
        ]
    )


def test_mean_ranks_are_those_of_scipy_best_first(store):
    every = boards(store, ["one", "two", "three"])
    found = across(every)
    ranks = stats.rankdata(-deltas(every), axis=1).mean(axis=0)
    assert dict(found.mean_ranks) == pytest.approx(dict(zip(METHODS, ranks, strict=True)))
    assert list(found.mean_ranks.values()) == sorted(found.mean_ranks.values())
    assert found.protocols == ("p0@2", "p1@2", "p2@2")


def test_interquartile_means_are_of_the_middle_half_of_all_runs(store):
    datasets = ["one", "two"]
    found = across(boards(store, datasets))
    every = [made_up(METHODS, 4, 0.02, n) for n in range(len(datasets))]
    signs = np.array([sign for _, sign in TASKS.values()])
    for method in METHODS:
        pooled = [
            100 * ((runs[method] / runs["single-task"].mean(0) - 1) @ signs) / 3 for runs in every
        ]
        expected = np.sort(np.concatenate(pooled))[2:6].mean()
        assert found.interquartile_means[method] == pytest.approx(expected)


def test_below_ten_data_sets_a_sentence_says_why_there_is_no_critical_difference(store):
    _, rows, lines = across_table(across(boards(store, ["one", "two"])))
    assert len(rows) == 5
    difference = 2.728 * np.sqrt(5 * 6 / (6 * 2))  # J. Demšar, JMLR 2006, table 5a
    assert (
        "No critical difference: it needs at least 10 data sets, here are 2, with which two of 5 "
        f"methods must differ by {difference:.1f} in mean rank, 4 being the most that there is."
    ) in lines


TEN = [f"data-{n}" for n in range(10)]
THREE = {"single-task": 1.0, "hps+a": 1.2, "hps+b": 0.8}


def test_ten_data_sets_have_a_critical_difference(store):
    every = boards(store, TEN, THREE)
    found = across(every)
    assert found.critical is not None
    assert found.critical.datasets == 10
    difference = 2.343 * np.sqrt(3 * 4 / (6 * 10))  # J. Demšar, JMLR 2006, table 5a
    assert found.critical.difference == pytest.approx(difference, rel=1e-3)
    values = [
        [
            next(r.standing.estimate.value for r in board.rows if r.method == method)
            for board in every
        ]
        for method in THREE
    ]
    p_value = stats.friedmanchisquare(*values).pvalue
    assert found.critical.p_value == pytest.approx(p_value)
    lines = across_table(found)[2]
    assert any(
        line.startswith(f"Critical difference of mean ranks {difference:.2f} (Friedman, Nemenyi")
        for line in lines
    )
    assert not any("no methods are told apart" in line for line in lines)


def test_where_friedmans_test_rejects_nothing_the_table_says_that_nothing_is_told_apart(store):
    found = across(boards(store, TEN, dict.fromkeys(THREE, 1.0), 0.1))
    assert found.critical.p_value > 0.05, "equal methods"
    lines = across_table(found)[2]
    assert "Friedman's test rejects nothing, so no methods are told apart." in lines


def test_protocols_of_one_data_set_count_as_one(store):
    found = across(boards(store, [*TEN[:9], TEN[0]], THREE))
    assert len(found.protocols) == 10
    assert found.critical is None
    assert "here are 9" in found.critical_note


def test_methods_that_a_protocol_lacks_are_left_out_and_named(store):
    one, two = boards(store, ["one"]), on("two", "p1")
    put(store, failure("hps+a", 0, protocol=two), failure("hps+a", 1, protocol=two))
    runs = made_up({m: f for m, f in METHODS.items() if m != "hps+a"}, 4, 0.02, 1)
    found = across([*one, board_of(store, runs, two)])
    assert "hps+a" not in found.mean_ranks
    assert "hps+a" not in found.interquartile_means
    assert "hps+a" not in found.profiles.shares
    assert dict(found.left_out) == {"hps+a": ("p1@2",)}
    assert "Left out: hps+a, which p1@2 lacks." in across_table(found)[2]


def test_no_method_in_all_protocols_is_a_sentence(store):
    one = board_of(store, made_up({"hps+a": 1.0}, 2, 0.1), on("one", "p0"))
    with pytest.raises(BenchbedError, match="No method has results in all of these protocols"):
        across([one])


def test_a_comparison_over_protocols_is_plain_data(store):
    found = across(boards(store, ["one", "two"]))
    plain = json.loads(json.dumps(across_json(found)))
    assert plain["protocols"] == ["p0@2", "p1@2"]
    assert plain["mean_ranks"] == found.mean_ranks
    assert plain["critical"] is None
    assert plain["critical_note"].startswith("No critical difference")


def test_markdown_has_the_table_and_then_its_lines():
    text = to_markdown("Title", (["a", "b"], [["x", "1"], ["y", "2"]], ["One.", "Two."]))
    lines = text.splitlines()
    assert lines[:2] == ["## Title", ""]
    assert [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:6]][::2] == [
        ["a", "b"],
        ["x", "1"],
    ]
    assert lines[-2:] == ["- One.", "- Two."]
