import cvxpy
import numpy as np
import pytest

from benchbed.testing import WeightingContract
from tests.zoo.weightings import checks
from tests.zoo.weightings.checks import KINDS, every_count, every_kind
from tests.zoo.weightings.solver_checks import (
    assert_the_update_stays,
    harmless,
    seeds,
    size,
    solve,
    units,
)


class TestDualProj(WeightingContract):
    id = "dualproj"


@every_kind
@every_count
@seeds
def test_it_conflicts_with_no_task_and_moves_no_further_than_it_must(kind, count, seed):
    """d = g_0 + Σ v_i·g_i with v ≥ 0, g_i·d ≥ 0, and g_i·d = 0 where v_i > 0."""
    jacobian = KINDS[kind](count, seed)
    weights, direction = solve("dualproj", jacobian)
    added = weights - 1.0 / count
    assert added.min() >= 0.0
    rows, lengths = units(jacobian)
    products = rows @ direction / size(weights, jacobian)
    assert products.min() >= -1e-12
    share = (added[np.linalg.norm(jacobian, axis=1) > 0.0] * lengths) / size(weights, jacobian)
    assert np.abs(products * share).max() <= 1e-12


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [2, 3, 5, 11])
def test_it_is_scipys_projection_of_the_average(kind, count):
    jacobian = KINDS[kind](count)
    expected = harmless(jacobian, jacobian.mean(axis=0))
    tolerance = 1e-9 * np.linalg.norm(jacobian.mean(axis=0))
    assert solve("dualproj", jacobian)[1] == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_cvxpys_optimum(seed):
    jacobian = checks.conflicting(4, seed)
    direction = cvxpy.Variable(jacobian.shape[1])
    objective = cvxpy.sum_squares(direction - jacobian.mean(axis=0))
    cvxpy.Problem(cvxpy.Minimize(objective), [jacobian @ direction >= 0]).solve(cvxpy.CLARABEL)
    assert solve("dualproj", jacobian)[1] == pytest.approx(direction.value, abs=1e-5)


def test_an_average_that_conflicts_with_nothing_stays():
    jacobian = np.eye(4) + 0.1
    assert solve("dualproj", jacobian)[0].tolist() == [0.25] * 4


def test_two_tasks_have_a_closed_form():
    """g_0 = (g_1 + g_2)/2 conflicts with the shorter gradient, and loses its part along it."""
    jacobian = np.array([[4.0, 0.0], [-1.0, 1.0]])
    average = jacobian.mean(axis=0)
    expected = average - (average @ jacobian[1]) / 2.0 * jacobian[1]
    assert solve("dualproj", jacobian)[1] == pytest.approx(expected)


@every_kind
def test_a_common_factor_and_an_order_change_nothing(kind):
    assert_the_update_stays("dualproj", KINDS[kind](5))
    if kind != "duplicated":  # whose weights are not unique
        checks.assert_scale_free("dualproj", KINDS[kind](5))
        checks.assert_permutes("dualproj", KINDS[kind](5))


def test_zero_gradients_count_in_the_average_alone():
    jacobian = np.vstack([checks.conflicting(4), np.zeros(4)])
    weights, direction = solve("dualproj", jacobian)
    assert weights[4] == 0.2
    assert direction == pytest.approx(0.8 * solve("dualproj", jacobian[:4])[1], rel=1e-12)
    assert solve("dualproj", np.zeros((3, 2)))[0] == pytest.approx([1 / 3] * 3)


def test_gradients_that_help_no_task_together_give_no_update():
    weights, direction = solve("dualproj", np.array([[1.0, 0.0], [-3.0, 0.0]]))
    assert direction == pytest.approx([0.0, 0.0], abs=1e-15)
    assert weights[0] == pytest.approx(1.5)
