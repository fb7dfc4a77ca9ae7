import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbed.testing import WeightingContract
from benchbed_zoo.weightings.pcgrad import PcGrad
from tests.zoo.weightings import checks
from tests.zoo.weightings.small import direction_of, orders_of, random_jacobian


class TestPcGrad(WeightingContract):
    id = "pcgrad"


def pcgrad_by_hand(jacobian, orders, *, own=False):
    """T. Yu et al., NeurIPS 2020, algorithm 1, on the vectors themselves."""
    total = np.zeros(jacobian.shape[1])
    for i, order in enumerate(orders):
        gradient = jacobian[i].copy()
        for j in order:
            if j == i and not own:
                continue
            product = gradient @ jacobian[j]
            if product < 0:
                gradient -= product / (jacobian[j] @ jacobian[j]) * jacobian[j]
        total += gradient
    return total


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 8), st.integers(0, 10**6))
def test_pcgrad_equals_the_papers_algorithm_on_vectors_in_the_same_order(count, seed):
    jacobian = random_jacobian(count, seed, columns=3)
    found = direction_of(PcGrad, jacobian, seed)
    expected = pcgrad_by_hand(jacobian, orders_of(count, seed))
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_pcgrad_never_projects_a_gradient_on_itself():
    """After other projections its product with itself can be negative: with three tasks, say."""
    telling = 0
    for seed in range(300):
        jacobian = random_jacobian(4, seed, columns=2)
        orders = orders_of(4, seed)
        without, with_own = (pcgrad_by_hand(jacobian, orders, own=own) for own in (False, True))
        if np.abs(without - with_own).max() > 1e-3:
            telling += 1
            assert direction_of(PcGrad, jacobian, seed) == pytest.approx(without, abs=1e-9)
    assert telling > 0


def test_pcgrad_projects_in_an_order_that_is_drawn_anew():
    jacobian = random_jacobian(5, 3, columns=3)
    found = {tuple(direction_of(PcGrad, jacobian, seed).round(9)) for seed in range(20)}
    assert len(found) > 5


def test_pcgrad_leaves_gradients_alone_that_do_not_conflict():
    jacobian = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [1.0, 1.0, 0.0]])
    assert direction_of(PcGrad, jacobian) == pytest.approx(jacobian.sum(axis=0))


def test_pcgrad_of_two_conflicting_tasks_conflicts_with_neither():
    for seed in range(20):
        jacobian = random_jacobian(2, seed)
        jacobian[1] -= 2 * jacobian[0]
        assert (jacobian @ direction_of(PcGrad, jacobian) >= -1e-12).all()


def test_pcgrad_does_not_divide_by_a_zero_gradient():
    jacobian = np.array([[1.0, 0.0], [0.0, 0.0], [-1.0, 1.0]])
    found = direction_of(PcGrad, jacobian)
    # g1 + ½·g3 and g3 + 1·g1, whatever the order; the zero gradient adds nothing
    assert found == pytest.approx(2 * jacobian[0] + 1.5 * jacobian[2])


@checks.every_kind
@checks.every_count
def test_on_all_problems_it_is_the_algorithm_on_the_vectors(kind, count):
    jacobian = checks.KINDS[kind](count)
    strategy = checks.make("pcgrad", count)
    torch.manual_seed(2)
    found = checks.weights(strategy, jacobian)
    lengths = np.linalg.norm(jacobian, axis=1)
    by_hand = pcgrad_by_hand(jacobian, orders_of(count, 2))
    error = np.linalg.norm(found @ jacobian - by_hand)
    assert error <= 1e-9 * (np.abs(found) @ lengths)
