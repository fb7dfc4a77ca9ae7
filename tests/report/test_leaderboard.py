"""The leaderboard's numbers against hand computation, and what it says of what is not there."""

from __future__ import annotations

import dataclasses
import io
import json
import math
import re

import msgspec
import numpy as np
import pytest
from rich.console import Console
from scipy import stats

from benchbed.basics.errors import BenchbedError
from benchbed.contracts.protocol import DeltaM, Selection, parse_protocol
from benchbed.records.record import MetricInfo
from benchbed.records.store import Store
from benchbed.report.formats.frame import to_frame
from benchbed.report.formats.json import to_json
from benchbed.report.formats.markdown import to_markdown
from benchbed.report.formats.terminal import to_terminal
from benchbed.report.leaderboard import build_leaderboard
from benchbed.report.row import Row
from benchbed.report.table.build import caption
from benchbed.report.table.columns.plugins import add_columns
from tests import fakes
from tests.fakes import TRIO, failure, measurement, put, record, scaled, single


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "results")


def rows(store: Store, protocol=TRIO, **options) -> dict[str, Row]:
    return {row.method: row for row in build_leaderboard(protocol, store, **options).rows}


def scores(seg: float, acc: float, depth: float, rel: float, parts: float):
    return {
        "seg": {"miou": seg, "acc": acc},
        "depth": {"abs": depth, "rel": rel},
        "parts": {"miou": parts},
    }


BASE = [scores(0.50, 0.80, 0.20, 0.10, 0.40), scores(0.54, 0.84, 0.24, 0.14, 0.42)]
MTL = [scores(0.52, 0.79, 0.22, 0.11, 0.44), scores(0.56, 0.85, 0.20, 0.12, 0.41)]


def put_both(store: Store) -> None:
    for seed in (0, 1):
        put(store, *single(seed, BASE[seed]), record("hps+equal", seed, MTL[seed]))


def test_mean_and_sample_standard_deviation_are_those_computed_by_hand(store):
    put_both(store)
    stat = rows(store)["hps+equal"].tasks["seg"]["miou"]
    assert stat.mean == pytest.approx(0.54)
    assert stat.std == pytest.approx(math.sqrt(2 * 0.02**2 / 1))  # n - 1 = 1
    assert stat.n == 2
    assert rows(store)["single-task"].tasks["depth"]["rel"].mean == pytest.approx(0.12)


def test_three_seeds_divide_by_two_not_by_three(store):
    for seed, value in enumerate((0.1, 0.2, 0.6)):
        put(store, record("hps+equal", seed, scores(value, 0.8, 0.2, 0.1, 0.4)))
    stat = rows(store)["hps+equal"].tasks["seg"]["miou"]
    assert stat.std == pytest.approx(math.sqrt((0.2**2 + 0.1**2 + 0.3**2) / 2))
    assert stat.n == 3


def test_one_seed_has_no_standard_deviation(store):
    put(store, *single(0, BASE[0]), record("hps+equal", 0, MTL[0]))
    row = rows(store)["hps+equal"]
    assert row.tasks["seg"]["miou"].std is None
    assert row.delta_m.std is None
    assert row.delta_m.n == 1


def gains(method, base):
    """Δm terms by hand: seg and parts are better when higher, depth when lower."""
    return {
        "miou": (method["seg"]["miou"] - base["seg"]["miou"]) / base["seg"]["miou"],
        "acc": (method["seg"]["acc"] - base["seg"]["acc"]) / base["seg"]["acc"],
        "abs": -(method["depth"]["abs"] - base["depth"]["abs"]) / base["depth"]["abs"],
        "rel": -(method["depth"]["rel"] - base["depth"]["rel"]) / base["depth"]["rel"],
        "parts": (method["parts"]["miou"] - base["parts"]["miou"]) / base["parts"]["miou"],
    }


def by_hand(definition, method, base):
    g = gains(method, base)
    return (
        100
        * {
            "primary": (g["miou"] + g["abs"] + g["parts"]) / 3,
            "per-task-mean": ((g["miou"] + g["acc"]) / 2 + (g["abs"] + g["rel"]) / 2 + g["parts"])
            / 3,
            "flat": sum(g.values()) / 5,
        }[definition]
    )


def mean(items):
    return {
        task: {metric: sum(item[task][metric] for item in items) / len(items) for metric in metrics}
        for task, metrics in items[0].items()
    }


