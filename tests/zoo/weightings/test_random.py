import numpy as np
import pytest
import torch
from scipy import stats

from benchbed.basics.errors import MethodError
from benchbed.discovery.method import resolve_weighting
from benchbed.testing import WeightingContract
from tests.zoo.weightings import checks
from tests.zoo.weightings.at_loss_level import combined, named

KINDS = ("normal", "uniform", "random-normal", "dirichlet", "bernoulli", "constrained-bernoulli")
every_distribution = pytest.mark.parametrize("distribution", KINDS)


class TestRandom(WeightingContract):
    id = "random"
    options = {"distribution": "bernoulli", "total": "T"}


class TestRandomNormalOfRandomParameters(WeightingContract):
    id = "random"
    options = {"distribution": "random-normal"}


def made(distribution, count, total="1", seed=0):
    torch.manual_seed(seed)
    return checks.make(f"random:distribution={distribution},total={total}", count)


def drawn(distribution, count, times=2000, seed=0):
    """The weights of many steps, (times, T)."""
    strategy = made(distribution, count, seed=seed)
    losses = named(np.ones(count))
    return np.array([combined(strategy, losses)[1] for _ in range(times)])


@every_distribution
@pytest.mark.parametrize(("total", "wanted"), [("1", lambda n: 1), ("T", lambda n: n)])
@pytest.mark.parametrize("count", [1, *checks.COUNTS])
def test_weights_are_not_negative_and_sum_to_the_option(distribution, total, wanted, count):
    strategy = made(distribution, count, total)
    losses = named(checks.losses(count).values())
    for _ in range(20):
        value, weights = combined(strategy, losses)
        assert (weights >= 0).all()
        assert weights.sum() == pytest.approx(wanted(count), rel=1e-12)
        assert value == pytest.approx(weights @ [float(x.detach()) for x in losses.values()])


@every_distribution
def test_tasks_that_are_absent_leave_the_weight_to_the_others(distribution):
    strategy = made(distribution, 5)
    losses = named(checks.losses(5).values())
    for left in (["t0"], ["t3", "t1"], ["t4", "t0", "t2"]):
        for _ in range(10):
            weights = combined(strategy, {name: losses[name] for name in left})[1]
            assert weights.sum() == pytest.approx(1, rel=1e-12)


@every_distribution
def test_weights_are_drawn_anew_at_each_step_from_the_seeded_generator(distribution):
    one, same, other = (drawn(distribution, 5, 30, seed) for seed in (1, 1, 2))
    assert len(np.unique(one.round(12), axis=0)) > 3
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_softmax_of_normals():
    ratios = np.log(drawn("normal", 3))
    assert stats.kstest((ratios[:, 0] - ratios[:, 1]) / 2**0.5, "norm").pvalue > 1e-3


def test_softmax_of_uniforms():
    ratios = np.log(drawn("uniform", 3))
    triangle = stats.triang(0.5, loc=-1, scale=2)
    assert stats.kstest(ratios[:, 0] - ratios[:, 1], triangle.cdf).pvalue > 1e-3


def test_softmax_of_normals_whose_parameters_are_drawn_once():
    strategy = made("random-normal", 3)
    mean, deviation = strategy.mean.numpy(), strategy.deviation.numpy()
    assert ((mean >= 0) & (mean < 1) & (deviation >= 0) & (deviation < 1)).all()
    losses = named(np.ones(3))
    ratios = np.log([combined(strategy, losses)[1] for _ in range(2000)])
    for i, j in ((0, 1), (1, 2)):
        expected = stats.norm(mean[i] - mean[j], np.hypot(deviation[i], deviation[j]))
        assert stats.kstest(ratios[:, i] - ratios[:, j], expected.cdf).pvalue > 1e-3


def test_uniform_on_the_simplex():
    weights = drawn("dirichlet", 4)
    for column in weights.T:
        assert stats.kstest(column, stats.beta(1, 3).cdf).pvalue > 1e-3


def test_coins_choose_every_set_but_the_empty_one_equally_often():
    weights = drawn("bernoulli", 3)
    sets, counts = np.unique(weights > 0, axis=0, return_counts=True)
    assert len(sets) == 7
    assert stats.chisquare(counts).pvalue > 1e-3
    assert all(np.ptp(row[row > 0]) == 0 for row in weights)


def test_one_task_has_all_the_weight_each_equally_often():
    weights = drawn("constrained-bernoulli", 4)
    assert set(weights.ravel()) == {0.0, 1.0}
    assert stats.chisquare(weights.sum(axis=0)).pvalue > 1e-3


def test_parameters_drawn_once_are_part_of_the_state():
    one, other = made("random-normal", 3, seed=1), made("random-normal", 3, seed=2)
    assert not torch.equal(one.mean, other.mean)
    other.load_state_dict(one.state_dict())
    assert torch.equal(one.mean, other.mean)
    assert torch.equal(one.deviation, other.deviation)


def test_weights_drawn_together_cannot_stand_before_a_dot():
    with pytest.raises(MethodError, match="only an additive weighting"):
        resolve_weighting("random.pcgrad", checks.ZOO, ["a", "b"])
