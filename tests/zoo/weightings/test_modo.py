import numpy as np
import pytest
import torch
from torchjd.aggregation import MoDoWeighting

from benchbed.testing import WeightingContract
from benchbed_zoo.weightings.solvers.min_norm import min_norm_weights
from tests.zoo.weightings import checks
from tests.zoo.weightings.checks import KINDS, every_count, every_kind
from tests.zoo.weightings.row_checks import some_losses


class TestMoDo(WeightingContract):
    id = "modo"
    options = {"gamma": 0.02, "rho": 0.5}


def nearest(point):
    """The projection on the simplex, by bisection of its threshold."""
    low, high = point.min() - 1.0, point.max()
    for _ in range(200):
        middle = (low + high) / 2
        above = np.maximum(point - middle, 0.0).sum() > 1.0
        low, high = (middle, high) if above else (low, middle)
    return np.maximum(point - high, 0.0)


def three(kind, count, seed=0):
    return [KINDS[kind](count, 10 * seed + batch) for batch in range(3)]


def modo(strategy, batches, given=None):
    losses = given or checks.losses(len(batches[0]))
    return checks.weights(strategy, np.concatenate(batches), losses)


@every_kind
@every_count
def test_it_is_the_papers_step_on_the_vectors(kind, count):
    gamma, rho = 0.03, 0.2
    strategy = checks.make(f"modo:gamma={gamma},rho={rho}", count)
    weights = np.full(count, 1 / count)
    for seed in range(4):
        one, two, last = three(kind, count, seed)
        slope = one @ (weights @ two) + rho * weights
        weights = nearest(weights - gamma * slope)
        found = modo(strategy, [one, two, last])
        assert found == pytest.approx(weights, abs=1e-10 * max(1.0, gamma * np.abs(slope).max()))
        weights = found


@pytest.mark.parametrize("count", [2, 3, 5])
def test_torchjd_agrees(count):
    ours, theirs = checks.make("modo:gamma=0.1,rho=0.1", count), MoDoWeighting(0.1, 0.1)
    for seed in range(4):
        one, two, last = three("random", count, seed)
        expected = theirs(torch.from_numpy(one @ two.T)).numpy()
        assert modo(ours, [one, two, last]) == pytest.approx(expected, abs=1e-12)


def test_on_one_problem_it_comes_to_the_shortest_combination():
    jacobian = checks.random(4, columns=6)
    strategy = checks.make("modo:gamma=0.05,rho=0", 4)
    for _ in range(1000):
        found = modo(strategy, [jacobian] * 3)
    assert found == pytest.approx(min_norm_weights(jacobian @ jacobian.T), abs=1e-8)


def test_a_common_factor_is_made_up_for_by_the_step_size():
    batches = three("random", 4)
    plain = modo(checks.make("modo:gamma=0.01,rho=0", 4), batches)
    larger = [1e3 * jacobian for jacobian in batches]
    found = modo(checks.make("modo:gamma=1e-8,rho=0", 4), larger)
    assert found == pytest.approx(plain, rel=1e-9)


def test_an_order_of_the_tasks_permutes_the_weights():
    batches, order = three("random", 5), np.array([3, 0, 4, 1, 2])
    plain = modo(checks.make("modo", 5), batches)
    found = modo(checks.make("modo", 5), [jacobian[order] for jacobian in batches])
    assert found == pytest.approx(plain[order], abs=1e-12)


def test_a_task_that_was_absent_has_the_weight_that_it_had():
    strategy = checks.make("modo", 3)
    before = modo(strategy, three("random", 3))
    found = modo(
        strategy, [jacobian[:2] for jacobian in three("random", 3, 1)], some_losses([0, 1])
    )
    assert found.sum() == pytest.approx(1.0)
    assert strategy.task_weights.of(["t0", "t1", "t2"])[2] == before[2]


def test_a_zero_gradient_is_weighed_by_the_pull_alone():
    batches = [np.zeros((3, 4)) for _ in range(3)]
    strategy = checks.make("modo:gamma=0.1,rho=0.5", 3)
    strategy.task_weights.keep(["t0", "t1", "t2"], np.array([0.6, 0.3, 0.1]))
    found = modo(strategy, batches)
    assert found == pytest.approx(nearest(0.95 * np.array([0.6, 0.3, 0.1])), abs=1e-12)