# The columns of seg miou, seg acc, depth abs, depth rel and parts miou.
SIGNS = np.array([1, 1, -1, -1, 1])
SHARES = {
    "primary": np.array([1, 0, 1, 0, 1]) / 3,
    "per-task-mean": np.array([1, 1, 1, 1, 2]) / 6,
    "flat": np.ones(5) / 5,
}


def influences(definition, method, base):
    """How Δm = 100·Σ share·sign·(M̄ − B̄)/B̄ moves with each run of either side.

    By the delta method: with slope 100·share·sign/B̄ in M, and −100·share·sign·M̄/B̄² in B.
    """
    ours, theirs = (
        np.array([[v for ms in run.values() for v in ms.values()] for run in runs])
        for runs in (method, base)
    )
    slope = 100 * SHARES[definition] * SIGNS / theirs.mean(0)
    return ours @ slope, -theirs @ (slope * ours.mean(0) / theirs.mean(0))


THIRD = [scores(0.51, 0.80, 0.19, 0.15, 0.45), scores(0.49, 0.83, 0.23, 0.12, 0.42)]


@pytest.mark.parametrize("definition", ["primary", "per-task-mean", "flat"])
def test_delta_m_is_that_of_the_means_and_its_interval_is_paired_by_seed(store, definition):
    method, base = [*MTL, THIRD[0]], [*BASE, THIRD[1]]
    for seed in range(3):
        put(store, *single(seed, base[seed]), record("hps+equal", seed, method[seed]))
    delta = rows(store, definition=definition)["hps+equal"].delta_m
    value = by_hand(definition, mean(method), mean(base))
    assert delta.mean == pytest.approx(value)
    of_seeds = np.add(*influences(definition, method, base))
    half = stats.t.ppf(0.975, 2) * of_seeds.std(ddof=1) / math.sqrt(3)
    assert delta.std == pytest.approx(of_seeds.std(ddof=1))
    assert (delta.low, delta.high) == pytest.approx((value - half, value + half))
    assert (delta.n, delta.paired) == (3, True)
    first = by_hand(definition, method[0], base[0])
    assert delta.mean != pytest.approx(first), "the seeds must differ to tell"


def test_a_definition_in_the_protocol_is_the_default(store):
    put_both(store)
    delta_m = msgspec.structs.replace(TRIO.delta_m, definition="flat")
    flat = msgspec.structs.replace(TRIO, delta_m=delta_m)
    for seed in (0, 1):
        base = single(seed, BASE[seed], protocol=flat)
        put(store, *base, record("hps+equal", seed, MTL[seed], protocol=flat))
    board = build_leaderboard(flat, store)
    assert board.definition == "flat"
    found = next(row for row in board.rows if row.method == "hps+equal").delta_m.mean
    assert found == pytest.approx(by_hand("flat", mean(MTL), mean(BASE)))


@pytest.mark.parametrize("definition", ["primary", "per-task-mean", "flat"])
def test_with_other_seeds_the_variances_add_up_at_the_freedom_of_the_fewest(store, definition):
    base = [*BASE, THIRD[1]]
    for seed in range(3):
        put(store, *single(seed, base[seed]))
    put(store, record("hps+equal", 1, MTL[0]), record("hps+equal", 2, MTL[1]))
    delta = rows(store, definition=definition)["hps+equal"].delta_m
    value = by_hand(definition, mean(MTL), mean(base))
    ours, theirs = influences(definition, MTL, base)
    error = math.sqrt(ours.var(ddof=1) / 2 + theirs.var(ddof=1) / 3)
    half = stats.t.ppf(0.975, 2 - 1) * error
    assert delta.mean == pytest.approx(value)
    assert (delta.low, delta.high) == pytest.approx((value - half, value + half))
    assert (delta.std, delta.n, delta.paired) == (None, 2, False)


@pytest.mark.parametrize(("base", "method"), [((0,), (0, 1)), ((0, 1), (1,)), ((0,), (0,))])
def test_one_seed_on_either_side_gives_no_interval_and_no_rank_and_says_so(store, base, method):
    for seed in base:
        put(store, *single(seed, BASE[seed]))
    for seed in method:
        put(store, record("hps+equal", seed, MTL[seed]))
    board = build_leaderboard(TRIO, store)
    delta = board.rows[1].delta_m
    expected = by_hand("primary", mean([MTL[s] for s in method]), mean([BASE[s] for s in base]))
    assert delta.mean == pytest.approx(expected)
    assert (delta.low, delta.high, delta.std, delta.p_value) == (None,) * 4
    assert board.ranks() == {}
    assert "No interval and no rank, for lack of seeds: hps+equal." in caption(board)


