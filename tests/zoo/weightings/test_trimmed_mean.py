import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import trim_mean
from torchjd.aggregation import TrimmedMean

from benchbed.testing import WeightingContract
from tests.zoo.weightings import checks
from tests.zoo.weightings.checks import KINDS, every_count, every_kind
from tests.zoo.weightings.row_checks import assert_close, assert_stays_on_device, direction


class TestTrimmedMean(WeightingContract):
    id = "trimmed-mean"
    options = {"trim": 2}


@every_kind
@every_count
@pytest.mark.parametrize("trim", [0, 1, 4])
def test_it_is_the_mean_without_the_extremes(kind, count, trim):
    """As many as leave one or two values, where there are not enough tasks."""
    jacobian = KINDS[kind](count)
    trimmed = min(trim, (count - 1) // 2)
    expected = trim_mean(jacobian, (trimmed + 0.5) / count, axis=0)
    found = direction(checks.make(f"trimmed-mean:trim={trim}", count), jacobian)
    rounding = 1e-15 * np.abs(jacobian).sum(axis=0).max()
    assert_close(found, expected, 1e-12, rounding)
    theirs = TrimmedMean(trimmed)(torch.from_numpy(jacobian)).numpy()
    assert_close(found, theirs, 1e-14, rounding)


@given(st.integers(0, 10**6), st.floats(-1e9, 1e9))
def test_one_wrong_gradient_leaves_each_entry_among_the_others(seed, size):
    jacobian = checks.random(5, seed)
    jacobian[3] *= size
    found = direction(checks.make("trimmed-mean", 5), jacobian)
    rest = jacobian[[0, 1, 2, 4]]
    assert (found >= rest.min(axis=0)).all()
    assert (found <= rest.max(axis=0)).all()


@every_kind
def test_a_factor_scales_the_direction_and_an_order_leaves_it(kind):
    jacobian = KINDS[kind](5)
    plain = direction(checks.make("trimmed-mean", 5), jacobian)
    found = direction(checks.make("trimmed-mean", 5), -1e6 * jacobian)
    assert_close(found, -1e6 * plain, 1e-12, 1e-9 * np.abs(jacobian).max())
    shuffled = direction(checks.make("trimmed-mean", 5), jacobian[[2, 0, 4, 3, 1]])
    assert_close(shuffled, plain, 1e-14, 1e-15 * np.abs(jacobian).max())


def test_a_zero_gradient_is_a_value_like_any_other():
    jacobian = np.array([[0.0, 0.0], [1.0, -1.0], [3.0, -2.0]])
    assert direction(checks.make("trimmed-mean", 3), jacobian).tolist() == [1.0, -1.0]


def test_it_reads_nothing_back_from_a_device():
    assert_stays_on_device(checks.make("trimmed-mean", 3))
