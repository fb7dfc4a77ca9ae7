from itertools import pairwise

import cvxpy
import numpy as np
import pytest
import torch

from benchbed import WeightingContext
from benchbed.basics.errors import RunError
from benchbed.testing import WeightingContract
from benchbed_zoo.weightings.dwa import DynamicWeightAverage
from benchbed_zoo.weightings.equal import Equal
from benchbed_zoo.weightings.mgda import Mgda
from tests.zoo.weightings import checks
from tests.zoo.weightings.checks import KINDS, every_count, every_kind
from tests.zoo.weightings.small import ABC, direction_of, random_jacobian, weights_of
from tests.zoo.weightings.solver_checks import assert_the_update_stays, seeds, size, solve, units

NORMALISATIONS = ("none", "l2", "loss", "loss-l2")
normalisations = pytest.mark.parametrize("normalisation", NORMALISATIONS)


class TestMgda(WeightingContract):
    id = "mgda"
    options = {"normalisation": "loss-l2"}


def divided(jacobian, normalisation, given):
    """The gradients as Sener and Koltun's code normalises them before it looks for weights."""
    lengths = np.linalg.norm(jacobian, axis=1)
    losses = np.array([float(loss) for loss in given.values()])
    by = {"none": 1.0, "l2": lengths, "loss": losses, "loss-l2": losses * lengths}
    return jacobian / np.broadcast_to(by[normalisation], len(jacobian))[:, None]


@pytest.mark.parametrize("kind", sorted({*KINDS} - {"zero_row"}))
@every_count
@normalisations
def test_the_combination_is_the_shortest(kind, count, normalisation):
    """g_i·d ≥ ‖d‖² for all i, with equality where w_i > 0, of the divided gradients."""
    jacobian, given = KINDS[kind](count), checks.losses(count)
    weights = solve(f"mgda:normalisation={normalisation}", jacobian, given)[0]
    assert weights.min() >= 0.0
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    rows, lengths = units(divided(jacobian, normalisation, given))
    total = weights @ lengths
    parts = weights * lengths / total
    direction = parts @ rows
    slack = rows @ direction - total * (direction @ direction) / lengths
    assert slack.min() >= -1e-12
    assert np.abs(slack * parts).max() <= 1e-12


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize("seed", range(2))
def test_it_is_cvxpys_optimum(normalisation, seed):
    jacobian, given = checks.random(4, seed) + 0.5, checks.losses(4, seed)
    rows = divided(jacobian, normalisation, given)
    w = cvxpy.Variable(4)
    objective = cvxpy.Minimize(cvxpy.sum_squares(rows.T @ w))
    cvxpy.Problem(objective, [w >= 0, cvxpy.sum(w) == 1]).solve(cvxpy.CLARABEL)
    found = solve(f"mgda:normalisation={normalisation}", jacobian, given)[0]
    assert found == pytest.approx(w.value, abs=1e-4)


@normalisations
def test_the_update_combines_the_gradients_as_they_are(normalisation):
    """Weights are computed on divided gradients alone: two orthogonal ones tell them apart."""
    jacobian = np.diag([1.0, 10.0])
    given = dict(zip(checks.names(2), (torch.tensor(2.0), torch.tensor(4.0)), strict=True))
    n = {"none": [1, 1], "l2": [1, 10], "loss": [2, 4], "loss-l2": [2, 40]}[normalisation]
    inverse = np.array([n[0] ** 2 / 1.0, n[1] ** 2 / 100.0])
    found = solve(f"mgda:normalisation={normalisation}", jacobian, given)[0]
    assert found == pytest.approx(inverse / inverse.sum(), rel=1e-12)


@every_kind
@normalisations
def test_a_common_factor_and_an_order_change_nothing(kind, normalisation):
    method = f"mgda:normalisation={normalisation}"
    assert_the_update_stays(method, KINDS[kind](5))
    if kind != "duplicated":  # whose weights are not unique
        checks.assert_scale_free(method, KINDS[kind](5))
        checks.assert_permutes(method, KINDS[kind](5))


@every_kind
def test_divided_by_lengths_a_tasks_scale_does_not_matter(kind):
    jacobian = KINDS[kind](5)
    scales = np.geomspace(1e-3, 1e3, 5)[:, None]
    plain = solve("mgda:normalisation=l2", jacobian)[1]
    found = solve("mgda:normalisation=l2", jacobian * scales)[0] @ jacobian
    assert found == pytest.approx(plain, abs=1e-8 * np.linalg.norm(plain))


