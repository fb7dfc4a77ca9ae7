import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from benchbed.basics.errors import RunError
from benchbed.testing import WeightingContract
from tests.zoo.weightings import checks
from tests.zoo.weightings.at_loss_level import assert_permutes, combined, named, several


class TestScaleInvariant(WeightingContract):
    id = "scale-invariant"


def scale_invariant(values, dtype=torch.float64):
    return combined(checks.make("scale-invariant", len(values)), named(values, dtype))


@settings(deadline=None)
@given(several)
def test_it_is_the_sum_of_logarithms_and_a_task_weighs_one_over_its_loss(values):
    total, weights = scale_invariant(values)
    assert total == pytest.approx(math.fsum(map(math.log, values)), rel=1e-12, abs=1e-12)
    assert weights * values == pytest.approx(1, rel=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_losses_down_to_the_smallest_normal_number_have_a_finite_weight(dtype):
    tiny = torch.finfo(dtype).tiny
    total, weights = scale_invariant([tiny, 1.0], dtype)
    assert math.isfinite(total)
    assert weights == pytest.approx([1 / tiny, 1])


@pytest.mark.parametrize("zero", [0.0, 1e-45])
def test_a_loss_of_zero_adds_nothing(zero):
    total, weights = scale_invariant([2.0, zero, 3.0], torch.float32)
    assert total == pytest.approx(math.log(6))
    assert weights == pytest.approx([1 / 2, 0, 1 / 3])


def test_a_negative_loss_is_refused_by_the_tasks_name():
    with pytest.raises(RunError, match=r"scale-invariant wants .* task 't1' is -0.5"):
        scale_invariant([1.0, -0.5])


def test_a_gradient_does_not_depend_on_the_units_of_the_losses():
    x = torch.tensor([0.3, -0.7], dtype=torch.float64, requires_grad=True)
    found = []
    for units in ([1.0, 1.0], [1e-6, 1e6]):
        losses = {
            "t0": units[0] * (x - 1).square().sum(),
            "t1": units[1] * (x + 2).square().sum(),
        }
        total = checks.make("scale-invariant", 2).combine(losses)
        found.append(torch.autograd.grad(total, x)[0].numpy())
    assert found[0] == pytest.approx(found[1], rel=1e-14)
    assert np.abs(found[0]).max() > 0.1


@checks.every_count
def test_permuting_the_tasks_permutes_the_weights(count):
    values = list(checks.losses(count).values())
    assert_permutes(lambda: checks.make("scale-invariant", count), values)
