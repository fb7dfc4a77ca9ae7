import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchjd.scalarization import IMTLL

from benchbed.testing import WeightingContract
from tests.zoo.weightings import checks
from tests.zoo.weightings.at_loss_level import combined, named, positive, settle


class TestImtlL(WeightingContract):
    id = "imtl-l"


def with_scales(scales):
    strategy = checks.make("imtl-l", len(scales))
    for parameter, scale in zip(strategy.scale.values(), scales, strict=True):
        parameter.data.fill_(scale)
    return strategy


pairs = st.lists(st.tuples(positive, st.floats(-5, 5)), min_size=1, max_size=8)


@settings(deadline=None)
@given(pairs)
def test_it_is_the_papers_formula_and_what_torchjd_computes(pairs):
    values, scales = map(list, zip(*pairs, strict=True))
    scales = [float(np.float32(scale)) for scale in scales]
    total, weights = combined(with_scales(scales), named(values))
    peer = IMTLL(len(values))
    peer.log_scale.data = torch.tensor(scales)
    expected = math.fsum(math.exp(s) * v - s for s, v in zip(scales, values, strict=True))
    assert total == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert total == pytest.approx(peer(torch.tensor(values)).item(), rel=1e-5, abs=1e-5)
    assert weights == pytest.approx(np.exp(scales), rel=1e-6)


@settings(deadline=None)
@given(pairs)
def test_a_scale_follows_how_far_its_loss_is_from_one(pairs):
    values, scales = map(list, zip(*pairs, strict=True))
    strategy = with_scales(scales)
    strategy.combine(named(values)).backward()
    found = [float(parameter.grad) for parameter in strategy.scale.values()]
    assert found == pytest.approx(np.exp(scales) * values - 1, rel=1e-5, abs=1e-5)


def test_it_starts_as_equal_weights():
    assert combined(checks.make("imtl-l", 3), named([1, 2, 3])) == (6.0, pytest.approx(1))


@pytest.mark.parametrize("loss", [0.05, 1.0, 8.0])
def test_scaled_losses_settle_at_one(loss):
    strategy = checks.make("imtl-l", 1)
    settle(strategy, named([loss]), lr=0.1)
    assert float(strategy.scale["t0"].detach()) == pytest.approx(-math.log(loss), abs=1e-4)


def test_a_task_that_is_absent_leaves_its_scale_without_a_gradient():
    strategy = checks.make("imtl-l", 3)
    losses = named([1, 2, 3])
    del losses["t1"]
    strategy.combine(losses).backward()
    assert [p.grad is None for p in strategy.scale.values()] == [False, True, False]