def several(store: Store, deviation: float) -> dict[str, list]:
    """Records of five methods over four seeds, the last three nearly alike; return the scores."""
    rng = np.random.default_rng(0)
    start = np.array([0.5, 0.8, 0.2, 0.1, 0.4])
    factors = {"single-task": 1.0, "hps+a": 1.2, "hps+b": 0.9, "hps+c": 0.91, "hps+d": 0.905}
    runs = {
        name: [
            scores(*(start * factor**SIGNS * (1 + deviation * rng.normal(size=5))).tolist())
            for _ in range(4)
        ]
        for name, factor in factors.items()
    }
    for seed in range(4):
        put(store, *single(seed, runs["single-task"][seed]))
        put(store, *(record(m, seed, runs[m][seed]) for m in factors if m != "single-task"))
    return runs


@pytest.mark.parametrize("deviation", [0.01, 0.05, 0.2])
def test_a_rank_counts_the_methods_whose_difference_is_surely_above_zero(store, deviation):
    runs = several(store, deviation)
    base = runs["single-task"]
    of_seeds = {"single-task": np.zeros(4)}  # each seed's Δm to first order
    for name, made in runs.items():
        if name != "single-task":
            moves = np.add(*influences("primary", made, base))
            of_seeds[name] = by_hand("primary", mean(made), mean(base)) + moves - moves.mean()

    def surely_better(one, other) -> bool:
        test = stats.ttest_1samp(of_seeds[one] - of_seeds[other], 0)
        return test.confidence_interval(0.95).low > 0

    found = build_leaderboard(TRIO, store).ranks()
    for name in runs:
        others = [other for other in runs if other != name]
        assert found[name].best == 1 + sum(surely_better(other, name) for other in others)
        assert found[name].worst == 5 - sum(surely_better(name, other) for other in others)


def test_gains_are_the_delta_m_of_each_task_and_improvement_the_share_of_pairs(store):
    runs = several(store, 0.1)
    base = runs["single-task"]
    for row in build_leaderboard(TRIO, store).rows:
        if row.is_baseline:
            assert (row.standing.gains, row.standing.improvement) == (None, None)
            continue
        made = runs[row.method]
        g = gains(mean(made), mean(base))
        expected = {"seg": 100 * g["miou"], "depth": 100 * g["abs"], "parts": 100 * g["parts"]}
        found = row.standing.gains
        assert {t: d.mean for t, d in found.gains.items()} == pytest.approx(expected)
        assert found.worst == min(expected, key=expected.get)
        assert set(found.improved) == {task for task, gain in expected.items() if gain > 0}
        ours, theirs = ([by_hand("primary", r, mean(base)) for r in side] for side in (made, base))
        u = stats.mannwhitneyu(ours, theirs).statistic
        assert row.standing.improvement == pytest.approx(u / 16)


def test_positive_delta_m_means_better(store):
    put(store, *single(0))
    better = {
        t: {m: v * (0.9 if t == "depth" else 1.1) for m, v in ms.items()}
        for t, ms in fakes.SCORES.items()
    }
    put(store, record("hps+good", 0, better), record("hps+bad", 0, scaled(0.9)))
    found = rows(store)
    assert found["hps+good"].delta_m.mean == pytest.approx(10)
    assert found["hps+bad"].delta_m.mean == pytest.approx((-10 + 10 - 10) / 3)
    assert list(found) == ["single-task", "hps+good", "hps+bad"]


def test_a_single_task_seed_counts_only_when_every_task_has_its_run(store):
    put(store, *single(0), *single(1, skip=["depth"]))
    row = rows(store)["single-task"]
    assert row.seeds == (0,)
    assert row.missing == 1
    assert row.tasks["seg"]["miou"].n == 1


def test_an_incomplete_baseline_gives_no_delta_m_and_says_so(store):
    put(store, *single(0, skip=["parts"]), record())
    board = build_leaderboard(TRIO, store)
    row = next(row for row in board.rows if row.method == "hps+equal")
    assert row.delta_m is None
    assert "no complete seed of single-task" in row.delta_note
    assert any("hps+equal: no Δm" in line for line in caption(board))


