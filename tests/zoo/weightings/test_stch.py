import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp, softmax
from torchjd.scalarization import STCH

from benchbed.basics.errors import MethodError, RunError
from benchbed.testing import WeightingContract
from tests.zoo.weightings import checks
from tests.zoo.weightings.at_loss_level import (
    assert_permutes,
    combined,
    named,
    positive,
    told,
)


class TestStch(WeightingContract):
    id = "stch"
    options = {"mu": 0.2, "warmup": 0, "b": 0.7}


pairs = st.lists(st.tuples(positive, positive), min_size=1, max_size=11)


def warmed(options, nadir, warmup=4):
    """A strategy that has measured its nadir point."""
    strategy = checks.make(f"stch:warmup={warmup}{options}", len(nadir))
    return told(strategy, [[9.0] * warmup + [z] for z in nadir])


@settings(deadline=None)
@given(pairs, st.floats(0.05, 20))
def test_it_is_the_smooth_maximum_of_the_logarithms_of_relative_losses(pairs, mu):
    values, nadir = np.array(pairs).T
    total, weights = combined(warmed(f",mu={mu!r}", nadir), named(values))
    f, count = np.log(values / nadir), len(values)
    assert total == pytest.approx(count * mu * logsumexp(f / mu), rel=1e-9, abs=1e-9)
    assert weights * values == pytest.approx(count * softmax(f / mu), rel=1e-9, abs=1e-12)


@settings(deadline=None)
@given(pairs, st.floats(0.05, 20))
def test_it_is_torchjds_scalarisation_of_the_logarithms(pairs, mu):
    values, nadir = torch.tensor(pairs, dtype=torch.float64).T
    expected = STCH(mu, torch.ones_like(values))((values / nadir).log()) * len(values)
    total = combined(warmed(f",mu={mu!r}", nadir.tolist()), named(values.tolist()))[0]
    assert total == pytest.approx(expected.item(), rel=1e-9, abs=1e-9)


@settings(deadline=None)
@given(pairs, positive)
def test_the_unit_of_a_loss_does_not_matter(pairs, unit):
    values, nadir = np.array(pairs).T
    total, weights = combined(warmed(",mu=0.5", nadir), named(values))
    units = np.ones(len(values))
    units[0] = unit
    other, scaled = combined(warmed(",mu=0.5", units * nadir), named(units * values))
    assert other == pytest.approx(total, rel=1e-9, abs=1e-9)
    assert scaled * units == pytest.approx(weights, rel=1e-9)


def test_a_small_mu_trains_the_worst_task_alone_and_a_large_one_all_alike():
    nadir, values = [1.0, 2.0, 4.0], np.array([0.9, 1.9, 3.0])
    sharp = combined(warmed(",mu=0.0001", nadir), named(values))[1]
    assert sharp * values == pytest.approx([0, 3, 0], abs=1e-9)
    flat = combined(warmed(",mu=1000000", nadir), named(values))[1]
    assert flat * values == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("warmup", [0, 1, 4])
def test_up_to_the_epoch_that_measures_it_is_the_sum_of_logarithms(warmup):
    strategy = checks.make(f"stch:warmup={warmup}", 3)
    losses = named([0.5, 2.0, 3.0])
    for epoch in range(warmup + 1):
        total, weights = combined(told(strategy, [[5.0 - i for i in range(epoch)]] * 3), losses)
        assert total == pytest.approx(math.log(3), rel=1e-12)
        assert weights == pytest.approx([2, 1 / 2, 1 / 3])
    later = combined(told(strategy, [[5.0 - i for i in range(warmup + 1)]] * 3), losses)[0]
    assert later != pytest.approx(math.log(3), rel=1e-3)


def test_the_nadir_point_is_measured_once():
    strategy = warmed("", [1.0, 2.0], warmup=1)
    told(strategy, [[9.0, 1.0, 0.1], [9.0, 2.0, 0.1]])
    assert strategy.nadir == {"t0": 1.0, "t1": 2.0}


