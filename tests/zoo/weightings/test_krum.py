import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchjd.aggregation import KrumWeighting

from benchbed.testing import WeightingContract
from tests.zoo.weightings import checks
from tests.zoo.weightings.checks import KINDS, every_count, every_kind


class TestKrum(WeightingContract):
    id = "krum"
    options = {"n_byzantine": 0, "n_selected": 3}


def scores_by_hand(jacobian, n_byzantine, power=2):
    scores = []
    for i, row in enumerate(jacobian):
        others = [np.linalg.norm(row - other) for j, other in enumerate(jacobian) if j != i]
        nearest = sorted(others)[: max(1, len(jacobian) - n_byzantine - 2)]
        scores.append(sum(distance**power for distance in nearest))
    return np.array(scores)


def krum(jacobian, n_byzantine=1, n_selected=1):
    method = f"krum:n_byzantine={n_byzantine},n_selected={n_selected}"
    return checks.weights(checks.make(method, len(jacobian)), jacobian)


@every_kind
@every_count
@pytest.mark.parametrize("n_byzantine", [0, 1, 3])
@pytest.mark.parametrize("n_selected", [1, 2, 7])
def test_those_with_the_least_score_share_the_weight(kind, count, n_byzantine, n_selected):
    jacobian = KINDS[kind](count)
    found = krum(jacobian, n_byzantine, n_selected)
    chosen = found > 0.0
    assert chosen.sum() == min(n_selected, count)
    assert found[chosen].tolist() == [1.0 / chosen.sum()] * chosen.sum()
    scores = scores_by_hand(jacobian, n_byzantine)
    # the distance of two rows in the Gramian is as exact as their squared lengths
    rounding = 1e-13 * len(jacobian) * ((jacobian**2).sum(axis=1) + scores)
    best = scores[~chosen] + rounding[~chosen]
    assert (scores[chosen] - rounding[chosen]).max() <= best.min(initial=np.inf)


@pytest.mark.parametrize("n_byzantine", [0, 1, 4])
def test_torchjd_agrees_where_one_neighbour_counts(n_byzantine):
    """With more it adds up distances, not their squares."""
    for seed in range(20):
        jacobian = checks.random(n_byzantine + 3, seed)
        expected = KrumWeighting(n_byzantine, 2)(torch.from_numpy(jacobian @ jacobian.T))
        assert krum(jacobian, n_byzantine, 2).tolist() == expected.tolist()


def test_it_adds_up_squared_distances_as_the_paper_does():
    telling = 0
    for seed in range(200):
        jacobian = checks.random(6, seed)
        squared, plain = (int(np.argmin(scores_by_hand(jacobian, 1, p))) for p in (2, 1))
        assert krum(jacobian)[squared] == 1.0
        telling += squared != plain
    assert telling > 0


@given(st.integers(0, 10**6), st.floats(5.0, 1e6))
def test_gradients_far_off_are_never_chosen(seed, size):
    honest = 1.0 + 0.1 * checks.random(5, seed, columns=8)
    wrong = size * checks.random(2, seed, columns=8)
    assert krum(np.concatenate([wrong, honest]), 2, 3)[:2].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("kind", ["random", "scaled", "zero_row"])
def test_a_factor_leaves_the_choice_and_an_order_permutes_it(kind):
    checks.assert_scale_free("krum:n_selected=2", KINDS[kind](5))
    checks.assert_permutes("krum:n_selected=2", KINDS[kind](5))


def test_of_two_tasks_it_is_the_first():
    assert krum(checks.random(2)).tolist() == [1.0, 0.0]


def test_a_zero_gradient_may_be_chosen():
    assert krum(np.array([[1.0, 0.0], [0.0, 0.0], [-1.0, 0.1], [0.0, 1.0]]), 0)[1] == 1.0
