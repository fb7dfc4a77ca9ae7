import cvxpy
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import root

from benchbed.testing import WeightingContract
from benchbed_zoo.weightings.nash_mtl import NashMtl
from tests.zoo.weightings import checks
from tests.zoo.weightings.checks import KINDS, every_count, every_kind
from tests.zoo.weightings.solver_checks import (
    EPS,
    assert_gives_up,
    assert_the_update_stays,
    cosine,
    gramian_of,
    seeds,
    solve,
    units,
)


class TestNashMtl(WeightingContract):
    id = "nash-mtl"
    options = {"update_every": 3, "max_norm": 1.0}


def shortest(jacobian):
    """The length of the shortest convex combination of the unit gradients."""
    rows, _ = units(jacobian)
    return np.linalg.norm(solve("mgda", rows)[1])


@every_kind
@every_count
@seeds
def test_every_tasks_gain_times_its_weight_is_one(kind, count, seed):
    """To 1e-10, or to what rounding of the cosines leaves of it where gradients nearly cancel."""
    jacobian = KINDS[kind](count, seed)
    weights = solve("nash-mtl", jacobian)[0]
    used = np.linalg.norm(jacobian, axis=1) > 0.0
    rows, lengths = units(jacobian)
    shares = weights[used] * lengths
    if shortest(jacobian) < 1e-7:
        assert not weights.any()
        return
    assert (weights[used] > 0.0).all()
    assert not weights[~used].any()
    cosines = rows @ rows.T
    error = np.abs(shares * (cosines @ shares) - 1.0)
    limit = 64 * EPS * shares * (np.abs(cosines) @ shares)
    assert (error <= limit).all()
    assert error.max() <= 1e-10 or kind == "conditioned"


@pytest.mark.parametrize("count", [2, 3, 4])
@seeds
def test_it_is_the_nash_bargaining_solution_as_cvxpy_finds_it(count, seed):
    """The d in a ball that maximises the product of the gains, and √T long."""
    jacobian = checks.random(count, seed) + 0.3
    d = cvxpy.Variable(jacobian.shape[1])
    objective = cvxpy.Maximize(cvxpy.sum(cvxpy.log(jacobian @ d)))
    cvxpy.Problem(objective, [cvxpy.norm(d) <= 1]).solve(cvxpy.CLARABEL)
    direction = solve("nash-mtl", jacobian)[1]
    assert cosine(direction, d.value) >= 1.0 - 1e-7
    assert np.linalg.norm(direction) == pytest.approx(count**0.5, rel=1e-12)


@pytest.mark.parametrize("count", [2, 3, 5])
@seeds
def test_it_is_the_root_that_scipy_finds(count, seed):
    gramian = gramian_of(checks.random(count, seed)).numpy()
    expected = root(lambda a: gramian @ a - 1.0 / a, np.diag(gramian) ** -0.5, tol=1e-12)
    assert expected.success
    found = solve("nash-mtl", checks.random(count, seed))[0]
    assert found == pytest.approx(expected.x, rel=1e-8)


@pytest.mark.parametrize("ratio", [1.0, 10.0, 1e6])
@pytest.mark.parametrize("angle", [-0.99, -0.5, 0.0, 0.9])
def test_two_tasks_have_a_closed_form(ratio, angle):
    """α_i = 1/(‖g_i‖·√(1 + cos)), whatever the gradients' lengths."""
    jacobian = np.array([[1.0, 0.0], [ratio * angle, ratio * (1.0 - angle**2) ** 0.5]])
    expected = np.array([1.0, 1.0 / ratio]) / (1.0 + angle) ** 0.5
    assert solve("nash-mtl", jacobian)[0] == pytest.approx(expected, rel=1e-12)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 10))
def test_a_tasks_scale_changes_nothing_but_the_inverse_of_its_weight(seed, count):
    jacobian = checks.random(count, seed)
    scales = 10 ** np.random.default_rng(seed).uniform(-6, 6, count)
    plain, direction = solve("nash-mtl", jacobian)
    weights, found = solve("nash-mtl", jacobian * scales[:, None])
    assert weights * scales == pytest.approx(plain, rel=1e-9)
    assert found == pytest.approx(direction, abs=1e-9 * np.abs(direction).max())


@every_kind
def test_an_order_permutes_the_weights_and_a_common_factor_leaves_the_update(kind):
    checks.assert_permutes("nash-mtl", KINDS[kind](5), rtol=1e-6)
    assert_the_update_stays("nash-mtl", KINDS[kind](5), power=0.0, rtol=1e-6)


def test_own_parameters_are_weighted_too_so_that_scales_cancel_out_there():
    assert NashMtl.heads == "weighted"


