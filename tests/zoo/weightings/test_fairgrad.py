import cvxpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import root

from benchbed.testing import WeightingContract
from tests.zoo.weightings import checks
from tests.zoo.weightings.checks import KINDS, every_count, every_kind
from tests.zoo.weightings.solver_checks import (
    EPS,
    assert_gives_up,
    assert_the_update_stays,
    cosine,
    gramian_of,
    solve,
    units,
)

alphas = pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0, 5.0, 10.0])


class TestFairGrad(WeightingContract):
    id = "fairgrad"
    options = {"alpha": 0.7}


def fair(jacobian, alpha):
    return solve(f"fairgrad:alpha={alpha}", jacobian)


def errors(jacobian, alpha):
    """The relative errors of (Gw)_i = w_i^(−1/α), and those of the rounding of G."""
    weights = fair(jacobian, alpha)[0]
    used = np.linalg.norm(jacobian, axis=1) > 0.0
    assert not weights[~used].any()
    if not weights.any():
        return None, None
    rows, lengths = units(jacobian)
    shares = weights[used] * lengths
    cosines = rows @ rows.T
    wanted = weights[used] ** (-1.0 / alpha) / lengths
    return (
        np.abs(cosines @ shares / wanted - 1.0),
        64 * EPS * (1.0 + np.abs(cosines) @ shares / wanted),
    )


@every_kind
@every_count
@alphas
def test_every_tasks_gain_is_the_power_of_its_weight(kind, count, alpha):
    """Up to the rounding of G, which is below 1e-10 but where gradients nearly cancel out.

    Or where lengths spread over twelve orders of magnitude and α is not near 1: a task's gain then
    is a small rest of large products.
    """
    for seed in range(2):
        jacobian = KINDS[kind](count, seed)
        error, limit = errors(jacobian, alpha)
        if error is None:
            shortest = np.linalg.norm(solve("mgda", units(jacobian)[0])[1])
            assert shortest < 1e-7
            continue
        assert (error <= limit).all()
        if kind not in {"conditioned", "scaled"}:
            assert error.max() <= 1e-10


@pytest.mark.parametrize("alpha", [2.0, 3.0])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_it_is_the_fair_allocation_as_cvxpy_finds_it(count, alpha):
    """The d in a ball that maximises Σ (g_i·d)^(1−α)/(1−α)."""
    jacobian = checks.random(count) + 0.3
    d = cvxpy.Variable(jacobian.shape[1])
    objective = cvxpy.Minimize(cvxpy.sum(cvxpy.power(jacobian @ d, 1.0 - alpha)))
    cvxpy.Problem(objective, [cvxpy.norm(d) <= 1]).solve(cvxpy.CLARABEL)
    assert cosine(fair(jacobian, alpha)[1], d.value) >= 1.0 - 1e-6


@alphas
@pytest.mark.parametrize("count", [2, 3, 5])
def test_it_is_the_root_that_scipy_finds(count, alpha):
    """From near it, as SciPy does not find it from afar."""
    jacobian = checks.random(count)
    gramian = gramian_of(jacobian).numpy()
    found = fair(jacobian, alpha)[0]
    start = found * np.linspace(0.97, 1.03, count)
    expected = root(lambda w: gramian @ w - w ** (-1.0 / alpha), start, tol=1e-13)
    assert expected.success
    assert found == pytest.approx(expected.x, rel=1e-8)


@every_kind
@every_count
def test_with_alpha_one_it_is_nash_mtl(kind, count):
    found, nash = fair(KINDS[kind](count), 1.0)[0], solve("nash-mtl", KINDS[kind](count))[0]
    assert found.tolist() == nash.tolist()


@pytest.mark.parametrize("alpha", [0.5, 2.0, 10.0])
def test_orthogonal_gradients_have_a_closed_form(alpha):
    lengths = np.array([1e-3, 1.0, 50.0])
    expected = lengths ** (-2.0 * alpha / (alpha + 1.0))
    assert fair(np.diag(lengths), alpha)[0] == pytest.approx(expected, rel=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 8), st.floats(0.5, 10), st.floats(-6, 6))
def test_a_common_factor_is_a_power_of_it_in_the_weights(seed, count, alpha, power):
    jacobian = checks.random(count, seed)
    plain, found = fair(jacobian, alpha)[0], fair(10**power * jacobian, alpha)[0]
    expected = plain * 10 ** (-2.0 * alpha / (alpha + 1.0) * power)
    assert found == pytest.approx(expected, rel=1e-7)


@every_kind
@alphas
def test_an_order_permutes_the_weights_and_a_common_factor_leaves_the_direction(kind, alpha):
    checks.assert_permutes(f"fairgrad:alpha={alpha}", KINDS[kind](5), rtol=1e-6)
    power = 1.0 - 2.0 * alpha / (alpha + 1.0)
    assert_the_update_stays(f"fairgrad:alpha={alpha}", KINDS[kind](5), power, rtol=1e-6)


def test_the_larger_alpha_the_more_gains_the_task_that_gains_least():
    for seed in range(10):
        jacobian = checks.random(4, seed)
        least = []
        for alpha in (0.5, 1.0, 2.0, 5.0, 10.0):
            direction = fair(jacobian, alpha)[1]
            least.append((jacobian @ direction).min() / np.linalg.norm(direction))
        assert sorted(least) == least


@alphas
def test_all_weights_are_zero_where_no_direction_helps_all_tasks(alpha):
    for count in (2, 3, 5, 11):
        assert_gives_up(f"fairgrad:alpha={alpha}", count)


def test_a_task_with_a_zero_gradient_does_not_take_part():
    jacobian = checks.zero_row(5)
    weights = fair(jacobian, 2.0)[0]
    assert weights[2] == 0.0
    rest = [0, 1, 3, 4]
    assert weights[rest].tolist() == fair(jacobian[rest], 2.0)[0].tolist()
    assert fair(np.zeros((3, 2)), 2.0)[0].tolist() == [0.0] * 3
