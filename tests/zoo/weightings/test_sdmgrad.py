import numpy as np
import pytest
import torch
from torchjd.aggregation import SDMGradWeighting

from benchbed.testing import WeightingContract
from tests.zoo.weightings import checks
from tests.zoo.weightings.checks import every_count, every_kind
from tests.zoo.weightings.row_checks import some_losses
from tests.zoo.weightings.test_modo import modo as sdmgrad
from tests.zoo.weightings.test_modo import nearest, three


class TestSdmGrad(WeightingContract):
    id = "sdmgrad"
    options = {"lamda": 0.6, "lr": 1.0, "momentum": 0.9, "steps": 5}


@every_kind
@every_count
def test_it_takes_the_papers_steps_on_the_vectors(kind, count):
    lamda, lr, momentum = 0.4, 0.5, 0.3
    method = f"sdmgrad:lamda={lamda},lr={lr},momentum={momentum},steps=4"
    strategy = checks.make(method, count)
    names = checks.names(count)
    for seed in range(3):
        one, two, last = three(kind, count, seed)
        weights = torch.from_numpy(strategy.task_weights.of(names)).clone()
        products = [one[i] @ two[i] for i in range(count)]
        scale = np.mean([np.sqrt(max(p, 0.0)) for p in products])
        optimizer = torch.optim.SGD([weights], lr=lr, momentum=momentum)
        size = 1.0
        for _ in range(4 if scale > 0.0 else 0):
            wanted = weights.numpy() @ two + lamda * two.mean(axis=0)
            slope = one @ wanted / scale**2
            size = max(size, np.abs(slope).max())
            weights.grad = torch.from_numpy(slope)
            optimizer.step()
            weights.copy_(torch.from_numpy(nearest(weights.numpy())))
        found = sdmgrad(strategy, [one, two, last])
        expected = (weights.numpy() + lamda / count) / (1 + lamda)
        assert found == pytest.approx(expected, abs=1e-12 * size)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_torchjd_agrees(count):
    """But for the 1e-8 that it adds to the squared scale."""
    ours, theirs = checks.make("sdmgrad", count), SDMGradWeighting()
    for seed in range(4):
        one, two, last = (1e3 * (j + 1.0) for j in three("random", count, seed))
        expected = theirs(torch.from_numpy(one @ two.T)).numpy()
        assert sdmgrad(ours, [one, two, last]) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("lamda", [0.0, 0.3, 2.0])
def test_on_one_problem_it_comes_to_the_minimum(lamda):
    """Where all that weigh anything have one product with g_w + λ·g₀, and no other a lesser one."""
    jacobian = checks.random(4, columns=6)
    strategy = checks.make(f"sdmgrad:lamda={lamda},lr=0.2,momentum=0,steps=2000", 4)
    direction = (1 + lamda) * sdmgrad(strategy, [jacobian] * 3) @ jacobian
    weights = strategy.task_weights.of(checks.names(4))
    slopes = jacobian @ direction
    assert slopes[weights > 0.0] == pytest.approx(np.full((weights > 0).sum(), slopes.min()))
    assert direction == pytest.approx(weights @ jacobian + lamda * jacobian.mean(axis=0))


def test_a_common_factor_leaves_the_weights():
    batches = three("random", 4)
    plain = sdmgrad(checks.make("sdmgrad", 4), batches)
    for scale in (1e-6, 1e6):
        found = sdmgrad(checks.make("sdmgrad", 4), [scale * jacobian for jacobian in batches])
        assert found == pytest.approx(plain, abs=1e-9)


def test_an_order_of_the_tasks_permutes_the_weights():
    batches, order = three("random", 5), np.array([3, 0, 4, 1, 2])
    plain = sdmgrad(checks.make("sdmgrad:lr=0.5", 5), batches)
    found = sdmgrad(checks.make("sdmgrad:lr=0.5", 5), [jacobian[order] for jacobian in batches])
    assert found == pytest.approx(plain[order], abs=1e-9)


def test_batches_that_have_nothing_in_common_move_no_weight():
    jacobian = checks.random(3)
    strategy = checks.make("sdmgrad", 3)
    assert sdmgrad(strategy, [jacobian, -jacobian, jacobian]) == pytest.approx(np.full(3, 1 / 3))
    assert sdmgrad(strategy, [0 * jacobian] * 3) == pytest.approx(np.full(3, 1 / 3))


def test_a_task_that_was_absent_has_the_weight_that_it_had():
    strategy = checks.make("sdmgrad:lr=0.1", 3)
    sdmgrad(strategy, three("random", 3))
    before = strategy.task_weights.of(checks.names(3))
    found = sdmgrad(strategy, [j[:2] for j in three("random", 3, 1)], some_losses([0, 1]))
    assert found.sum() == pytest.approx(1.0)
    assert strategy.task_weights.of(checks.names(3))[2] == before[2] > 0.0