def test_costs_of_the_single_task_baseline_are_summed_over_its_nets(store):
    put(store, *single(0, parameters=100), *single(1, parameters=100))
    put(store, record(parameters=150), measurement("single-task", 3.5))
    found = rows(store)
    assert found["single-task"].costs.parameters.total == 300
    assert found["single-task"].costs.macs.per_task == {"seg": 2000, "depth": 2000, "parts": 2000}
    assert found["single-task"].optimizer_steps == 36
    assert found["single-task"].samples == 270
    assert found["hps+equal"].costs.parameters.total == 150
    assert (found["single-task"].step_ms, found["hps+equal"].step_ms) == (3.5, None)


def test_failed_and_missing_seeds_are_visible(store):
    put(store, *single(0), *single(1), *single(2), record(seed=0), failure(seed=1))
    row = rows(store)["hps+equal"]
    assert (row.seeds, row.failed, row.missing) == ((0,), 1, 1)
    assert rows(store)["single-task"].failed == 0


def test_a_method_of_which_every_run_failed_has_a_row(store):
    put(store, *single(0), failure("hps+mgda", 0))
    row = rows(store)["hps+mgda"]
    assert (row.seeds, row.failed, row.missing) == ((), 1, 0)
    assert row.delta_m is None
    assert row.tasks == {}
    assert row.costs is None
    frame = to_frame(build_leaderboard(TRIO, store))
    assert list(frame["method"]) == ["single-task", "hps+mgda"]


def test_failures_alone_make_a_table_without_scores(store):
    put(store, failure("hps+mgda", 0))
    board = build_leaderboard(TRIO, store)
    assert [(row.method, row.failed) for row in board.rows] == [("hps+mgda", 1)]
    assert len(to_frame(board)) == 1


def test_a_failure_of_a_seed_that_has_a_record_since_is_not_counted(store):
    put(store, *single(0), record(), failure(versions={"hps": "0.9"}))
    assert rows(store)["hps+equal"].failed == 0


def test_failures_under_another_protocol_digest_are_not_counted(store):
    put(store, *single(0), record(), failure(seed=1, digest="d" * 64))
    assert rows(store)["hps+equal"].failed == 0


def test_a_failed_task_of_the_baseline_fails_that_seed(store):
    put(store, *single(0), *single(1, skip=["seg"]), failure("single-task", 1, tasks=["seg"]))
    row = rows(store)["single-task"]
    assert (row.seeds, row.failed, row.missing) == ((0,), 1, 0)


def test_a_failed_or_missing_seed_is_not_averaged(store):
    for seed in range(3):
        put(store, *single(seed, BASE[seed % 2]))
    put(store, record(seed=0, test=MTL[0]), record(seed=1, test=MTL[1]), failure(seed=2))
    row = rows(store)["hps+equal"]
    assert (row.seeds, row.failed, row.missing) == ((0, 1), 1, 0)
    assert {stat.n for metrics in row.tasks.values() for stat in metrics.values()} == {2}
    assert row.tasks["seg"]["miou"].mean == pytest.approx(mean(MTL)["seg"]["miou"])
    assert set(row.standing.runs) == {0, 1}


CLASS = MetricInfo(higher_is_better=True, percent=True, detail=True)


def with_details(run, names, value=0.3):
    """Scores and metric infos of a run that also scored some classes of segmentation."""
    return {
        "test": run | {"seg": run["seg"] | dict.fromkeys(names, value)},
        "metrics": fakes.METRICS | {"seg": fakes.METRICS["seg"] | dict.fromkeys(names, CLASS)},
    }


@pytest.mark.parametrize("definition", ["primary", "per-task-mean", "flat"])
@pytest.mark.parametrize(
    ("base", "first", "second"),
    [
        (["iou/1"], ["iou/1"], ["iou/1"]),
        (["iou/1", "iou/2"], ["iou/1"], ["iou/1", "iou/2"]),
        (["iou/1"], ["iou/1", "iou/2"], ["iou/1"]),
        (["iou/3"], [], []),
        ([], ["iou/1"], ["iou/2"]),
    ],
)
def test_details_count_in_no_delta_m_and_may_be_missing_in_any_seed(
    store, definition, base, first, second
):
    for seed in (0, 1):
        put(store, *single(seed, **with_details(BASE[seed], base)))
    for seed, names in enumerate((first, second)):
        put(store, record("hps+equal", seed, **with_details(MTL[seed], names, 0.1 + seed)))
    board = build_leaderboard(TRIO, store, definition=definition)
    row = next(row for row in board.rows if row.method == "hps+equal")
    assert row.delta_m.mean == pytest.approx(by_hand(definition, mean(MTL), mean(BASE)))
    assert row.delta_m.n == 2
    assert set(board.metrics["seg"]) == {"miou", "acc", *base, *first, *second}
    assert set(row.tasks["seg"]) == {"miou", "acc", *(set(first) & set(second))}
    assert board.primary("seg") == "miou"