@normalisations
def test_a_zero_gradient_takes_all_the_weight_whatever_its_loss(normalisation):
    jacobian, given = checks.zero_row(4), checks.losses(4)
    given["t2"] = torch.tensor(0.0)
    weights, direction = solve(f"mgda:normalisation={normalisation}", jacobian, given)
    assert weights.tolist() == [0.0, 0.0, 1.0, 0.0]
    assert not direction.any()


@pytest.mark.parametrize("normalisation", ["loss", "loss-l2"])
def test_a_loss_of_zero_is_the_limit_of_small_ones(normalisation):
    method = f"mgda:normalisation={normalisation}"
    jacobian, given = checks.conflicting(4), checks.losses(4)
    given["t1"] = torch.tensor(0.0)
    found = solve(method, jacobian, given)[0]
    assert found[1] == 0.0
    assert found.sum() == pytest.approx(1.0)
    given["t1"] = torch.tensor(1e-9, dtype=torch.float64)
    assert found == pytest.approx(solve(method, jacobian, given)[0], abs=1e-7)


def test_losses_that_are_all_zero_divide_nothing():
    jacobian = checks.random(3)
    zeros = dict.fromkeys(checks.names(3), torch.tensor(0.0))
    found = solve("mgda:normalisation=loss", jacobian, zeros)[0]
    assert found.tolist() == solve("mgda", jacobian)[0].tolist()


def test_a_negative_loss_is_refused():
    given = {**checks.losses(3), "t1": torch.tensor(-0.5)}
    with pytest.raises(RunError, match="'t1', which is -0.5: use normalisation=l2"):
        solve("mgda:normalisation=loss", checks.random(3), given)


@seeds
def test_opposite_gradients_give_no_update(seed):
    jacobian = checks.opposed(4, seed)
    weights, direction = solve("mgda", jacobian)
    assert np.linalg.norm(direction) <= 1e-14 * size(weights, jacobian)
    assert weights[:2] == pytest.approx([2 / 3, 1 / 3])


@pytest.mark.parametrize("count", range(2, 7))
def test_mgdas_direction_conflicts_with_no_task(count):
    for seed in range(20):
        jacobian = random_jacobian(count, seed, columns=4)
        direction = direction_of(Mgda, jacobian)
        tolerance = 1e-9 * (jacobian**2).sum(axis=1).max()
        assert (jacobian @ direction >= direction @ direction - tolerance).all()


@pytest.mark.parametrize("count", range(2, 7))
def test_permuting_the_tasks_permutes_mgdas_weights(count):
    strategy = Mgda(WeightingContext(tuple("abcdef"[:count])))
    for seed in range(10):
        jacobian = torch.from_numpy(random_jacobian(count, seed, columns=12))
        order = torch.from_numpy(np.random.default_rng(seed).permutation(count))
        plain = strategy.weights(jacobian @ jacobian.T, {})
        permuted = strategy.weights(jacobian[order] @ jacobian[order].T, {})
        assert torch.allclose(permuted, plain[order], atol=1e-9)


def test_mgda_stands_still_where_a_task_has_no_gradient():
    jacobian = random_jacobian(4, 0)
    jacobian[2] = 0
    assert direction_of(Mgda, jacobian).tolist() == [0.0] * 6


def test_what_the_weights_sum_to_is_as_stated():
    gramian = torch.from_numpy(np.cov(random_jacobian(3, 0, columns=9)))
    assert float(Mgda(ABC).weights(gramian, {}).sum()) == pytest.approx(1)
    assert (Mgda.sums_to, Equal.sums_to, DynamicWeightAverage.sums_to) == ("1", "T", "T")
    assert sum(weights_of(Equal(ABC))) == 3


def test_mgdas_weights_change_continuously_on_the_way_from_conflict_to_agreement():
    weights = []
    for cosine in np.linspace(-1, 1, 41):
        gramian = torch.tensor([[1.0, 2 * cosine], [2 * cosine, 4.0]], dtype=torch.float64)
        weights.append(float(Mgda(WeightingContext("ab")).weights(gramian, {})[0]))
    assert weights[0] == pytest.approx(2 / 3)
    assert weights[-1] == 1.0
    assert all(0 <= later - earlier < 0.05 for earlier, later in pairwise(weights))