def test_there_is_no_agreement_where_no_direction_helps_all_tasks():
    for count in (2, 3, 5, 11, 40):
        assert_gives_up("nash-mtl", count)


def test_near_there_the_update_keeps_its_length():
    for angle in (1e-2, 1e-4, 1e-6):
        jacobian = np.array([[1.0, 0.0], [-np.cos(angle), np.sin(angle)]])
        weights, direction = solve("nash-mtl", jacobian)
        assert np.linalg.norm(direction) == pytest.approx(2**0.5, rel=1e-3)
        assert weights[0] == pytest.approx(2**0.5 / angle, rel=1e-3)


def test_a_task_with_a_zero_gradient_does_not_take_part():
    jacobian = checks.zero_row(5)
    weights = solve("nash-mtl", jacobian)[0]
    assert weights[2] == 0.0
    rest = [0, 1, 3, 4]
    assert weights[rest].tolist() == solve("nash-mtl", jacobian[rest])[0].tolist()
    assert solve("nash-mtl", np.zeros((3, 2)))[0].tolist() == [0.0] * 3


def test_dependent_gradients_in_single_precision_are_no_obstacle():
    jacobian = checks.random(4, columns=500)
    jacobian[3] = jacobian[:3].sum(axis=0)
    gramian = gramian_of(jacobian, torch.float32)
    weights = checks.make("nash-mtl", 4).weights(gramian, checks.losses(4)).numpy()
    assert weights * (gramian.numpy() @ weights) == pytest.approx([1.0] * 4, rel=1e-10)


def asked(strategy, seed, tasks=(0, 1, 2)):
    """The weights for some of the tasks on a problem of its own for each seed."""
    jacobian = checks.random(3, seed)[list(tasks)]
    given = {f"t{task}": torch.tensor(1.0) for task in tasks}
    return strategy.weights(gramian_of(jacobian), given).tolist()


def test_weights_are_kept_for_some_steps():
    strategy, fresh = checks.make("nash-mtl:update_every=3", 3), checks.make("nash-mtl", 3)
    found = [asked(strategy, seed) for seed in range(7)]
    expected = [asked(fresh, seed) for seed in range(7)]
    assert found[0] == found[1] == found[2] == expected[0]
    assert found[3] == found[4] == found[5] == expected[3]
    assert found[6] == expected[6] != expected[5]


def test_a_task_that_has_no_kept_weight_is_weighed_at_once():
    strategy, fresh = checks.make("nash-mtl:update_every=9", 3), checks.make("nash-mtl", 3)
    first = asked(strategy, 0, (2, 0))
    assert asked(strategy, 1, (0, 2)) == first[::-1]
    assert asked(strategy, 2, (0, 1, 2)) == asked(fresh, 2)
    assert asked(strategy, 3, (1,)) == asked(fresh, 2)[1:2]


def test_weights_of_an_older_bargain_are_not_mixed_with_newer_ones():
    strategy, fresh = checks.make("nash-mtl:update_every=2", 3), checks.make("nash-mtl", 3)
    found = [asked(strategy, *step) for step in ((0,), (1,), (2, (0, 2)), (3, (0, 1, 2)))]
    assert found[3] == asked(fresh, 3)


def test_kept_weights_and_the_count_of_steps_are_state():
    strategy, other = (checks.make("nash-mtl:update_every=3", 3) for _ in range(2))
    asked(strategy, 0)
    other.load_state_dict(strategy.state_dict())
    assert [asked(other, seed) for seed in (1, 2, 3)] == [asked(strategy, s) for s in (1, 2, 3)]


@pytest.mark.parametrize("limit", [0.5, 1.0, 100.0])
def test_a_longer_update_is_shortened_to_the_limit(limit):
    jacobian = checks.random(3)
    weights, direction = solve("nash-mtl", jacobian)
    found, limited = solve(f"nash-mtl:max_norm={limit}", jacobian)
    assert np.linalg.norm(limited) == pytest.approx(min(limit, 3**0.5), rel=1e-12)
    assert found / weights == pytest.approx(np.full(3, found[0] / weights[0]), rel=1e-12)
    assert cosine(limited, direction) == pytest.approx(1.0)


def test_kept_weights_are_limited_by_the_gradients_of_their_step():
    strategy = checks.make("nash-mtl:update_every=2,max_norm=1", 3)
    for seed in range(2):
        jacobian = checks.random(3, seed)
        found = strategy.weights(gramian_of(jacobian), checks.losses(3)).numpy()
        assert np.linalg.norm(found @ jacobian) <= 1.0 + 1e-12
