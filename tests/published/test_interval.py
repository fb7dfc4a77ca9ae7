"""Δm over the box of all values that round to the printed ones, against brute force."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbed.basics.errors import BenchbedError
from benchbed.contracts.delta import DEFINITIONS
from benchbed.published.cells import Printed, TableError, parse_printed
from benchbed.published.interval import delta_range, entering
from benchbed.published.paper import Column

METRICS = {
    "seg/miou": Column(better="higher", primary=True),
    "seg/acc": Column(better="higher"),
    "depth/rmse": Column(better="lower"),
}
signed = st.tuples(st.integers(1, 400), st.integers(0, 2), st.sampled_from([1, 1, 1, -1]))


def printed(value: tuple[int, int, int]) -> Printed:
    digits, places, sign = value
    return parse_printed(f"{sign * (digits + 10) / 10**places:.{places}f}")


def weights(definition: str) -> dict[str, Fraction]:
    """How much each metric's gain counts, by hand."""
    return {
        "primary": {"seg/miou": Fraction(1, 2), "depth/rmse": Fraction(1, 2)},
        "per-task-mean": {
            "seg/miou": Fraction(1, 4), "seg/acc": Fraction(1, 4), "depth/rmse": Fraction(1, 2)
        },
        "flat": dict.fromkeys(METRICS, Fraction(1, 3)),
    }[definition]  # fmt: skip


def by_hand(scores, baseline, definition):
    """Δm by the formula, of numbers or arrays."""
    return 100 * sum(
        share
        * (1 if METRICS[name].better == "higher" else -1)
        * (scores[name] - baseline[name])
        / abs(baseline[name])
        for name, share in weights(definition).items()
    )


cells = st.fixed_dictionaries(dict.fromkeys(METRICS, signed.map(printed)))


@settings(max_examples=25)
@given(cells, cells, st.sampled_from(sorted(DEFINITIONS)))
def test_the_interval_is_that_of_all_corners(scores, baseline, definition):
    found = delta_range(scores, baseline, entering(METRICS, definition), definition)
    names = list(weights(definition))
    bounds = [cells[name].bounds for cells in (scores, baseline) for name in names]
    everywhere = [
        by_hand(
            dict(zip(names, corner[: len(names)], strict=True)),
            dict(zip(names, corner[len(names) :], strict=True)),
            definition,
        )
        for corner in product(*bounds)
    ]
    assert (found.low, found.high) == (min(everywhere), max(everywhere))


@settings(max_examples=25)
@given(cells, cells, st.sampled_from(sorted(DEFINITIONS)), st.integers(0, 2**32 - 1))
def test_no_point_of_the_box_lies_outside_the_interval(scores, baseline, definition, seed):
    found = delta_range(scores, baseline, entering(METRICS, definition), definition)
    rng = np.random.default_rng(seed)

    def draw(cell):
        low, high = map(float, cell.bounds)
        return rng.uniform(low, high, 2000)

    deltas = by_hand(
        {name: draw(cell) for name, cell in scores.items()},
        {name: draw(cell) for name, cell in baseline.items()},
        definition,
    )
    slack = 1e-9 * max(1.0, abs(float(found.low)), abs(float(found.high)))
    assert float(found.low) - slack <= deltas.min()
    assert deltas.max() <= float(found.high) + slack
    assert found.low <= found.value <= found.high


def test_the_result_is_exact():
    pair = {"seg/miou": parse_printed("0.3")}, {"seg/miou": parse_printed("0.7")}
    found = delta_range(*pair, {"seg/miou": Column(better="higher")})
    assert found.value == Fraction(-400, 7)
    assert isinstance(found.low, Fraction)
    assert found.low == 100 * (Fraction(25, 75) - 1)


@pytest.mark.parametrize("text", ["0", "0.00", "-0.0"])
def test_a_baseline_that_may_be_zero_is_refused(text):
    side = {"a/x": parse_printed(text)}
    with pytest.raises(TableError, match="may be 0 within its rounding"):
        delta_range(side, side, {"a/x": Column(better="higher")})


def test_a_baseline_one_unit_from_zero_is_fine():
    side = {"a/x": parse_printed("0.001")}
    assert delta_range(side, side, {"a/x": Column(better="higher")}).value == 0


def test_only_primary_metrics_enter_the_primary_definition():
    assert list(entering(METRICS, "primary")) == ["seg/miou", "depth/rmse"]
    assert list(entering(METRICS, "flat")) == list(METRICS)
    assert list(entering({"parameters": Column(kind="cost")}, "flat")) == []


@pytest.mark.parametrize("primary", [False, True])
def test_a_task_of_several_metrics_needs_one_primary_one(primary):
    column = Column(better="higher", primary=primary)
    with pytest.raises(TableError, match="of the metrics of 'seg' [02] are primary"):
        entering({"seg/miou": column, "seg/acc": column}, "primary")


def test_without_any_metric_there_is_no_delta_m():
    with pytest.raises(BenchbedError, match="at least one"):
        delta_range({}, {}, {})