def test_the_tier_of_a_row_is_the_lowest_of_its_records(store):
    claimed = msgspec.structs.replace(record("hps+dwa", 1), tier="claimed")
    put(store, *single(0), record("hps+dwa", 0), claimed, failure("hps+mgda", 0))
    tiers = {name: row.tier for name, row in rows(store).items()}
    assert tiers == {"single-task": "reproduced", "hps+dwa": "claimed", "hps+mgda": None}
    (line,) = [x for x in caption(build_leaderboard(TRIO, store)) if x.startswith("Trust tier")]
    assert line.endswith(": claimed; single-task: reproduced; hps+mgda: –.")  # hps+dwa is whole


def test_a_table_of_models_selected_on_the_test_split_is_marked(store):
    put_both(store)
    board = build_leaderboard(TRIO, store)
    assert not any(line.startswith("!") for line in caption(board))
    data = msgspec.structs.replace(TRIO.data, validation="test")
    selected = msgspec.structs.replace(TRIO, data=data, selection=Selection("paper-selection"))
    marked = dataclasses.replace(board, protocol=selected)
    for text in (to_markdown(marked), to_json(marked), "\n".join(caption(marked))):
        assert "paper-selection" in text
    assert any(
        line.startswith("! Models were selected on the test split") for line in caption(marked)
    )


def test_another_reference_gives_that_method_zero_and_the_baseline_a_value(store):
    put_both(store)
    board = build_leaderboard(TRIO, store, reference="hps+equal")
    found = {row.method: row for row in board.rows}
    assert board.baseline == "hps+equal"
    assert found["hps+equal"].is_baseline
    assert found["hps+equal"].delta_m is None
    assert not found["single-task"].is_baseline
    expected = by_hand("primary", mean(BASE), mean(MTL))
    assert found["single-task"].delta_m.mean == pytest.approx(expected)


def test_an_unknown_reference_is_a_sentence_that_lists_what_there_is(store):
    put(store, *single(0), record())
    with pytest.raises(BenchbedError) as caught:
        build_leaderboard(TRIO, store, reference="hps+mgda")
    assert str(caught.value) == (
        "--reference hps+mgda: there are no records of it; there are hps+equal, single-task."
    )


def test_no_records_is_a_sentence_that_says_what_to_do(store):
    with pytest.raises(BenchbedError) as caught:
        build_leaderboard(TRIO, store)
    assert str(caught.value) == (
        f"There are no records of trio@2 in {store.root}; run `benchbed run trio` first, or name "
        "the folder with --results."
    )


def test_no_usable_records_is_a_sentence_that_says_why(store):
    paths = put(store, record(digest="d" * 64), record(seed=3))
    paths[1].write_text("{")
    with pytest.raises(BenchbedError, match=r"no records of trio@2.*damaged.*digest differs"):
        build_leaderboard(TRIO, store)


def test_a_baseline_score_of_zero_gives_no_delta_m_and_says_why(store):
    put(store, *single(0, scores(0.0, 0.8, 0.2, 0.1, 0.4)), record())
    row = rows(store)["hps+equal"]
    assert row.delta_m is None
    assert "not defined where the baseline's metric is 0" in row.delta_note
    assert row.tasks["seg"]["miou"].mean == 0.5


NEW = "2026-02-02T00:00:00Z"


def test_of_several_plugin_versions_only_the_highest_counts_with_a_note(store):
    put(store, *single(0), record(seed=0, versions={"equal": "0.9"}))
    put(store, record(seed=1, versions={"equal": "0.9"}))
    put(store, record(seed=0, test=scaled(0.5), versions={"equal": "1.0"}, finished=NEW))
    board = build_leaderboard(TRIO, store)
    row = next(row for row in board.rows if row.method == "hps+equal")
    assert row.seeds == (0,)
    assert row.tasks["seg"]["miou"].mean == pytest.approx(0.25)
    note = "hps+equal: left out 2 records made with weighting equal 0.9 (this row's is 1.0)."
    assert note in board.notes


