import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchjd.aggregation import CRMOGMWeighting, MGDAWeighting

from benchbed import WeightingContext
from benchbed.basics.errors import MethodError
from benchbed.testing import WeightingContract
from benchbed_zoo.weightings.cr_mogm import BASES, CrMogm
from tests.zoo.weightings import checks
from tests.zoo.weightings.checks import every_count, every_kind
from tests.zoo.weightings.row_checks import some_losses

every_base = pytest.mark.parametrize("base", BASES)


class TestCrMogm(WeightingContract):
    id = "cr-mogm"
    options = {"base": "pcgrad", "alpha": 0.5, "sigma": 0.5}


@every_kind
@every_count
@every_base
def test_weights_are_the_average_of_the_bases(kind, count, base):
    alpha, sigma = 0.8, 0.25
    strategy = checks.make(f"cr-mogm:base={base},alpha={alpha},sigma={sigma}", count)
    plain, expected = checks.make(base, count), None
    for step in range(1, 4):
        jacobian = checks.KINDS[kind](count, step)
        torch.manual_seed(step)
        weights = checks.weights(plain, jacobian)
        kept = 1 - (1 - alpha) / step**sigma
        expected = weights if step == 1 else kept * expected + (1 - kept) * weights
        torch.manual_seed(step)
        found = checks.weights(strategy, jacobian)
        assert found == pytest.approx(expected, rel=1e-10, abs=1e-10 * np.abs(expected).max())


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 6), st.integers(0, 10**6), st.floats(0.0, 1.0))
def test_smoothed_weights_of_mgda_stay_on_the_simplex(count, seed, alpha):
    strategy = checks.make(f"cr-mogm:alpha={alpha}", count)
    for step in range(4):
        found = checks.weights(strategy, checks.random(count, seed + step))
        assert (found >= 0.0).all()
        assert found.sum() == pytest.approx(1.0)


def test_torchjd_agrees_where_its_mgda_is_exact():
    ours, theirs = checks.make("cr-mogm:alpha=0.7", 2), CRMOGMWeighting(MGDAWeighting(), 0.7)
    for seed in range(5):
        jacobian = checks.random(2, seed)
        expected = theirs(torch.from_numpy(jacobian @ jacobian.T)).numpy()
        assert checks.weights(ours, jacobian) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_the_past_counts_for_nothing_or_all(alpha):
    strategy = checks.make(f"cr-mogm:alpha={alpha}", 3)
    found = [checks.weights(strategy, checks.random(3, seed)) for seed in range(3)]
    plain = [checks.weights(checks.make("mgda", 3), checks.random(3, seed)) for seed in (0, 2)]
    assert found[2] == pytest.approx(plain[0 if alpha else 1], abs=1e-15)


def test_a_task_begins_with_its_first_weight_and_keeps_it_while_absent():
    strategy = checks.make("cr-mogm:alpha=0,sigma=1", 3)
    one = checks.weights(strategy, checks.random(2, 0), some_losses([0, 1]))
    both = checks.random(3, 1)
    plain = checks.weights(checks.make("mgda", 3), both)
    two = checks.weights(strategy, both)
    assert two == pytest.approx([*(one + plain[:2]) / 2, plain[2]], abs=1e-15)
    plain = checks.weights(checks.make("mgda", 2), checks.random(2, 2))
    three = checks.weights(strategy, checks.random(2, 2), some_losses([0, 2]))
    assert three == pytest.approx([(2 * two[0] + plain[0]) / 3, (two[2] + plain[1]) / 2])
    assert strategy.smoothed[1] == two[1]


def test_an_order_of_the_tasks_permutes_the_weights():
    checks.assert_permutes("cr-mogm", checks.random(5))


def test_a_base_that_is_none_is_refused():
    with pytest.raises(MethodError, match="no base 'mgba'. Did you mean 'mgda'"):
        CrMogm(WeightingContext("ab"), base="mgba")
