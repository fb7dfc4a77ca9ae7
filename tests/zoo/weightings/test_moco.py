import numpy as np
import pytest
import torch

from benchbed.testing import WeightingContract
from benchbed_zoo.weightings.solvers.min_norm import min_norm_weights
from tests.zoo.weightings import checks
from tests.zoo.weightings.checks import KINDS, every_count, every_kind
from tests.zoo.weightings.row_checks import assert_close, direction, rows_of, some_losses
from tests.zoo.weightings.test_modo import nearest


class TestMoCo(WeightingContract):
    id = "moco"
    options = {"beta": 0.9, "beta_sigma": 0.0, "gamma": 0.05, "gamma_sigma": 0.25, "rho": 0.1}


@every_kind
@every_count
def test_it_is_the_papers_algorithm_on_the_vectors(kind, count):
    beta, gamma, rho = 0.7, 0.02, 0.3
    strategy = checks.make(f"moco:beta={beta},gamma={gamma},rho={rho}", count)
    y, weights = 0.0, np.full(count, 1 / count)
    for step in range(1, 5):
        jacobian = KINDS[kind](count, step)
        found = direction(strategy, jacobian)
        y = y - beta / step**0.5 * (y - jacobian)
        slope = y @ (weights @ y) + rho * weights
        weights = nearest(weights - gamma / step**0.5 * slope)
        assert_close(
            found, weights @ y, 1e-10, 1e-15 * gamma * np.abs(slope).max() * np.abs(y).max()
        )
        weights = strategy.task_weights.of(checks.names(count))


def test_on_one_problem_it_comes_to_mgda():
    jacobian = checks.random(4, columns=6)
    strategy = checks.make("moco:beta=1,beta_sigma=0,gamma=0.05,gamma_sigma=0", 4)
    for _ in range(600):
        found = direction(strategy, jacobian)
    assert_close(found, min_norm_weights(jacobian @ jacobian.T) @ jacobian, 1e-6)


def test_tracked_gradients_come_to_the_mean_of_noisy_ones():
    """With β_k = 1/k they are their plain average."""
    strategy = checks.make("moco:beta=1,beta_sigma=1,gamma=0", 3)
    noisy = [checks.random(3, seed) for seed in range(20)]
    for jacobian in noisy:
        found = direction(strategy, jacobian)
    assert_close(found, np.mean(noisy, axis=(0, 1)), 1e-12)


def test_tasks_and_parameters_keep_what_is_theirs_while_absent():
    strategy = checks.make("moco:beta=0.5,beta_sigma=0,gamma=0", 3)
    one, two, three = (checks.random(3, seed, columns=4) for seed in range(3))
    direction(strategy, one)
    direction(strategy, two[:2], some_losses([2, 0]))
    rows = {"net.bias": rows_of(three)["net.bias"]}
    strategy.direction(rows, checks.losses(3))
    found = direction(strategy, np.zeros((3, 4)))
    y = one / 2
    y[[2, 0]] = (y[[2, 0]] + two[:2]) / 2
    y[:, 2:] = (y[:, 2:] + three[:, 2:]) / 2
    assert_close(found, (y / 2).mean(axis=0), 1e-12)


def test_the_step_of_the_weights_falls_with_the_steps_of_the_oldest_task():
    strategy = checks.make("moco:beta=1,beta_sigma=0,gamma=0.1,gamma_sigma=1,rho=0", 3)
    for _ in range(3):
        direction(strategy, np.zeros((2, 6)), some_losses([0, 1]))
    jacobian = checks.random(3)
    direction(strategy, jacobian)
    expected = nearest(1 / 3 - 0.1 / 4 * jacobian @ jacobian.mean(axis=0))
    assert strategy.task_weights.of(checks.names(3)) == pytest.approx(expected, abs=1e-12)


def test_an_order_of_the_tasks_leaves_the_direction():
    order = np.array([3, 0, 4, 1, 2])
    one, other = checks.make("moco", 5), checks.make("moco", 5)
    for seed in range(3):
        jacobian = checks.random(5, seed)
        found = direction(other, jacobian[order])
        assert_close(found, direction(one, jacobian), 1e-10)


def test_a_zero_gradient_fades():
    strategy = checks.make("moco:beta=0.5,beta_sigma=0,gamma=0", 2)
    jacobian = checks.random(2)
    for _ in range(60):
        found = direction(strategy, jacobian)
        jacobian[1] = 0.0
    assert_close(found, jacobian[0] / 2, 1e-9)


def test_its_state_is_kept_by_name():
    strategy, other = checks.make("moco", 3), checks.make("moco", 3)
    direction(strategy, checks.random(3))
    other.load_state_dict(strategy.state_dict())
    jacobian = checks.random(3, 1)
    assert direction(other, jacobian).tolist() == direction(strategy, jacobian).tolist()
    assert set(strategy.get_extra_state()["rows"]["net.bias"]) == {"t0", "t1", "t2"}
    assert torch.equal(strategy.task_weights.values, other.task_weights.values)
    assert strategy.task_weights.values.sum() == pytest.approx(1.0)
