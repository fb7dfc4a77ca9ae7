import cvxpy
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torchjd.aggregation import CAGrad

from benchbed.testing import WeightingContract
from tests.zoo.weightings import checks
from tests.zoo.weightings.checks import KINDS, every_count, every_kind
from tests.zoo.weightings.solver_checks import (
    EPS,
    assert_the_update_stays,
    cosine,
    harmless,
    seeds,
    solve,
    units,
)

radii = pytest.mark.parametrize("c", [0.1, 0.4, 0.95, 5.0])


class TestCaGrad(WeightingContract):
    id = "cagrad"
    options = {"c": 0.9, "rescale": "linear"}


def plain(jacobian, c):
    """The weights and direction before any rescaling."""
    return solve(f"cagrad:c={c},rescale=none", jacobian)


def assert_optimal(jacobian, c):
    """The conditions of max_d min_i g_i·d in the ball, lengths divided out.

    d − g_0 = Σ y_i·g_i with y ≥ 0, g_i·d = μ where y_i > 0 and g_i·d ≥ μ elsewhere; and either
    ‖d − g_0‖ = c·‖g_0‖, or μ = 0 and d is the projection of g_0 on the dual cone.
    """
    weights, direction = plain(jacobian, c)
    lengths = np.linalg.norm(jacobian, axis=1)
    parts = (weights - 1.0 / len(jacobian)) * lengths
    average = jacobian.mean(axis=0)
    scale = np.abs(parts).sum() + lengths.sum() / len(jacobian)
    assert parts.min() >= -1e-14 * scale
    rows, used = units(jacobian)
    parts = parts[lengths > 0.0]
    active = parts > 1e-14 * scale
    products = rows @ direction
    if active.any():
        last = np.flatnonzero(active)[np.argmin(used[active])]
        level = products[last] * used[last]
        slack = products - level / used
        assert slack.min() >= -1e-10 * scale
        assert np.abs(slack * parts).max() <= 1e-10 * scale**2
    reach = c * np.linalg.norm(average)
    moved = np.linalg.norm(direction - average)
    # rounding of the length, which is what remains of y where gradients nearly cancel out
    blur = max(1e-10, 100 * EPS * (scale / max(reach, 1e-300)) ** 2)
    if abs(moved / reach - 1.0) > blur:
        assert moved < reach
        assert direction == pytest.approx(harmless(jacobian, average), abs=1e-7 * reach / c)


@every_kind
@every_count
@radii
def test_the_conditions_of_the_optimum_hold(kind, count, c):
    for seed in range(2):
        assert_optimal(KINDS[kind](count, seed), c)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(2, 8).flatmap(lambda t: arrays(np.int64, (t, 3), elements=st.integers(-3, 3))),
    st.sampled_from([0.1, 0.4, 0.9, 1.0, 3.0]),
)
def test_small_whole_numbers_with_all_their_coincidences(jacobian, c):
    if jacobian.sum(axis=0).any():
        assert_optimal(jacobian.astype(float), c)


@pytest.mark.parametrize("kind", ["random", "conflicting", "duplicated"])
@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("c", [0.4, 2.0])
def test_the_papers_objective_is_cvxpys_least(kind, count, c):
    """F(w) = g_wᵀg_0 + √φ·‖g_w‖ on the simplex, w being what exceeds 1/T, scaled to sum 1."""
    jacobian = KINDS[kind](count)
    average = jacobian.mean(axis=0)
    phi = c * np.linalg.norm(average)
    w = cvxpy.Variable(count)
    objective = (jacobian @ average) @ w + phi * cvxpy.norm(jacobian.T @ w)
    best = cvxpy.Problem(cvxpy.Minimize(objective), [w >= 0, cvxpy.sum(w) == 1])
    best.solve(cvxpy.CLARABEL)
    ours = plain(jacobian, c)[0] - 1.0 / count
    combined = (ours / ours.sum()) @ jacobian
    found = combined @ average + phi * np.linalg.norm(combined)
    assert found <= best.value + 1e-7 * phi * np.linalg.norm(jacobian)


@pytest.mark.parametrize("kind", ["random", "conflicting"])
@pytest.mark.parametrize("count", [2, 3, 5])
def test_torchjd_agrees(kind, count):
    jacobian = KINDS[kind](count)
    expected = CAGrad(c=0.4)(torch.from_numpy(jacobian)).numpy()
    assert plain(jacobian, 0.4)[1] == pytest.approx(expected, abs=1e-4)