def test_a_task_without_a_loss_then_is_measured_later_and_counts_its_logarithm_until_then():
    strategy = checks.make("stch:warmup=1", 3)
    gone = math.nan
    told(strategy, {"t0": [9.0, 2.0], "t1": [9.0, gone], "t2": [9.0, 4.0]})
    total, weights = combined(strategy, named([1.0, 0.5, 3.0]))
    assert total == pytest.approx(math.log(0.5) + 2 * math.log(1 / 2 + 3 / 4), rel=1e-12)
    assert weights[1] == pytest.approx(2)
    told(strategy, {"t0": [9.0, 2.0, 1.0], "t1": [9.0, gone, 5.0], "t2": [9.0, 4.0, 1.0]})
    assert strategy.nadir == {"t0": 2.0, "t1": 5.0, "t2": 4.0}


def test_a_nadir_that_is_given_needs_no_warm_up_and_stays():
    strategy = checks.make("stch:t0=2,t2=8,mu=0.5", 3)
    f = np.log([1 / 2, 3 / 8])
    total = combined(told(strategy, [[]] * 3), named([1.0, 0.5, 3.0]))[0]
    assert total == pytest.approx(math.log(0.5) + logsumexp(f / 0.5), rel=1e-9)
    told(strategy, [[7.0] * 5] * 3)
    assert strategy.nadir == {"t0": 2.0, "t1": 7.0, "t2": 8.0}


def test_a_task_that_is_absent_is_not_among_the_tasks():
    nadir, values = [1.0, 2.0, 4.0], [0.9, 1.9, 3.0]
    losses = named(values)
    del losses["t1"]
    found = combined(warmed(",mu=0.3", nadir), losses)
    alone = combined(warmed(",mu=0.3", [1.0, 4.0]), named([0.9, 3.0]))
    assert found[0] == pytest.approx(alone[0])
    assert found[1] == pytest.approx(alone[1])


@pytest.mark.parametrize("mu", [0.1, 1.0, 10.0])
def test_a_task_whose_loss_is_zero_weighs_nothing(mu):
    strategy = warmed(f",mu={mu}", [1.0, 2.0, 4.0])
    total, weights = combined(strategy, named([0.9, 0.0, 3.0]))
    f = np.log([0.9, 3 / 4])
    assert total == pytest.approx(3 * mu * logsumexp(f / mu), rel=1e-9)
    assert weights * [0.9, 1, 3.0] == pytest.approx(np.insert(3 * softmax(f / mu), 1, 0))
    assert combined(strategy, named([0.0] * 3))[1].tolist() == [0.0] * 3
    assert combined(checks.make("stch", 2), named([0.0] * 2))[1].tolist() == [0.0] * 2


def test_a_negative_loss_is_refused_by_the_tasks_name():
    with pytest.raises(RunError, match=r"stch wants .* task 't1' is -0.5"):
        combined(warmed("", [1.0, 1.0]), named([1.0, -0.5]))


def test_the_nadir_point_is_part_of_the_state():
    strategy, other = warmed("", [1.0, 2.0]), checks.make("stch", 2)
    other.load_state_dict(strategy.state_dict())
    losses = named([3.0, 1.0])
    assert combined(other, losses)[0] == combined(strategy, losses)[0]
    told(strategy, [[1.0] * 9] * 2)
    assert other.nadir == {"t0": 1.0, "t1": 2.0}


@checks.every_count
def test_permuting_the_tasks_permutes_the_weights(count):
    nadir = np.linspace(0.5, 3, count)
    values = list(checks.losses(count).values())
    assert_permutes(lambda: warmed(",mu=0.3", nadir), values, rtol=1e-9)


@pytest.mark.parametrize("option", ["mu=0", "warmup=-1", "t0=-1"])
def test_options_out_of_range_are_refused(option):
    with pytest.raises(MethodError, match="must be at least"):
        checks.make(f"stch:{option}", 2)
