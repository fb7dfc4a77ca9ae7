import numpy as np
import pytest
import torch
from scipy.special import softmax
from torchjd.aggregation import Random

from benchbed.testing import WeightingContract
from tests.zoo.weightings import checks
from tests.zoo.weightings.checks import KINDS, every_count, every_kind


class TestRandomGradientWeighting(WeightingContract):
    id = "rgw"


@every_kind
@every_count
def test_weights_are_a_softmax_of_normal_numbers_whatever_the_gradients(kind, count):
    torch.manual_seed(count)
    expected = softmax(torch.randn(count, dtype=torch.float64).numpy())
    torch.manual_seed(count)
    found = checks.weights(checks.make("rgw", count), KINDS[kind](count))
    assert found == pytest.approx(expected, rel=1e-12)


def test_torchjd_agrees_from_the_same_seed():
    jacobian = checks.random(4)
    torch.manual_seed(5)
    expected = Random()(torch.from_numpy(jacobian))
    torch.manual_seed(5)
    found = checks.weights(checks.make("rgw", 4), jacobian) @ jacobian
    assert found == pytest.approx(expected.numpy())


def test_they_are_drawn_anew_at_each_step_and_equal_on_average():
    strategy, jacobian = checks.make("rgw", 3), checks.random(3)
    torch.manual_seed(0)
    found = np.array([checks.weights(strategy, jacobian) for _ in range(4000)])
    assert len(np.unique(found, axis=0)) == 4000
    error = found.std(axis=0) / np.sqrt(4000)
    assert (np.abs(found.mean(axis=0) - 1 / 3) < 5 * error).all()
