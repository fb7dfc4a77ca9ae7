import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchjd.aggregation import GradVacWeighting

from benchbed.testing import WeightingContract
from tests.zoo.weightings import checks
from tests.zoo.weightings.checks import KINDS, every_count, every_kind
from tests.zoo.weightings.row_checks import assert_close, some_losses


class TestGradVac(WeightingContract):
    id = "gradvac"
    options = {"beta": 0.5}


def orders_of(count, seed):
    torch.manual_seed(seed)
    return torch.rand(count, count, dtype=torch.float64).argsort(dim=1).tolist()


def by_hand(jacobian, targets, beta, orders):
    """One step of the paper's algorithm on the vectors; moves the targets."""
    total = np.zeros(jacobian.shape[1])
    for i, order in enumerate(orders):
        gradient, moved = jacobian[i].copy(), np.linalg.norm(jacobian[i])
        for j in order:
            own, other = np.linalg.norm(gradient), np.linalg.norm(jacobian[j])
            if i == j or other == 0.0 or own <= 1e-7 * moved:
                continue
            cosine = np.clip(gradient @ jacobian[j] / (own * other), -1.0, 1.0)
            target = min(targets[i, j], 1.0 - 1e-6)
            if cosine < target:
                above = target * np.sqrt(1 - cosine**2) - cosine * np.sqrt(1 - target**2)
                factor = own * above / (other * np.sqrt(1 - target**2))
                gradient += factor * jacobian[j]
                moved += factor * other
            targets[i, j] = (1 - beta) * targets[i, j] + beta * cosine
        total += gradient
    return total


@every_kind
@every_count
@pytest.mark.parametrize("beta", [0.01, 0.5])
def test_it_is_the_papers_algorithm_on_vectors_in_the_same_orders(kind, count, beta):
    """Three steps, so that targets matter."""
    strategy = checks.make(f"gradvac:beta={beta}", count)
    targets = np.zeros((count, count))
    for seed in range(3):
        jacobian = KINDS[kind](count, seed)
        expected = by_hand(jacobian, targets, beta, orders_of(count, seed))
        torch.manual_seed(seed)
        found = checks.weights(strategy, jacobian) @ jacobian
        assert_close(found, expected, 1e-10, rounding=1e-14 * np.abs(jacobian).sum())
        assert strategy.targets.numpy() == pytest.approx(targets, abs=1e-10)


@settings(max_examples=50, deadline=None)
@given(st.floats(-0.99, 0.99), st.integers(0, 10**6))
def test_a_turned_gradient_has_the_targets_cosine_with_the_other(target, seed):
    jacobian = checks.random(2, seed)
    strategy = checks.make("gradvac:beta=0", 2)
    strategy.targets[0, 1] = target
    strategy.targets[1, 0] = -1.0
    turned = checks.weights(strategy, jacobian) @ jacobian - jacobian[1]
    lengths = np.linalg.norm(jacobian, axis=1)
    before = jacobian[0] @ jacobian[1] / lengths.prod()
    after = turned @ jacobian[1] / (np.linalg.norm(turned) * lengths[1])
    assert after == pytest.approx(max(before, target), abs=1e-9)


@pytest.mark.parametrize("count", [2, 3, 6])
def test_torchjd_agrees_in_one_order(count, monkeypatch):
    ours, theirs = checks.make("gradvac:beta=0.3", count), GradVacWeighting(beta=0.3, eps=0.0)
    in_order = torch.arange(float(count), dtype=torch.float64).expand(count, count)
    monkeypatch.setattr(torch, "rand", lambda *size, **options: in_order)
    monkeypatch.setattr(torch, "randperm", torch.arange)
    for seed in range(4):
        jacobian = checks.random(count, seed)
        found = checks.weights(ours, jacobian)
        assert found == pytest.approx(theirs(torch.from_numpy(jacobian @ jacobian.T)).numpy())


def test_with_targets_of_zero_it_is_pcgrad():
    for seed in range(20):
        jacobian = checks.random(2, seed)
        found = checks.weights(checks.make("gradvac:beta=0", 2), jacobian)
        assert found == pytest.approx(checks.weights(checks.make("pcgrad", 2), jacobian))


def test_targets_move_whether_or_not_a_gradient_is_turned():
    strategy = checks.make("gradvac:beta=0.25", 2)
    checks.weights(strategy, np.array([[1.0, 0.0], [0.6, 0.8]]))
    assert strategy.targets.tolist() == [[0.0, 0.25 * 0.6], [0.25 * 0.6, 0.0]]


def test_its_targets_belong_to_pairs_of_tasks():
    jacobian = np.abs(checks.random(3))
    strategy, other = (checks.make("gradvac:beta=0.5", 3) for _ in range(2))
    checks.weights(strategy, jacobian)
    before = strategy.targets.clone()
    checks.weights(strategy, np.abs(checks.random(2, 9)), some_losses([2, 0]))
    same = before == strategy.targets
    assert same.tolist() == [[True, True, False], [True, True, True], [False, True, True]]
    other.load_state_dict(strategy.state_dict())
    torch.manual_seed(3)
    found = checks.weights(strategy, jacobian)
    torch.manual_seed(3)
    assert checks.weights(other, jacobian).tolist() == found.tolist()


@every_kind
def test_a_factor_of_all_gradients_leaves_the_weights(kind):
    jacobian = KINDS[kind](5)
    expected = None
    for scale in (1.0, 1e-6, 1e6):
        torch.manual_seed(1)
        strategy = checks.make("gradvac:beta=0.5", 5)
        checks.weights(strategy, jacobian)
        found = checks.weights(strategy, scale * jacobian)
        expected = found if expected is None else expected
        assert_close(found, expected, 1e-6)


def test_tasks_that_do_the_same_for_long_weigh_one_each():
    strategy = checks.make("gradvac:beta=0.5", 2)
    jacobian = checks.random(2, columns=500)
    jacobian[1] = 3.0 * jacobian[0]
    for seed in range(60):
        noise = 1.0 + 1e-7 * checks.random(2, seed, columns=500)
        assert checks.weights(strategy, jacobian * noise) == pytest.approx(np.ones(2), abs=1e-3)


def test_opposite_gradients_cancel_out():
    found = checks.weights(checks.make("gradvac", 2), checks.opposed(2)) @ checks.opposed(2)
    assert found == pytest.approx(np.zeros(5), abs=1e-12)
