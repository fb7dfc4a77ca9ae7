import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torchjd.scalarization import PBI

from benchbed.basics.errors import MethodError
from benchbed.testing import WeightingContract
from tests.zoo.weightings import checks
from tests.zoo.weightings.at_loss_level import assert_permutes, combined, named, positive


class TestPbi(WeightingContract):
    id = "pbi"
    options = {"theta": 0.5, "b": 3.0}


pairs = st.lists(st.tuples(positive, st.floats(0.01, 100)), min_size=2, max_size=11)


def preferring(preferences, theta=5.0):
    tasks = ",".join(f"t{i}={p!r}" for i, p in enumerate(map(float, preferences)))
    return checks.make(f"pbi:theta={theta!r},{tasks}", len(preferences))


def distances(values, preferences):
    """The lengths along and off the ray and their derivatives, as the definition has them."""
    v = np.array(preferences) / np.linalg.norm(preferences)
    along = values @ v
    rest = values - along * v
    off = np.linalg.norm(rest)
    assume(off > 1e-3 * along)
    return along, off, v, rest / off


@settings(deadline=None)
@given(pairs, st.floats(0, 20))
def test_it_is_the_length_along_the_preferences_and_theta_times_the_rest(pairs, theta):
    values, preferences = np.array(pairs).T
    along, off, v, away = distances(values, preferences)
    total, weights = combined(preferring(preferences, theta), named(values))
    assert total == pytest.approx(along + theta * off, rel=1e-10)
    assert weights == pytest.approx(v + theta * away, rel=1e-9, abs=1e-9 * (1 + theta))
    peer = PBI(theta, torch.tensor(preferences))(torch.tensor(values))
    assert total == pytest.approx(peer.item(), rel=1e-6, abs=1e-5 * (1 + theta))


@settings(deadline=None)
@given(pairs, st.floats(0, 20))
def test_it_grows_with_the_losses_and_its_weights_project_on_the_preferences(pairs, theta):
    values, preferences = np.array(pairs).T
    strategy = preferring(preferences, theta)
    total, weights = combined(strategy, named(values))
    assert weights @ values == pytest.approx(total, rel=1e-9)
    v = preferences / np.linalg.norm(preferences)
    assert weights @ v == pytest.approx(1, abs=1e-9 * (1 + theta))
    for scale in (1e-6, 1e6):
        scaled = combined(strategy, named(scale * values))
        assert scaled[0] == pytest.approx(scale * total, rel=1e-9)
        assert scaled[1] == pytest.approx(weights, rel=1e-9, abs=1e-9 * (1 + theta))


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 64).map(float), min_size=1, max_size=11),
    st.sampled_from([2.0**k for k in range(-10, 11)]),
)
def test_on_the_ray_there_is_no_penalty_and_no_gradient_of_one(preferences, size):
    values = size * np.array(preferences)
    total, weights = combined(preferring(preferences), named(values))
    assert total == pytest.approx(np.linalg.norm(values), rel=1e-12)
    assert weights == pytest.approx(preferences / np.linalg.norm(preferences), rel=1e-12)


@pytest.mark.parametrize("away", [1e-3, 1e-6, 1e-9, 1e-12])
def test_near_the_ray_the_rest_keeps_its_digits(away):
    """At F = (1, 1 + a) and equal preferences it is a/√2; F − d₁·v alone loses it to rounding."""
    other = 1.0 + away
    total, weights = combined(checks.make("pbi:theta=1e6", 2), named([1.0, other]))
    off = (other - 1.0) / np.sqrt(2)
    assert (total - (1 + other) / np.sqrt(2)) / 1e6 == pytest.approx(off, rel=1e-9, abs=1e-21)
    assert weights[1] - weights[0] == pytest.approx(1e6 * np.sqrt(2), rel=1e-12)


def test_without_a_penalty_it_is_a_weighted_sum():
    weights = combined(preferring([3, 4], 0.0), named([0.2, 7.0]))[1]
    assert weights == pytest.approx([0.6, 0.8])


def test_a_task_whose_loss_is_small_for_its_preference_may_weigh_less_than_nothing():
    weights = combined(checks.make("pbi", 2), named([0.1, 2.0]))[1]
    assert weights[0] < 0 < weights[1]


def test_preferences_are_among_the_tasks_of_the_step():
    losses = named([0.5, 1.0, 2.0])
    del losses["t1"]
    found = combined(preferring([1, 5, 3]), losses)
    alone = combined(preferring([1, 3]), named([0.5, 2.0]))
    assert found[0] == pytest.approx(alone[0])
    assert found[1] == pytest.approx(alone[1])


def test_where_all_losses_are_zero_the_weights_are_those_on_the_ray():
    total, weights = combined(preferring([3, 4]), named([0.0, 0.0]))
    assert total == 0.0
    assert weights == pytest.approx([0.6, 0.8])


@checks.every_count
def test_permuting_the_tasks_permutes_the_weights(count):
    """The preferences are equal, since they go by name."""
    values = list(checks.losses(count).values())
    assert_permutes(lambda: checks.make("pbi", count), values, rtol=1e-10)


@pytest.mark.parametrize("option", ["theta=-1", "t0=0"])
def test_options_out_of_range_are_refused(option):
    with pytest.raises(MethodError, match="must be at least"):
        checks.make(f"pbi:{option}", 2)
