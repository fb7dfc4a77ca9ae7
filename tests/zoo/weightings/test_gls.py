import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchjd.scalarization import GeometricMean

from benchbed.basics.errors import RunError
from benchbed.testing import WeightingContract
from tests.zoo.weightings import checks
from tests.zoo.weightings.at_loss_level import (
    assert_permutes,
    combined,
    named,
    positive,
    several,
)


class TestGls(WeightingContract):
    id = "gls"


def gls(values):
    return combined(checks.make("gls", len(values)), named(values))


@settings(deadline=None)
@given(several)
def test_it_is_the_root_of_the_product_and_each_relative_decrease_counts_alike(values):
    total, weights = gls(values)
    assert total == pytest.approx(np.prod(values) ** (1 / len(values)), rel=1e-12)
    assert weights * values == pytest.approx(total / len(values), rel=1e-12)


@checks.every_count
def test_it_is_what_torchjd_computes_of_positive_losses(count):
    losses = named(checks.losses(count).values())
    total, weights = combined(checks.make("gls", count), losses)
    stacked = torch.stack(list(losses.values())).detach().requires_grad_()
    expected = GeometricMean()(stacked)
    expected.backward()
    assert total == pytest.approx(expected.item(), rel=1e-12)
    assert weights == pytest.approx(stacked.grad.numpy(), rel=1e-12)


@settings(deadline=None)
@given(several, positive, st.data())
def test_the_unit_of_one_loss_scales_the_whole_alone(values, factor, data):
    place = data.draw(st.integers(0, len(values) - 1))
    total, weights = gls(values)
    scaled = list(values)
    scaled[place] *= factor
    other, moved = gls(scaled)
    common = factor ** (1 / len(values))
    assert other == pytest.approx(common * total, rel=1e-12)
    assert moved * scaled == pytest.approx(common * weights * values, rel=1e-12)


def test_products_that_overflow_or_underflow_do_not():
    for size in (1e-12, 1e12):
        losses = named([size] * 40, torch.float32)
        total, weights = combined(checks.make("gls", 40), losses)
        assert total == pytest.approx(size, rel=1e-5)
        assert weights == pytest.approx(1 / 40, rel=1e-5)


@settings(deadline=None)
@given(several, st.data())
def test_a_task_whose_loss_is_zero_leaves_as_if_absent(values, data):
    place = data.draw(st.integers(0, len(values)))
    total, weights = gls(values)
    other, found = gls([*values[:place], 0.0, *values[place:]])
    assert other == pytest.approx(total, rel=1e-12)
    assert found[place] == 0.0
    assert np.delete(found, place) == pytest.approx(weights, rel=1e-12)


def test_where_all_losses_are_zero_nothing_moves():
    total, weights = gls([0.0, 0.0, 0.0])
    assert total == 0.0
    assert weights.tolist() == [0.0, 0.0, 0.0]


def test_a_negative_loss_is_refused_by_the_tasks_name():
    with pytest.raises(RunError, match=r"gls wants .* task 't1' is -0.5; train with another"):
        gls([1.0, -0.5])


@checks.every_count
def test_permuting_the_tasks_permutes_the_weights(count):
    assert_permutes(lambda: checks.make("gls", count), list(checks.losses(count).values()))
