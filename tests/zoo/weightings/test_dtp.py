import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbed.basics.errors import MethodError
from benchbed.testing import WeightingContract
from tests.zoo.weightings import checks
from tests.zoo.weightings.at_loss_level import combined, named, positive, told


class TestDtp(WeightingContract):
    id = "dtp"
    options = {"gamma": 2.0, "alpha": 0.25, "split": "validation", "relative": False}


def weights_of(options, curves, validation=None):
    strategy = told(checks.make(f"dtp{options}", len(curves)), curves, validation=validation)
    return combined(strategy, named([1.0] * len(curves)))[1]


def by_formula(curve, gamma, alpha, unit):
    """−(1 − κ̄)^γ·log κ̄ with κ̄ as the explicit sum that its recursion stands for."""
    kappa = np.exp(-np.array(curve) / unit)
    last = len(kappa) - 1
    shares = alpha * (1 - alpha) ** np.arange(last, -1, -1)
    shares[0] = (1 - alpha) ** last
    average = max(float(shares @ kappa), 1e-6)
    return -((1 - average) ** gamma) * math.log(average)


curve = st.lists(positive, min_size=1, max_size=6)


@settings(deadline=None)
@given(curve, curve, st.floats(0, 4), st.floats(0, 1))
def test_it_is_the_focal_form_of_the_averaged_indicator(one, other, gamma, alpha):
    count = min(len(one), len(other))
    curves = [one[:count], other[:count]]
    for relative in (True, False):
        options = f":gamma={gamma!r},alpha={alpha!r},relative={relative}"
        expected = [by_formula(c, gamma, alpha, c[0] if relative else 1) for c in curves]
        assert weights_of(options, curves) == pytest.approx(expected, rel=1e-5, abs=1e-6)


@settings(deadline=None)
@given(curve, st.data())
def test_epochs_without_a_loss_are_left_out(values, data):
    gaps = data.draw(st.lists(st.integers(0, len(values)), max_size=4))
    with_gaps = list(values)
    for place in gaps:
        with_gaps.insert(place, math.nan)
    assert weights_of("", [with_gaps]) == weights_of("", [values])


@settings(deadline=None)
@given(curve, st.floats(1e-3, 1e3))
def test_the_unit_of_a_loss_does_not_matter(values, unit):
    scaled = [unit * value for value in values]
    assert weights_of("", [scaled]) == pytest.approx(weights_of("", [values]), rel=1e-5, abs=1e-7)


@settings(deadline=None)
@given(st.floats(0.01, 5), st.floats(0.01, 5), st.floats(0, 4))
def test_the_worse_task_weighs_more(one, other, gamma):
    a, b = weights_of(f":gamma={gamma!r},relative=false", [[one], [other]])
    assert (a - b) * (one - other) >= -1e-6


def test_weights_are_one_until_there_is_a_loss():
    assert weights_of("", [[], []]).tolist() == [1.0, 1.0]
    gone = [math.nan] * 3
    first, second = weights_of("", [gone, [2.0, 1.0, 1.0]])
    assert first == 1.0
    assert second != 1.0


@pytest.mark.parametrize("split", ["train", "validation"])
def test_it_looks_at_the_split_that_is_named(split):
    good, bad = {"t0": [1.0, 0.1]}, {"t0": [1.0, 0.9]}
    given = (good, bad) if split == "train" else (bad, good)
    found = weights_of(f":split={split}", given[0], validation=given[1])
    assert found == weights_of("", good)
    assert found < weights_of("", bad)


def test_a_task_that_is_done_weighs_nothing_and_a_hopeless_one_is_finite():
    for gamma in (0.0, 1.0, 2.0):
        done, hopeless = weights_of(f":gamma={gamma},relative=false", [[0.0], [1e30]])
        assert done == 0.0
        assert hopeless == pytest.approx((1 - 1e-6) ** gamma * math.log(1e6), rel=1e-6)


def test_losses_are_relative_to_the_first_positive_one():
    assert weights_of("", [[0.0, -1.0, 2.0, 1.0]]) == weights_of("", [[2.0, 1.0]])


def test_its_weights_are_part_of_its_state():
    strategy, other = (checks.make("dtp", 2) for _ in range(2))
    told(strategy, [[1.0, 0.5], [1.0, 0.9]])
    other.load_state_dict(strategy.state_dict())
    losses = named([1.0, 1.0])
    assert (combined(other, losses)[1] == combined(strategy, losses)[1]).all()


@pytest.mark.parametrize("option", ["gamma=-1", "alpha=1.5", "split=test"])
def test_options_out_of_range_are_refused(option):
    with pytest.raises(MethodError, match="dtp: option"):
        checks.make(f"dtp:{option}", 2)
