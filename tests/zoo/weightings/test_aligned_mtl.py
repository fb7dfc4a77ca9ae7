import numpy as np
import pytest
import torch
from torchjd.aggregation import AlignedMTL

from benchbed.testing import WeightingContract
from tests.zoo.weightings import checks
from tests.zoo.weightings.checks import KINDS, every_count, every_kind
from tests.zoo.weightings.solver_checks import assert_the_update_stays, solve

modes = pytest.mark.parametrize("mode", ["min", "median", "rmse"])


class TestAlignedMtl(WeightingContract):
    id = "aligned-mtl"
    options = {"scale_mode": "rmse", "reduction": "mean"}


def aligned(jacobian, mode="min"):
    """The aligned gradients, by a singular value decomposition of the gradients themselves.

    Of the condition of the gradients, where it takes that of their products squares it.
    """
    left, values, right = np.linalg.svd(jacobian, full_matrices=False)
    kept = values**2 > values[0] ** 2 * len(jacobian) * np.finfo(np.float32).eps
    squares = np.sort(values[kept] ** 2)
    scale = {
        "min": squares[0],
        "median": squares[(len(squares) - 1) // 2],
        "rmse": squares.mean(),
    }[mode]
    return scale**0.5 * left[:, kept] @ right[kept]


@every_kind
@every_count
@modes
def test_it_is_the_sum_of_the_aligned_gradients(kind, count, mode):
    """To 1e-10 where the rank is plain, and else to the 1e-9 that eigenvalues are good to."""
    for seed in range(2):
        jacobian = KINDS[kind](count, seed)
        expected = aligned(jacobian, mode).sum(axis=0)
        tolerance = 1e-8 if kind in {"scaled", "conditioned"} else 1e-10
        length = np.linalg.norm(aligned(jacobian, mode))
        found = solve(f"aligned-mtl:scale_mode={mode}", jacobian)[1]
        assert found == pytest.approx(expected, abs=tolerance * length)


@modes
@every_count
def test_the_mean_is_the_sum_divided_by_the_number_of_tasks(mode, count):
    method = f"aligned-mtl:scale_mode={mode}"
    found = solve(f"{method},reduction=mean", checks.random(count))[0]
    assert found * count == pytest.approx(solve(method, checks.random(count))[0], rel=1e-14)


@pytest.mark.parametrize("kind", ["random", "duplicated", "conflicting", "zero_row"])
@every_count
@modes
def test_torchjd_agrees(kind, count, mode):
    jacobian = KINDS[kind](count)
    expected = AlignedMTL(scale_mode=mode)(torch.from_numpy(jacobian)).numpy()
    found = solve(f"aligned-mtl:scale_mode={mode},reduction=mean", jacobian)[1]
    assert found == pytest.approx(expected, abs=1e-10 * np.linalg.norm(jacobian))


def test_aligned_gradients_are_orthogonal_and_equally_long():
    """Of gradients that are so already, the sum is that of equal weighting."""
    rows = np.linalg.qr(checks.random(5))[0][:4]
    assert solve("aligned-mtl", rows)[0] == pytest.approx([1.0] * 4, rel=1e-12)
    aligned_rows = aligned(checks.random(4))
    assert aligned_rows @ aligned_rows.T == pytest.approx(
        np.eye(4) * np.linalg.svd(checks.random(4))[1][-1] ** 2, abs=1e-12
    )


@every_kind
@modes
def test_a_common_factor_and_an_order_change_nothing(kind, mode):
    method = f"aligned-mtl:scale_mode={mode}"
    assert_the_update_stays(method, KINDS[kind](5))
    if kind not in {"scaled", "conditioned"}:  # good to 1e-9 there, beside weights of 1e12
        checks.assert_scale_free(method, KINDS[kind](5))
        checks.assert_permutes(method, KINDS[kind](5))


@pytest.mark.parametrize(("smallest", "rank"), [(1e-2, 3), (1e-3, 3), (1e-4, 2), (0.0, 2)])
def test_what_float32_cannot_tell_from_zero_is_left_out(smallest, rank):
    """A singular value counts from √(3·1.2e-7) = 6e-4 of the largest on."""
    left, right = (np.linalg.qr(checks.random(3, seed, 3))[0] for seed in (1, 2))
    jacobian = left @ np.diag([1.0, 0.5, smallest]) @ right
    expected = {2: 0.5, 3: smallest}[rank] * left[:, :rank] @ right[:rank]
    assert solve("aligned-mtl", jacobian)[1] == pytest.approx(expected.sum(axis=0), abs=1e-9)


def test_the_median_of_an_even_number_is_the_lower_of_the_middle_two():
    jacobian = np.diag([1.0, 2.0, 3.0, 4.0])
    found = solve("aligned-mtl:scale_mode=median", jacobian)[1]
    assert found == pytest.approx([2.0] * 4)


def test_a_task_with_a_zero_gradient_has_weight_zero_and_the_others_are_as_without_it():
    jacobian = checks.zero_row(5)
    weights = solve("aligned-mtl", jacobian)[0]
    assert abs(weights[2]) <= 1e-15
    rest = [0, 1, 3, 4]
    assert weights[rest] == pytest.approx(solve("aligned-mtl", jacobian[rest])[0], rel=1e-10)


@pytest.mark.parametrize(("reduction", "weight"), [("sum", 1.0), ("mean", 0.25)])
def test_zero_gradients_alone_have_equal_weights(reduction, weight):
    found = solve(f"aligned-mtl:reduction={reduction}", np.zeros((4, 3)))[0]
    assert found.tolist() == [weight] * 4


def test_opposite_gradients_are_aligned_to_nothing():
    weights, direction = solve("aligned-mtl", np.array([[1.0, 2.0], [-1.0, -2.0]]))
    assert weights == pytest.approx([0.0, 0.0], abs=1e-15)
    assert direction == pytest.approx([0.0, 0.0], abs=1e-15)
