import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, nnls
from torchjd.aggregation import PCD

from benchbed import WeightingContext
from benchbed.basics.errors import MethodError
from benchbed.testing import WeightingContract
from benchbed_zoo.weightings.pcd import Pcd
from tests.zoo.weightings import checks
from tests.zoo.weightings.checks import KINDS, every_count, every_kind
from tests.zoo.weightings.row_checks import assert_close, some_losses


class TestPcd(WeightingContract):
    id = "pcd"
    options = {"primary": "b", "tau": 0.3, "beta": 0.5}


def pcd(jacobian, tau=0.02, primary="first"):
    """Without memory of earlier norms, so that normalised gradients have length 1."""
    method = f"pcd:tau={tau},beta=0,eps=0,primary={primary}"
    return checks.weights(checks.make(method, len(jacobian)), jacobian)


def units_of(jacobian):
    lengths = np.linalg.norm(jacobian, axis=1, keepdims=True)
    return jacobian / np.where(lengths > 0.0, lengths, 1.0)


def solvable(units, tau):
    """Whether some d has u_jᵀd ≥ τ for all j, by linear programming."""
    rows = units[np.linalg.norm(units, axis=1) > 0.0]
    bounds = [(None, None)] * rows.shape[1]
    return linprog(np.zeros(rows.shape[1]), -rows, np.full(len(rows), -tau), bounds=bounds).success


@every_kind
@every_count
@pytest.mark.parametrize("tau", [0.0, 0.02, 0.5])
def test_it_fulfils_the_optimality_conditions(kind, count, tau):
    """d̃ = g̃₁ + Σ μ_j·g̃_j, μ ≥ 0, g̃_jᵀd̃ ≥ τ, with equality where μ_j > 0: sufficient for d̃."""
    for seed in range(3):
        jacobian = KINDS[kind](count, seed)
        if not jacobian[0].any():
            continue
        units, weights = units_of(jacobian), pcd(jacobian, tau)
        others = units[1:][units[1:].any(axis=1)]
        if not solvable(others, tau):
            assert weights == pytest.approx(np.eye(count)[0])
            continue
        if not weights.any():  # d̃ is zero: so is the distance from −g̃₁ to the cone of the others
            assert nnls(others.T, -units[0])[1] < 1e-6
            continue
        scaled = weights * np.linalg.norm(jacobian, axis=1)
        scaled /= scaled[0]
        direction = scaled @ units
        slack = others @ direction - tau
        size = np.abs(scaled).sum()
        assert (scaled >= 0.0).all()
        assert slack.min(initial=0.0) >= -1e-10 * size
        active = scaled[1:][units[1:].any(axis=1)] > 0.0
        assert np.abs(slack[active]).max(initial=0.0) <= 1e-10 * size
        length = np.linalg.norm(weights @ jacobian)
        assert length == pytest.approx(np.linalg.norm(jacobian[0]), rel=1e-6)


@pytest.mark.parametrize("count", [2, 3, 5, 8])
@pytest.mark.parametrize("beta", [0.0, 0.9])
def test_torchjd_agrees_over_several_steps(count, beta):
    ours, theirs = checks.make(f"pcd:tau=0.2,beta={beta}", count), PCD(tau=0.2, beta=beta)
    for seed in range(6):
        jacobian = 10.0**seed * checks.random(count, seed, columns=count + 1)
        expected = theirs(torch.from_numpy(jacobian)).numpy()
        assert_close(checks.weights(ours, jacobian) @ jacobian, expected, 1e-8)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.0, 1.0))
def test_of_two_tasks_it_is_the_papers_closed_form(seed, tau):
    first, second = checks.random(2, seed)
    one, two = units_of(np.stack([first, second]))
    direction = one + max(0.0, tau - one @ two) * two
    direction *= np.linalg.norm(first) / np.linalg.norm(direction)
    assert_close(pcd(np.stack([first, second]), tau) @ np.stack([first, second]), direction, 1e-9)


def test_a_primary_that_helps_all_others_enough_is_left_alone():
    jacobian = np.array([[1.0, 1.0, 0.0], [5.0, 0.0, 0.0], [0.0, 0.1, 0.05]])
    assert pcd(jacobian, 0.5).tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("kind", ["random", "zero_row", "conflicting", "conditioned"])
def test_the_order_of_the_others_permutes_their_weights_and_units_do_not_matter(kind):
    jacobian = KINDS[kind](5)
    plain = pcd(jacobian, 0.1, "t1")
    order = np.array([4, 0, 2, 1, 3])
    names = checks.names(5)
    strategy = Pcd(WeightingContext(names), primary=names[3], tau=0.1, beta=0.0, eps=0.0)
    found = checks.weights(strategy, jacobian[order])
    assert found == pytest.approx(plain[order], rel=1e-8)
    scales = np.array([1.0, 1e3, 1e-6, 1e6, 10.0])
    found = pcd(jacobian * scales[:, None], 0.1, "t1") * scales / scales[1]
    assert found == pytest.approx(plain, rel=1e-6)


def test_the_first_task_is_primary_unless_one_is_named():
    jacobian = checks.conflicting(3)
    assert pcd(jacobian).tolist() == pcd(jacobian, primary="t0").tolist()
    assert pcd(jacobian).tolist() != pcd(jacobian, primary="t2").tolist()
    with pytest.raises(MethodError, match="must name a task. Did you mean 'depth'"):
        Pcd(WeightingContext(["seg", "depth"]), primary="deph")


def test_it_stands_still_without_the_primary():
    assert pcd(checks.zero_row(3), primary="t1").tolist() == [0.0] * 3
    strategy = checks.make("pcd", 3)
    assert checks.weights(strategy, checks.random(2), some_losses([1, 2])).tolist() == [0.0] * 2


def test_opposite_others_are_dropped():
    jacobian = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 0.5], [0.0, -2.0, -1.0]])
    assert pcd(jacobian).tolist() == [1.0, 0.0, 0.0]


def test_norms_are_averaged_by_task_with_the_first_ones_bias_taken_out():
    strategy = checks.make("pcd:beta=0.5", 3)
    checks.weights(strategy, np.diag([2.0, 4.0, 6.0]))
    checks.weights(strategy, np.eye(2), some_losses([0, 2]))
    assert strategy.averages.tolist() == [1.5, 8.0, 9.5]
    assert strategy.met.tolist() == [2, 1, 2]