@pytest.mark.parametrize("part", ["hps", "conv-small", "scenes", "segmentation"])
def test_a_run_repeated_with_a_newer_plugin_counts_once_and_alone(store, part):
    """Of an architecture, backbone, data set or task plugin alike."""
    put(store, record(seed=0, test=scaled(0.5), versions={part: "2.0"}, finished=NEW))
    put(store, record(seed=0))
    row = rows(store)["hps+equal"]
    assert row.tasks["seg"]["miou"].mean == pytest.approx(0.25)
    assert row.costs.parameters.total == 1000
    assert row.samples == 90


def test_seeds_scored_by_another_version_of_a_task_plugin_are_not_mixed_in(store):
    put(store, record(seed=0, test=scaled(0.5), versions={"segmentation": "2.0"}, finished=NEW))
    put(store, record(seed=1))
    board = build_leaderboard(TRIO, store)
    assert board.rows[0].seeds == (0,)
    versions = "segmentation 1.0 (this table's is segmentation 2.0)"
    assert f"Left out 1 record made with task 'seg' {versions}." in board.notes


def test_a_default_changed_at_the_same_version_does_not_count_a_run_twice(store):
    put(store, record(seed=0, options={"hps": {"width": 8}}))
    new = record(seed=0, test=scaled(0.5), options={"hps": {"width": 16}}, finished=NEW)
    put(store, new)
    row = rows(store)["hps+equal"]
    assert row.costs.parameters.total == 1000
    assert row.tasks["seg"]["miou"].mean == pytest.approx(0.25)


def test_records_of_one_version_from_two_sources_are_kept_with_a_note(store):
    put(store, record(seed=0), record(seed=1, sources={"hps": "s1"}))
    board = build_leaderboard(TRIO, store)
    assert board.rows[0].seeds == (0, 1)
    assert any("a plugin's source changed" in note for note in board.notes)


def test_records_of_other_data_or_an_older_trainer_are_left_out_with_a_note(store):
    put(store, *single(0), record(seed=0))
    put(store, record(seed=1, data_digest="data 0"), record(seed=2, engine=0))
    put(store, record(seed=0, finished=NEW))
    board = build_leaderboard(TRIO, store)
    assert [row.seeds for row in board.rows] == [(0,), (0,)]
    assert "Left out 1 record of another trainer (version 0; this table's is 2)." in board.notes
    note = "Left out 1 record made from other data (this table's has the digest data 1)."
    assert note in board.notes


def test_each_backbone_is_compared_with_its_own_baseline(store):
    put(store, *single(0, scaled(1.0)), record("hps+equal", 0, scaled(1.0)))
    for task in TRIO.tasks:
        put(store, record("single-task:backbone=mlp", 0, scaled(0.5), tasks=[task], backbone="mlp"))
    put(store, record("hps:backbone=mlp+equal", 0, scaled(0.5), backbone="mlp"))
    found = rows(store)
    assert found["hps+equal"].delta_m.mean == pytest.approx(0)
    assert found["hps:backbone=mlp+equal"].delta_m.mean == pytest.approx(0)
    assert found["single-task"].is_baseline
    assert found["single-task:backbone=mlp"].is_baseline


def test_methods_with_other_references_are_not_ranked_together(store):
    for seed in (0, 1, 2):
        good = scaled(1.0 + 0.001 * seed)
        put(store, *single(seed, good), record("hps+equal", seed, scaled(1.1)))
        put(store, record("hps+dwa", seed, scaled(1.2)))
        for task in TRIO.tasks:
            one = record(
                "single-task:backbone=mlp", seed, scaled(2.0), tasks=[task], backbone="mlp"
            )
            put(store, one)
    board = build_leaderboard(TRIO, store)
    assert set(board.ranks()) == {"single-task", "hps+equal", "hps+dwa"}
    assert {name for pair in board.pairs() for name in (pair.a, pair.b)} == set(board.ranks())
    assert "single-task:backbone=mlp: Δm against single-task:backbone=mlp, so not ranked with" in (
        "\n".join(caption(board))
    )
    frame = to_frame(board).set_index("method")
    assert frame["delta_m reference"]["single-task:backbone=mlp"] == "single-task:backbone=mlp"