def test_two_tasks_follow_the_papers_formula_with_a_grid_of_weights():
    for seed in range(5):
        jacobian = checks.random(2, seed)
        average = jacobian.mean(axis=0)
        phi = 0.4 * np.linalg.norm(average)
        grid = np.linspace(0.0, 1.0, 20001)
        combined = np.outer(grid, jacobian[0]) + np.outer(1.0 - grid, jacobian[1])
        values = combined @ average + phi * np.linalg.norm(combined, axis=1)
        best = combined[np.argmin(values)]
        expected = average + phi * best / np.linalg.norm(best)
        assert plain(jacobian, 0.4)[1] == pytest.approx(expected, abs=1e-3 * phi)


@every_kind
@every_count
def test_without_a_ball_it_is_the_average(kind, count):
    for rescale in ("none", "linear", "square"):
        weights = solve(f"cagrad:c=0,rescale={rescale}", KINDS[kind](count))[0]
        assert weights.tolist() == [1.0 / count] * count


@pytest.mark.parametrize("kind", ["random", "scaled", "conflicting"])
@pytest.mark.parametrize("count", [2, 3, 5, 11])
def test_a_large_ball_leads_to_mgda(kind, count):
    jacobian = KINDS[kind](count)
    assert cosine(plain(jacobian, 1e6)[1], solve("mgda", jacobian)[1]) >= 1.0 - 1e-8


@radii
def test_the_direction_is_divided_as_the_option_says(c):
    jacobian = checks.random(4)
    expected = plain(jacobian, c)[0]
    for rescale, divisor in (("linear", 1.0 + c), ("square", 1.0 + c**2)):
        found = solve(f"cagrad:c={c},rescale={rescale}", jacobian)[0]
        assert found == pytest.approx(expected / divisor, rel=1e-14)


def test_the_default_divides_by_one_plus_the_square_of_c():
    jacobian = checks.random(4)
    expected = plain(jacobian, 0.4)[0] / 1.16
    assert solve("cagrad", jacobian)[0] == pytest.approx(expected, rel=1e-14)


@every_kind
def test_a_common_factor_and_an_order_change_nothing(kind):
    assert_the_update_stays("cagrad:c=0.9", KINDS[kind](5))
    if kind != "duplicated":  # whose weights are not unique
        checks.assert_scale_free("cagrad:c=0.9", KINDS[kind](5))
        checks.assert_permutes("cagrad:c=0.9", KINDS[kind](5))


@seeds
@radii
def test_where_no_direction_helps_all_tasks_none_is_harmed(seed, c):
    jacobian = checks.opposed(4, seed)
    direction = plain(jacobian, c)[1]
    average = jacobian.mean(axis=0)
    nearest = harmless(jacobian, average)
    if np.linalg.norm(nearest - average) <= c * np.linalg.norm(average):
        assert direction == pytest.approx(nearest, abs=1e-9)
    else:  # all directions in the ball harm the two opposite tasks or another
        assert np.linalg.norm(direction - average) == pytest.approx(c * np.linalg.norm(average))


@radii
def test_near_the_point_where_no_direction_helps_all_tasks_the_step_is_near_that_of_the_point(c):
    jacobian = np.array([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [0.2, 0.5, 0.0]])
    at = plain(jacobian, c)[1]
    jacobian[1, 2] = 1e-4  # now some direction does; its smallest gain is largest far along it
    assert np.abs(plain(jacobian, c)[1] - at)[:2].max() <= 1e-2


@every_count
@radii
def test_an_average_that_is_zero_but_for_rounding_gives_no_update(count, c):
    for seed in range(10):
        jacobian = checks.random(count, seed)
        jacobian -= jacobian.mean(axis=0)
        weights, direction = solve(f"cagrad:c={c}", jacobian)
        assert np.linalg.norm(direction) <= 1e-14 * np.linalg.norm(jacobian)
        assert weights == pytest.approx(np.full(count, 1.0 / count / (1.0 + c**2)), rel=1e-6)


def test_with_a_zero_gradient_none_is_harmed():
    jacobian = np.vstack([checks.conflicting(4), np.zeros(4)])
    direction = plain(jacobian, 0.95)[1]
    assert direction == pytest.approx(harmless(jacobian, jacobian.mean(axis=0)), abs=1e-10)
    assert (jacobian @ direction >= -1e-12).all()
    assert solve("cagrad:rescale=none", np.zeros((3, 2)))[0] == pytest.approx([1 / 3] * 3)


def test_the_worst_off_task_gains_at_least_what_it_does_with_the_average():
    for seed in range(20):
        jacobian = checks.random(5, seed)
        average = jacobian.mean(axis=0)
        gains = [(jacobian @ plain(jacobian, c)[1]).min() for c in (0.2, 0.4, 0.8)]
        assert sorted(gains) == gains
        assert gains[0] > (jacobian @ average).min()
