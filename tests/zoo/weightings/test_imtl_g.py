import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchjd.aggregation import IMTLG

from benchbed.basics.errors import RunError
from benchbed.testing import WeightingContract
from tests.zoo.weightings import checks
from tests.zoo.weightings.checks import KINDS, every_count, every_kind
from tests.zoo.weightings.solver_checks import (
    assert_the_update_stays,
    cosine,
    seeds,
    size,
    solve,
    units,
)


class TestImtlG(WeightingContract):
    id = "imtl-g"


def by_the_paper(jacobian):
    """The closed form, with the first task singled out: α = g_1·Uᵀ·(D·Uᵀ)⁻¹."""
    rows = jacobian / np.linalg.norm(jacobian, axis=1, keepdims=True)
    d, u = jacobian[0] - jacobian[1:], rows[0] - rows[1:]
    rest = np.linalg.solve(u @ d.T, u @ jacobian[0])
    return np.concatenate([[1.0 - rest.sum()], rest])


@every_kind
@every_count
@seeds
def test_projections_are_equal_and_weights_sum_to_one(kind, count, seed):
    jacobian = KINDS[kind](count, seed)
    weights, direction = solve("imtl-g", jacobian)
    assert weights.sum() == pytest.approx(1.0, abs=1e-12 * np.abs(weights).sum())
    projections = units(jacobian)[0] @ direction
    assert np.ptp(projections) <= 1e-10 * size(weights, jacobian)
    if kind in {"random", "scaled", "duplicated", "zero_row", "conflicting"}:
        assert np.ptp(projections) <= 1e-10 * np.linalg.norm(direction)
        assert np.abs(projections).min() > 0.0


@pytest.mark.parametrize("kind", ["random", "conflicting"])
@every_count
@seeds
def test_it_is_the_papers_closed_form(kind, count, seed):
    jacobian = KINDS[kind](count, seed)
    expected = by_the_paper(jacobian)
    found = solve("imtl-g", jacobian)[0]
    assert found == pytest.approx(expected, abs=1e-7 * np.abs(expected).max())


@pytest.mark.parametrize("kind", ["random", "conflicting", "duplicated"])
@every_count
def test_torchjd_agrees(kind, count):
    jacobian = KINDS[kind](count)
    expected = IMTLG()(torch.from_numpy(jacobian)).numpy()
    tolerance = 1e-9 * size(solve("imtl-g", jacobian)[0], jacobian)
    assert solve("imtl-g", jacobian)[1] == pytest.approx(expected, abs=tolerance)


def test_two_tasks_are_weighted_by_their_inverse_lengths():
    for seed in range(10):
        jacobian = checks.scaled(2, seed)
        inverse = 1.0 / np.linalg.norm(jacobian, axis=1)
        found = solve("imtl-g", jacobian)[0]
        assert found == pytest.approx(inverse / inverse.sum(), rel=1e-10)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 8))
def test_a_tasks_scale_leaves_the_direction(seed, count):
    """But for its sign, that of Σ x_i/‖g_i‖."""
    jacobian = checks.random(count, seed)
    scales = 10 ** np.random.default_rng(seed).uniform(-4, 4, count)
    plain = solve("imtl-g", jacobian)[1]
    found = solve("imtl-g", jacobian * scales[:, None])[1]
    assert abs(cosine(plain, found)) == pytest.approx(1.0, abs=1e-9)


@every_kind
def test_a_common_factor_and_an_order_change_nothing(kind):
    """To 1e-8, or at a condition of G of 1e9 to what its rounding leaves of that."""
    assert_the_update_stays("imtl-g", KINDS[kind](5), rtol=1e-6 if kind == "conditioned" else 1e-8)
    if kind != "conditioned":
        checks.assert_scale_free("imtl-g", KINDS[kind](5))
        checks.assert_permutes("imtl-g", KINDS[kind](5))


def test_tasks_of_one_direction_share_a_weight_by_their_inverse_lengths():
    jacobian = np.array([[1.0, 0.0], [4.0, 0.0], [0.0, 1.0]])
    weights, direction = solve("imtl-g", jacobian)
    assert weights[:2] / weights[1] == pytest.approx([4.0, 1.0])
    assert direction[0] == pytest.approx(direction[1])


@seeds
def test_where_only_zero_projects_equally_the_update_is_zero(seed):
    jacobian = checks.opposed(2, seed)
    weights, direction = solve("imtl-g", jacobian)
    assert weights == pytest.approx([2 / 3, 1 / 3])
    assert np.abs(direction).max() <= 1e-15 * np.abs(jacobian).max()
    jacobian = checks.random(5, seed, columns=2)  # five directions in a plane
    weights, direction = solve("imtl-g", jacobian)
    assert np.linalg.norm(direction) <= 1e-12 * size(weights, jacobian)


def test_a_short_gradient_of_negative_share_makes_the_update_climb_as_in_the_paper():
    jacobian = np.array([[1.0, 0.0], [0.8, 0.6], [0.995, 0.1]])
    jacobian = np.hstack([jacobian, 0.05 * np.eye(3)])
    climbing = jacobian * np.array([[1.0], [1.0], [1e-3]])
    for rows, sign in ((jacobian, 1.0), (climbing, -1.0)):
        direction = solve("imtl-g", rows)[1]
        assert (sign * (rows @ direction) > 0.0).all()
        assert solve("imtl-g", rows)[0] == pytest.approx(by_the_paper(rows), rel=1e-6)


def test_a_run_ends_where_no_weights_sum_to_one():
    jacobian = np.hstack([[[1.0, 0.0], [0.8, 0.6], [0.995, 0.1]], 0.05 * np.eye(3)])
    rows, _ = units(jacobian)
    x = np.linalg.solve(rows @ rows.T, np.ones(3))
    assert x[2] < 0.0
    rows[2] *= -x[2] / (x[0] + x[1])
    with pytest.raises(RunError, match="no weights of sum 1"):
        solve("imtl-g", rows)


def test_a_task_with_a_zero_gradient_is_left_out():
    jacobian = checks.zero_row(5)
    weights = solve("imtl-g", jacobian)[0]
    assert weights[2] == 0.0
    rest = [0, 1, 3, 4]
    assert weights[rest].tolist() == solve("imtl-g", jacobian[rest])[0].tolist()
    assert solve("imtl-g", np.zeros((4, 2)))[0].tolist() == [0.25] * 4