def test_one_foreign_record_does_not_displace_the_others(store):
    put_both(store)
    late = "2030-01-01T00:00:00Z"
    flipped = {
        task: {m: MetricInfo(not i.higher_is_better, i.primary, i.percent) for m, i in ms.items()}
        for task, ms in record().metrics.items()
    }
    put(store, record("hps+other", 0, data_digest="data 2", finished=late))
    put(store, record("hps+flipped", 0, metrics=flipped, finished=late))
    put(store, record("hps+old", 0, engine=1, finished=late))
    board = build_leaderboard(TRIO, store)
    assert {row.method for row in board.rows} == {"single-task", "hps+equal"}
    assert board.metrics["seg"]["miou"].higher_is_better
    assert board.notes[:3] == (
        "Left out 1 record of another trainer (version 1; this table's is 2).",
        "Left out 1 record made from other data (this table's has the digest data 1).",
        "Left out 1 record with other metrics of task 'seg', or of another direction or role.",
    )


def test_methods_asked_for_are_shown_even_without_a_record(store):
    put_both(store)
    board = build_leaderboard(TRIO, store, methods=["hps+equal", "hps+never"])
    row = next(row for row in board.rows if row.method == "hps+never")
    assert (row.seeds, row.missing, row.standing) == ((), 2, None)
    assert "hps+never: no Δm (no complete seed)." in caption(board)
    assert to_markdown(board)
    assert json.loads(to_json(board))


def test_markup_in_names_is_text_on_a_terminal(store):
    odd = {"seg": {"[/b]": MetricInfo(higher_is_better=True, primary=True)}}
    odd |= {task: infos for task, infos in record().metrics.items() if task != "seg"}
    test = {**scores(0.5, 0.8, 0.2, 0.1, 0.4), "seg": {"[/b]": 0.5}}
    one = record("hps+equal", 0, test, metrics=odd)
    curves = {"cosine/[link=x]seg[/link]/depth": [0.5]}
    put(store, msgspec.structs.replace(one, curves=curves))
    out = Console(file=io.StringIO(), width=200, force_terminal=True)
    out.print(to_terminal(build_leaderboard(TRIO, store), 200))
    assert "[/b]" in out.file.getvalue()
    assert "[link=x]seg[·link]·depth" in out.file.getvalue()


def test_a_backbone_without_a_baseline_is_not_compared_with_another_backbones(store):
    put(store, *single(0), record("hps:backbone=mlp+equal", 0, scaled(0.5), backbone="mlp"))
    row = rows(store)["hps:backbone=mlp+equal"]
    assert row.delta_m is None
    assert "same backbone" in row.delta_note


def test_a_method_without_a_backbone_is_compared_with_the_protocols_baseline(store):
    put(store, *single(0), record("own+equal", 0, scaled(0.5), backbone=""))
    for task in TRIO.tasks:
        put(store, record("single-task:backbone=mlp", 0, scaled(0.5), tasks=[task], backbone="mlp"))
    row = rows(store)["own+equal"]
    assert row.delta_m.mean == pytest.approx((-50 + 50 - 50) / 3)
    assert not row.is_baseline


def test_the_protocols_baseline_may_be_a_multi_task_method_with_any_backbone(store):
    delta_m = DeltaM(baseline="hps+equal")
    protocol = msgspec.structs.replace(TRIO, delta_m=delta_m)
    for method, factor in (("hps{}+equal", 1.0), ("hps{}+mgda", 1.1)):
        for bone, given in (("conv-small", ""), ("mlp", ":backbone=mlp")):
            test = scaled(factor * (0.5 if given else 1.0))
            put(store, record(method.format(given), 0, test, protocol=protocol, backbone=bone))
    found = rows(store, protocol)
    expected = pytest.approx((10 - 10 + 10) / 3)
    assert found["hps+mgda"].delta_m.mean == expected
    assert found["hps:backbone=mlp+mgda"].delta_m.mean == expected


def test_methods_can_be_chosen_and_their_baselines_stay(store):
    put(store, *single(0), record("hps+equal"), record("hps+mgda"), record("hps+dwa"))
    assert set(rows(store, methods=["hps+mgda"])) == {"single-task", "hps+mgda"}


