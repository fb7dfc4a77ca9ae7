import cvxpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbed.testing import WeightingContract
from tests.zoo.weightings import checks
from tests.zoo.weightings.checks import KINDS, every_count, every_kind
from tests.zoo.weightings.solver_checks import (
    assert_the_update_stays,
    cosine,
    harmless,
    seeds,
    size,
    solve,
    units,
)


class TestUpGrad(WeightingContract):
    id = "upgrad"


def by_the_paper(jacobian):
    """The mean of the projections, each by SciPy on the vectors."""
    return np.mean([harmless(jacobian, row) for row in jacobian], axis=0)


@every_kind
@every_count
@seeds
def test_it_never_conflicts_with_a_task_beyond_rounding(kind, count, seed):
    jacobian = KINDS[kind](count, seed)
    weights, direction = solve("upgrad", jacobian)
    assert weights.min() >= 1.0 / count
    rows, _ = units(jacobian)
    assert (rows @ direction).min() >= -1e-12 * size(weights, jacobian)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 10), st.floats(0, 6))
def test_its_angle_to_no_gradient_is_obtuse(seed, count, spread):
    """With lengths over twelve orders of magnitude; rounding is 1e-16, cosines are its rests."""
    lengths = 10 ** np.random.default_rng(seed).uniform(-spread, spread, count)
    jacobian = checks.conflicting(count, seed) * lengths[:, None]
    direction = solve("upgrad", jacobian)[1]
    assert min(cosine(direction, row) for row in jacobian) >= -1e-12


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [2, 3, 5, 11])
def test_it_is_the_mean_of_scipys_projections(kind, count):
    jacobian = KINDS[kind](count)
    tolerance = 1e-9 * np.linalg.norm(jacobian, axis=1).max()
    assert solve("upgrad", jacobian)[1] == pytest.approx(by_the_paper(jacobian), abs=tolerance)


@pytest.mark.parametrize("seed", range(2))
def test_it_is_the_mean_of_cvxpys_optima(seed):
    jacobian = checks.conflicting(3, seed)
    expected = np.zeros(3)
    for row in jacobian:
        direction = cvxpy.Variable(3)
        constraints = [jacobian @ direction >= 0]
        objective = cvxpy.Minimize(cvxpy.sum_squares(direction - row))
        cvxpy.Problem(objective, constraints).solve(cvxpy.CLARABEL)
        expected += direction.value / 3
    assert solve("upgrad", jacobian)[1] == pytest.approx(expected, abs=1e-5)


def test_of_two_tasks_each_loses_its_part_along_the_other():
    for seed in range(10):
        jacobian = checks.random(2, seed)
        jacobian[1] -= 2.0 * jacobian[0]
        a, b = jacobian
        assert a @ b < 0.0
        expected = (a - a @ b / (b @ b) * b + b - a @ b / (a @ a) * a) / 2.0
        assert solve("upgrad", jacobian)[1] == pytest.approx(expected, rel=1e-10)


def test_gradients_that_do_not_conflict_are_averaged():
    assert solve("upgrad", np.eye(4) + 0.1)[0].tolist() == [0.25] * 4


@every_kind
def test_a_common_factor_and_an_order_change_nothing(kind):
    assert_the_update_stays("upgrad", KINDS[kind](5))
    if kind != "duplicated":  # whose weights are not unique
        checks.assert_scale_free("upgrad", KINDS[kind](5))
        checks.assert_permutes("upgrad", KINDS[kind](5))


def test_a_tasks_scale_scales_its_own_projection_alone():
    jacobian = checks.conflicting(4)
    longer = jacobian * np.array([[1.0], [1e4], [1.0], [1.0]])
    gained = solve("upgrad", longer)[1] - solve("upgrad", jacobian)[1]
    expected = (1e4 - 1.0) * harmless(jacobian, jacobian[1]) / 4.0
    assert gained == pytest.approx(expected, rel=1e-9)


def test_zero_gradients_add_nothing():
    jacobian = np.vstack([checks.conflicting(4), np.zeros(4)])
    weights, direction = solve("upgrad", jacobian)
    assert weights[4] == 0.2
    assert direction == pytest.approx(0.8 * solve("upgrad", jacobian[:4])[1], rel=1e-12)
    assert solve("upgrad", np.zeros((3, 2)))[0] == pytest.approx([1 / 3] * 3)


def test_opposite_gradients_give_no_update():
    direction = solve("upgrad", np.array([[1.0, 0.0], [-3.0, 0.0]]))[1]
    assert direction == pytest.approx([0.0, 0.0], abs=1e-15)
