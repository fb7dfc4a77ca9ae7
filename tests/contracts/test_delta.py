import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbed import BenchbedError, delta_m
from benchbed.contracts.delta import DEFINITIONS, relative_gain

TABLE = Path(__file__).parents[1] / "reference" / "astmt_table3e.csv"


def read_table():
    """The rows by system, the metrics' directions, and the printed drops."""
    with TABLE.open(newline="") as file:
        rows = list(csv.DictReader(file))
    systems: dict[str, dict[str, float]] = {}
    directions: dict[str, bool] = {}
    drops: dict[str, str] = {}
    for row in rows:
        if row["metric"] == "delta_m_drop":
            drops[row["system"]] = row["value"]
        else:
            systems.setdefault(row["system"], {})[row["metric"]] = float(row["value"])
            directions[row["metric"]] = row["direction"] == "higher"
    return systems, directions, drops


@pytest.mark.parametrize(("system", "printed"), [("multi-task baseline", "6.62"), ("SEA", "0.11")])
def test_the_drops_that_astmt_prints_are_recomputed_with_the_opposite_sign(system, printed):
    systems, directions, drops = read_table()
    assert drops[system] == printed
    found = delta_m(systems[system], systems["single task"], directions)
    assert f"{-found:.2f}" == printed


SCORES = {"seg": {"miou": 0.55, "pixel": 0.8}, "depth": {"abs": 0.22}}
BASELINE = {"seg": {"miou": 0.5, "pixel": 0.8}, "depth": {"abs": 0.2}}
HIGHER = {"seg": {"miou": True, "pixel": True}, "depth": {"abs": False}}
PRIMARY = {"seg": "miou", "depth": "abs"}


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ("primary", (10 - 10) / 2),
        ("per-task-mean", ((10 + 0) / 2 - 10) / 2),
        ("flat", (10 + 0 - 10) / 3),
    ],
)
def test_each_definition_gives_the_value_computed_by_hand(definition, expected):
    found = delta_m(SCORES, BASELINE, HIGHER, definition=definition, primary=PRIMARY)
    assert found == pytest.approx(expected, abs=1e-9)


def test_the_definition_decides_which_of_two_methods_is_better():
    higher = {"a": {"x": True, "y": True, "z": True}, "b": {"x": True}}
    base = {"a": {"x": 1.0, "y": 1.0, "z": 1.0}, "b": {"x": 1.0}}
    one = {"a": {"x": 1.06, "y": 1.0, "z": 1.0}, "b": {"x": 1.0}}  # 3.0, 1.0, 1.5
    two = {"a": {"x": 1.0, "y": 1.0, "z": 1.0}, "b": {"x": 1.05}}  # 2.5, 2.5, 1.25
    primary = {"a": "x", "b": "x"}

    def first_wins(definition):
        scores = [
            delta_m(m, base, higher, definition=definition, primary=primary) for m in (one, two)
        ]
        return scores[0] > scores[1]

    assert {name: first_wins(name) for name in DEFINITIONS} == {
        "primary": True,
        "per-task-mean": False,
        "flat": True,
    }


@pytest.mark.parametrize(
    ("value", "higher", "sign"),
    [(1.1, True, 1), (1.1, False, -1), (0.9, True, -1), (0.9, False, 1)],
)
def test_positive_is_better_for_both_directions(value, higher, sign):
    assert delta_m({"t": value}, {"t": 1.0}, {"t": higher}) == pytest.approx(sign * 10)


@pytest.mark.parametrize("higher", [True, False])
def test_a_negative_baseline_keeps_the_sign_of_the_change(higher):
    gain = relative_gain(-1.0, -2.0, higher_is_better=higher)
    assert gain == pytest.approx(0.5 if higher else -0.5)


def test_a_method_equal_to_its_baseline_has_delta_m_zero():
    for definition in DEFINITIONS:
        assert delta_m(SCORES, SCORES, HIGHER, definition=definition, primary=PRIMARY) == 0.0


metric = st.floats(0.01, 100)


@given(
    values=st.lists(
        st.tuples(metric, metric, st.floats(1e-3, 1e3), st.booleans()), min_size=4, max_size=4
    ),
    definition=st.sampled_from(sorted(DEFINITIONS)),
)
def test_rescaling_a_metric_does_not_change_delta_m(values, definition):
    names = [("s", "x"), ("s", "y"), ("d", "x"), ("d", "y")]

    def table(pick):
        result: dict[str, dict[str, float]] = {"s": {}, "d": {}}
        for (task, name), value in zip(names, values, strict=True):
            result[task][name] = pick(*value)
        return result

    higher = table(lambda *v: v[3])
    options = {"definition": definition, "primary": {"s": "x", "d": "y"}}
    plain = delta_m(table(lambda m, *_: m), table(lambda _m, b, *_: b), higher, **options)
    scaled = delta_m(
        table(lambda m, _b, c, _h: m * c), table(lambda _m, b, c, _h: b * c), higher, **options
    )
    assert scaled == pytest.approx(plain, rel=1e-9, abs=1e-6)


def test_a_baseline_of_zero_is_refused():
    with pytest.raises(BenchbedError, match="not defined where the baseline's metric is 0"):
        delta_m({"t": 1.0}, {"t": 0.0}, {"t": True})


def test_a_baseline_of_zero_in_a_metric_that_does_not_count_is_none_of_its_business():
    scores, baseline = {"t": {"x": 1.1, "y": 1.0}}, {"t": {"x": 1.0, "y": 0.0}}
    assert delta_m(scores, baseline, {"t": True}, primary={"t": "x"}) == pytest.approx(10)
    for options in ({"definition": "flat"}, {"primary": {"t": "y"}}):
        with pytest.raises(BenchbedError, match="where the baseline's metric is 0"):
            delta_m(scores, baseline, {"t": True}, **options)


@pytest.mark.parametrize(("scores", "baseline"), [({"a": 1.0}, {"b": 1.0}), ({}, {})])
def test_differing_or_missing_tasks_are_refused(scores, baseline):
    with pytest.raises(BenchbedError, match="same tasks, at least one, on both sides"):
        delta_m(scores, baseline, {"a": True, "b": True})


def test_differing_metrics_are_refused_with_the_task():
    with pytest.raises(BenchbedError, match="same metrics on both sides for task 'a'"):
        delta_m({"a": {"x": 1.0}}, {"a": {"y": 1.0}}, {"a": True})


@pytest.mark.parametrize("primary", [None, {}, {"a": "z"}])
def test_several_metrics_without_a_primary_one_are_refused(primary):
    scores = {"a": {"x": 1.0, "y": 2.0}}
    with pytest.raises(BenchbedError, match="primary metric of task 'a'"):
        delta_m(scores, scores, {"a": True}, primary=primary)


@pytest.mark.parametrize("directions", [{}, {"a": {}}, {"a": {"y": True}}])
def test_a_metric_without_a_direction_is_refused(directions):
    with pytest.raises(BenchbedError, match="direction of 'x' of task 'a'"):
        delta_m({"a": {"x": 1.0}}, {"a": {"x": 1.0}}, directions)


def test_an_unknown_definition_is_refused_with_those_there_are():
    with pytest.raises(
        BenchbedError, match="no definition 'mean'; use primary, per-task-mean, flat"
    ):
        delta_m({"a": 1.0}, {"a": 1.0}, {"a": True}, definition="mean")
