import numpy as np
import pytest
import torch
from scipy.special import softmax
from torchjd.aggregation import ExcessMTL

from benchbed.testing import WeightingContract
from tests.zoo.weightings import checks
from tests.zoo.weightings.checks import KINDS, every_count, every_kind
from tests.zoo.weightings.row_checks import assert_close, direction, some_losses


class TestExcessMtl(WeightingContract):
    id = "excess-mtl"
    options = {"step_size": 0.5, "warmup": 3}


class ByHand:
    """Eqs. 6, 7 and 9 on the vectors."""

    def __init__(self, count, step_size, warmup):
        self.logits, self.squares = np.zeros(count), 0.0
        self.step_size, self.warmup, self.first = step_size, warmup, []

    def step(self, jacobian):
        self.squares = self.squares + jacobian**2
        hessian = np.sqrt(np.where(self.squares > 0.0, self.squares, 1.0))
        risks = (jacobian / hessian * jacobian).sum(axis=1)
        if len(self.first) < self.warmup:
            self.first.append(risks)
        else:
            first = np.mean(self.first, axis=0)
            relative = risks / np.where(first > 0.0, first, 1.0)
            self.logits = self.logits + self.step_size * relative
        return len(jacobian) * softmax(self.logits) @ jacobian


@every_kind
@every_count
@pytest.mark.parametrize("warmup", [1, 2])
def test_it_is_the_papers_algorithm_on_the_vectors(kind, count, warmup):
    strategy = checks.make(f"excess-mtl:step_size=0.3,warmup={warmup}", count)
    expected = ByHand(count, 0.3, warmup)
    for seed in range(4):
        jacobian = KINDS[kind](count, seed)
        assert_close(direction(strategy, jacobian), expected.step(jacobian), 1e-10)


@pytest.mark.parametrize("count", [2, 5])
@pytest.mark.parametrize("warmup", [1, 3])
def test_torchjd_agrees_but_for_its_constants_and_sum(count, warmup):
    """It adds 1e-7 to sums of squares and risks, of no weight for gradients as long as these."""
    ours = checks.make(f"excess-mtl:step_size=0.4,warmup={warmup}", count)
    theirs = ExcessMTL(0.4, warmup)
    for seed in range(6):
        jacobian = 1e4 * checks.random(count, seed)
        expected = count * theirs(torch.from_numpy(jacobian)).numpy()
        assert_close(direction(ours, jacobian), expected, 1e-7)


@every_kind
def test_weights_do_not_depend_on_any_losss_unit(kind):
    found = []
    for units in (np.ones(3), np.array([1e-12, 1.0, 1e12])):
        strategy = checks.make("excess-mtl:step_size=0.3", 3)
        for seed in range(4):
            direction(strategy, units[:, None] * KINDS[kind](3, seed))
        found.append([strategy.logs[task] for task in checks.names(3)])
    assert found[1] == pytest.approx(found[0], abs=1e-9)


def test_a_task_that_is_further_from_convergence_weighs_more():
    strategy = checks.make("excess-mtl:step_size=0.1", 2)
    jacobian = checks.random(2)
    for _ in range(20):
        direction(strategy, jacobian)
        jacobian = jacobian * np.array([[1.0], [0.8]])
    assert strategy.logs["t0"] > strategy.logs["t1"]


def test_weights_recover_from_any_number_of_steps():
    """They are kept as logarithms, which never come to nothing."""
    strategy = checks.make("excess-mtl:step_size=500", 2)
    jacobian = checks.random(2)
    for row in (1, 0):
        for _ in range(8):
            given = jacobian.copy()
            given[row] *= 0.0 if strategy.first["t0"] and strategy.first["t1"] else 1.0
            direction(strategy, given)
    assert np.isfinite(list(strategy.logs.values())).all()
    assert strategy.logs["t1"] > -3000.0


def test_absent_tasks_keep_their_weights_and_the_others_their_sum():
    strategy = checks.make("excess-mtl:step_size=0.5", 3)
    for seed in range(3):
        direction(strategy, checks.random(3, seed))
    before = dict(strategy.logs)
    jacobian = checks.random(2, 5)
    found = direction(strategy, jacobian, some_losses([2, 0]))
    assert strategy.logs["t1"] == before["t1"]
    assert sum(np.exp(list(strategy.logs.values()))) == pytest.approx(3.0)
    weights = np.exp([strategy.logs["t2"], strategy.logs["t0"]])
    assert_close(found, 2 * weights / weights.sum() @ jacobian, 1e-12)


def test_warm_up_begins_with_a_tasks_first_gradient():
    strategy = checks.make("excess-mtl:warmup=2", 2)
    for scale in (0.0, 1.0, 0.0, 1.0, 1.0):
        direction(strategy, np.array([[1.0], [scale]]) * checks.random(2))
    assert [len(strategy.first[task]) for task in ("t0", "t1")] == [2, 2]
    sums = np.abs(checks.random(2)[1]).sum()
    assert strategy.first["t1"] == pytest.approx([sums, sums / np.sqrt(2)])


def test_an_order_of_the_tasks_leaves_the_direction():
    order = np.array([3, 0, 4, 1, 2])
    one, other = (checks.make("excess-mtl:step_size=0.5", 5) for _ in range(2))
    for seed in range(3):
        jacobian = checks.random(5, seed)
        assert_close(direction(other, jacobian[order]), direction(one, jacobian), 1e-12)


def test_its_state_is_kept_by_name():
    strategy, other = checks.make("excess-mtl", 3), checks.make("excess-mtl", 3)
    for seed in range(2):
        direction(strategy, checks.random(3, seed))
    other.load_state_dict(strategy.state_dict())
    jacobian = checks.random(3, 2)
    assert direction(other, jacobian).tolist() == direction(strategy, jacobian).tolist()
