import numpy as np
import pytest
import torch
from torchjd.aggregation import ConFIG

from benchbed.testing import WeightingContract
from tests.zoo.weightings import checks
from tests.zoo.weightings.checks import KINDS, every_count, every_kind
from tests.zoo.weightings.row_checks import assert_close


class TestConfig(WeightingContract):
    id = "config"
    options = {"rcond": 1e-9}


def by_the_paper(jacobian, rcond=1e-6):
    """Eqs. 2 and 3 on the vectors, with a pseudo-inverse of the unit gradients themselves."""
    rows = jacobian[np.linalg.norm(jacobian, axis=1) > 0.0]
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    direction = np.linalg.pinv(units, rcond=rcond**0.5) @ np.ones(len(units))
    if np.linalg.norm(direction) <= 1e-8:
        return np.zeros(jacobian.shape[1])  # the unit gradients cancel out
    direction /= np.linalg.norm(direction)
    return (rows @ direction).sum() * direction


def config(jacobian, method="config"):
    return checks.weights(checks.make(method, len(jacobian)), jacobian) @ jacobian


@every_kind
@every_count
def test_it_is_the_papers_direction(kind, count):
    """To 1e-9: near the cut-off of singular values the Gramian squares their condition."""
    for seed in range(3):
        jacobian = KINDS[kind](count, seed)
        assert_close(config(jacobian), by_the_paper(jacobian), 1e-9)


@pytest.mark.parametrize("kind", ["random", "scaled", "duplicated", "zero_row", "conflicting"])
@every_count
def test_its_angle_to_all_gradients_is_one_and_its_length_that_of_their_projections(kind, count):
    jacobian = KINDS[kind](count)
    direction = config(jacobian)
    unit = direction / np.linalg.norm(direction)
    lengths = np.linalg.norm(jacobian, axis=1)
    cosines = (jacobian @ unit)[lengths > 0] / lengths[lengths > 0]
    assert (cosines > 0.0).all()
    assert cosines == pytest.approx(np.full(len(cosines), cosines.mean()), rel=1e-10)
    assert np.linalg.norm(direction) == pytest.approx((jacobian @ unit).sum(), rel=1e-10)


@pytest.mark.parametrize("kind", ["random", "scaled", "conflicting"])
@every_count
def test_torchjd_agrees_in_double_precision(kind, count):
    jacobian = KINDS[kind](count)
    expected = ConFIG()(torch.from_numpy(jacobian)).numpy()
    assert_close(config(jacobian), expected, 1e-9)


@every_kind
def test_a_factor_of_all_gradients_leaves_the_weights_and_an_order_permutes_them(kind):
    checks.assert_scale_free("config", KINDS[kind](5))
    checks.assert_permutes("config", KINDS[kind](5))


def test_a_factor_of_one_gradient_leaves_the_direction():
    jacobian = checks.random(4)
    plain = config(jacobian)
    jacobian[2] *= 1e5
    found = config(jacobian)
    assert found / np.linalg.norm(found) == pytest.approx(plain / np.linalg.norm(plain), rel=1e-9)


def test_opposite_gradients_and_zero_ones_give_a_zero_update():
    assert config(checks.opposed(2)).tolist() == [0.0] * 5
    assert config(np.zeros((3, 4))).tolist() == [0.0] * 4


def test_the_others_are_as_without_a_task_whose_gradient_is_zero():
    jacobian = checks.zero_row(5)
    found = checks.weights(checks.make("config", 5), jacobian)
    assert found[2] == 0.0
    rest = [0, 1, 3, 4]
    assert found[rest] == pytest.approx(checks.weights(checks.make("config", 4), jacobian[rest]))


def test_rounding_of_dependent_gradients_in_single_precision_does_not_take_over():
    """Of tasks whose losses sum to another's, say."""
    jacobian = checks.random(4, columns=2000)
    jacobian[3] = jacobian[:3].sum(axis=0)
    rounded = torch.from_numpy(jacobian).float()
    gramian = (rounded @ rounded.T).double()
    weights = checks.make("config", 4).weights(gramian, checks.losses(4)).numpy()
    assert_close(weights @ jacobian, by_the_paper(jacobian), 1e-5)


def test_the_cut_off_is_an_option():
    jacobian = np.array([[1.0, 0.0], [1.0, 1e-2]])
    assert config(jacobian, "config:rcond=1e-9") @ [0, 1] == pytest.approx(0.01, rel=1e-3)
    assert config(jacobian, "config:rcond=1e-2") == pytest.approx(jacobian.sum(axis=0), rel=1e-4)