def test_a_choice_of_which_there_is_nothing_is_a_sentence_that_says_what_there_is(store):
    put(store, record("hps+equal"))
    with pytest.raises(BenchbedError, match=r"these methods under trio@2 .*are of hps\+equal"):
        build_leaderboard(TRIO, store, methods=["hps+mgda"])


def test_the_newest_measurement_of_a_method_is_shown_with_its_machine(store):
    put(store, *single(0), record())
    put(store, measurement("hps+equal", 9.0, finished="2025-01-01T00:00:00Z"))
    put(store, measurement("hps+equal", 1.5, finished=NEW))
    board = build_leaderboard(TRIO, store)
    assert next(row for row in board.rows if row.method == "hps+equal").step_ms == 1.5
    assert board.step_device == "a CPU, threads: 1"


def test_a_measurement_that_failed_is_not_shown_as_a_failed_run(store, tmp_path, registry):
    """Measurements carry seed 0 and the method's name, as runs do."""
    from benchbed.execution.failures import record_killed
    from benchbed.execution.plan import Settings, make_plan
    from tests import toys

    toy = parse_protocol(toys.write_protocol(tmp_path).read_text(), "toy")
    plan = make_plan(toy, ["toy-net"], registry, Settings(store.root), [1])
    fakes.fill(plan, store.root)
    for job in plan.measurements:
        record_killed(job, "no memory")
    board = build_leaderboard(toy, store)
    assert [(row.method, row.seeds, row.failed) for row in board.rows] == [
        ("toy-single", (1,), 0),
        ("toy-net+equal", (1,), 0),
    ]


def test_plugins_add_columns_and_one_that_raises_is_noted(store, registry):
    from benchbed import hookimpl

    class Good:
        @hookimpl
        def benchbed_leaderboard_columns(self, methods):
            return {"length": {name: len(name) for name in [*methods, "not there"]}}

    class Bad:
        @hookimpl
        def benchbed_leaderboard_columns(self, protocol):
            raise LookupError(f"nothing for {protocol}")

    put(store, *single(0), record())
    registry.add_plugin(Good(), "good", "good", "1.0")
    registry.add_plugin(Bad(), "bad", "bad", "1.0")
    board = add_columns(build_leaderboard(TRIO, store), registry)
    assert {row.method: dict(row.extra) for row in board.rows} == {
        "single-task": {"length": 11},
        "hps+equal": {"length": 9},
    }
    assert list(to_frame(board)["length"]) == [11, 9]
    assert board.notes == ("A plugin's columns are missing: LookupError: nothing for trio@2.",)


def test_the_table_does_not_depend_on_the_order_in_which_records_were_written(store, tmp_path):
    records = [*single(0), *single(1), record(seed=1), record(seed=0), record("hps+dwa")]
    other = Store(tmp_path / "other")
    put(store, *records)
    put(other, *reversed(records))
    assert build_leaderboard(TRIO, store) == build_leaderboard(TRIO, other)


def test_cosines_are_means_over_epochs_then_over_seeds(store):
    for seed, curve in enumerate(([0.5, None, -0.1], [0.0, 0.2, 0.1])):
        logged = record("hps+equal", seed, MTL[seed])
        curves = {**logged.curves, "cosine/seg/depth": curve, "norm/seg": [9.0, 9.0, 9.0]}
        put(store, msgspec.structs.replace(logged, curves=curves))
    row = rows(store)["hps+equal"]
    assert set(row.cosines) == {"seg·depth"}
    assert row.cosines["seg·depth"].mean == pytest.approx((0.2 + 0.1) / 2)
    assert row.cosines["seg·depth"].std == pytest.approx(0.1 / math.sqrt(2))
    board = build_leaderboard(TRIO, store)
    assert "| hps+equal | +0.15±0.07" in to_markdown(board)
    assert json.loads(to_json(board))["rows"][0]["cosines"]["seg·depth"]["mean"] == pytest.approx(
        0.15
    )
    shown = Console(width=200, file=io.StringIO())
    shown.print(to_terminal(board, 200))
    assert re.search(r"hps\+equal +\+0\.15±0\.07", shown.file.getvalue())
    narrow = Console(width=80, file=io.StringIO())
    narrow.print(to_terminal(board, 80))
    assert "osine" not in narrow.file.getvalue(), "cosines give way first"


def test_a_table_without_logged_gradients_says_nothing_of_cosines(store):
    put_both(store)
    assert "osine" not in to_markdown(build_leaderboard(TRIO, store))
