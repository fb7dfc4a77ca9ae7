import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torchjd.scalarization import COSMOS

from benchbed.basics.errors import MethodError
from benchbed.testing import WeightingContract
from tests.zoo.weightings import checks
from tests.zoo.weightings.at_loss_level import assert_permutes, combined, named, positive


class TestCosmos(WeightingContract):
    id = "cosmos"
    options = {"lamda": 0.5, "alpha": 1.2, "b": 3.0}


pairs = st.lists(st.tuples(positive, st.floats(0.01, 100)), min_size=1, max_size=11)


def preferring(preferences, options="lamda=2"):
    tasks = ",".join(f"t{i}={p!r}" for i, p in enumerate(map(float, preferences)))
    return checks.make(f"cosmos:{options},{tasks}", len(preferences))


@settings(deadline=None)
@given(pairs, st.floats(0, 10))
def test_it_is_the_papers_formula_and_what_torchjd_computes(pairs, lamda):
    values, r = np.array(pairs).T
    r /= r.sum()
    total, weights = combined(preferring(r, f"lamda={lamda!r}"), named(values))
    lengths = np.linalg.norm(values), np.linalg.norm(r)
    cosine = values @ r / np.prod(lengths)
    assert total == pytest.approx(r @ values - lamda * cosine, rel=1e-9, abs=1e-9)
    slope = r / np.prod(lengths) - cosine * values / lengths[0] ** 2
    assert weights == pytest.approx(r - lamda * slope, rel=1e-9, abs=1e-9 * np.abs(slope).max())
    peer = COSMOS(lamda, torch.tensor(r))(torch.tensor(values))
    assert total == pytest.approx(peer.item(), rel=1e-9, abs=1e-9)


@settings(deadline=None)
@given(pairs, st.floats(0, 10))
def test_the_cosine_does_not_depend_on_the_losses_common_scale(pairs, lamda):
    """Its derivative is at right angles to the losses, so weights·L is the weighted sum alone."""
    values, r = np.array(pairs).T
    weights = combined(preferring(r, f"lamda={lamda!r}"), named(values))[1]
    size = np.abs(weights) @ values
    assert weights @ values == pytest.approx(r @ values / r.sum(), abs=1e-12 * size)


@settings(deadline=None)
@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=11), positive)
def test_on_the_ray_of_the_preferences_it_is_the_weighted_sum(preferences, size):
    r = np.array(preferences) / sum(preferences)
    total, weights = combined(preferring(r), named(size * r))
    assert total == pytest.approx(size * r @ r - 2, rel=1e-9, abs=1e-9)
    assert weights == pytest.approx(r, rel=1e-9, abs=1e-9 / size)


def test_a_task_whose_loss_is_small_for_its_preference_may_weigh_less_than_nothing():
    weights = combined(preferring([1, 1], "lamda=8"), named([0.1, 2.0]))[1]
    assert weights[0] < 0 < weights[1]


def test_preferences_are_among_the_tasks_of_the_step():
    losses = named([0.5, 1.0, 2.0])
    del losses["t1"]
    found = combined(preferring([1, 5, 3]), losses)
    alone = combined(preferring([1, 3]), named([0.5, 2.0]))
    assert found[0] == pytest.approx(alone[0])
    assert found[1] == pytest.approx(alone[1])


def test_preferences_are_equal_where_none_are_given():
    weights = combined(checks.make("cosmos:lamda=0", 4), named([1, 2, 3, 4]))[1]
    assert weights == pytest.approx([0.25] * 4)


@pytest.mark.parametrize("alpha", [0.3, 1.2])
def test_drawn_preferences_are_dirichlet_about_those_given(alpha):
    torch.manual_seed(0)
    strategy = preferring([1, 1, 2], f"lamda=0,alpha={alpha}")
    losses = named([1.0] * 3)
    drawn = np.array([combined(strategy, losses)[1] for _ in range(2000)])
    assert drawn.sum(axis=1) == pytest.approx(1, rel=1e-12)
    for column, share in zip(drawn.T, (1, 1, 2), strict=True):
        marginal = stats.beta(alpha * share, alpha * (4 - share))
        assert stats.kstest(column, marginal.cdf).pvalue > 1e-3


def test_a_tiny_alpha_gives_all_to_one_task_each_equally_often():
    torch.manual_seed(0)
    strategy = checks.make("cosmos:lamda=0,alpha=0.00001", 3)
    losses = named([1.0] * 3)
    drawn = np.array([combined(strategy, losses)[1] for _ in range(600)])
    assert drawn.max(axis=1).min() > 0.99
    assert stats.chisquare((drawn > 0.5).sum(axis=0)).pvalue > 1e-3


def test_where_all_losses_are_zero_the_cosine_is_left_out():
    total, weights = combined(preferring([1, 3]), named([0.0, 0.0]))
    assert total == 0.0
    assert weights == pytest.approx([0.25, 0.75])


@checks.every_count
def test_permuting_the_tasks_permutes_the_weights(count):
    values = list(checks.losses(count).values())
    assert_permutes(lambda: preferring(np.linspace(1, 3, count)), values, rtol=1e-10)


@pytest.mark.parametrize("option", ["lamda=-1", "alpha=-1", "t0=0"])
def test_options_out_of_range_are_refused(option):
    with pytest.raises(MethodError, match="must be at least"):
        checks.make(f"cosmos:{option}", 2)
