import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from torchjd.scalarization import FAMO

from benchbed.basics.errors import RunError
from benchbed.engine.strategy import Strategy
from benchbed.testing import WeightingContract
from tests.zoo.weightings import checks
from tests.zoo.weightings.at_loss_level import combined, named, positive


class TestFamo(WeightingContract):
    id = "famo"
    options = {"lr": 0.1, "gamma": 0.001, "a": -0.5}


def parameters(strategy):
    return [strategy.logits[name] for name in strategy.context.tasks]


def logits(strategy):
    return np.array([float(parameter.detach()) for parameter in parameters(strategy)])


def random_steps(count, times, seed=0):
    """Losses before and after each of some updates."""
    draw = np.random.default_rng([count, seed])
    before = draw.uniform(0.1, 2, (times, count))
    return before, before * draw.uniform(0.7, 1.1, (times, count))


def step(strategy, before, after):
    losses = named(before) if not isinstance(before, dict) else before
    found = combined(strategy, losses)
    kept = dict(zip(losses, after, strict=True))
    strategy.after_step({name: torch.tensor(float(value)) for name, value in kept.items()})
    return found


class NaiveFamo:
    """Algorithm 1 with Adam written out, each task's step counted by itself."""

    def __init__(self, count, lr, gamma):
        self.lr, self.gamma = lr, gamma
        self.xi, self.m, self.v, self.steps = (np.zeros(count) for _ in range(4))

    def update(self, places, before, after):
        z = softmax(self.xi[places])
        delta = np.log(before) - np.log(after)
        jacobian = np.diag(z) - np.outer(z, z)
        gradient = jacobian.T @ delta + self.gamma * self.xi[places]
        self.steps[places] += 1
        self.m[places] = 0.9 * self.m[places] + 0.1 * gradient
        self.v[places] = 0.999 * self.v[places] + 0.001 * gradient**2
        m = self.m[places] / (1 - 0.9 ** self.steps[places])
        v = self.v[places] / (1 - 0.999 ** self.steps[places])
        self.xi[places] -= self.lr * m / (np.sqrt(v) + 1e-8)


@settings(deadline=None)
@given(st.lists(st.tuples(positive, st.floats(-5, 5)), min_size=1, max_size=11))
def test_weights_are_logits_shares_over_losses_and_sum_to_one(pairs):
    values, xi = map(np.array, zip(*pairs, strict=True))
    strategy = checks.make("famo", len(values))
    for parameter, logit in zip(parameters(strategy), xi, strict=True):
        parameter.data.fill_(logit)
    total, weights = combined(strategy, named(values))
    expected = softmax(xi) / values
    assert weights == pytest.approx(expected / expected.sum(), rel=1e-4)
    assert weights.sum() == pytest.approx(1, rel=1e-12)
    assert total == pytest.approx(weights @ values)


@checks.every_count
@pytest.mark.parametrize("gamma", [0.0, 0.01, 1.0])
def test_logits_take_the_way_that_torchjds_take(count, gamma):
    strategy = checks.make(f"famo:gamma={gamma}", count)
    peer = FAMO(count, weight_decay=gamma)
    for before, after in zip(*random_steps(count, 25), strict=True):
        weights = step(strategy, before, after)[1]
        values = torch.tensor(before, dtype=torch.float32, requires_grad=True)
        peer(values).backward()
        peer.update(torch.tensor(after, dtype=torch.float32))
        assert weights == pytest.approx(values.grad.numpy(), rel=1e-3)
    assert logits(strategy) == pytest.approx(peer._w.detach().numpy(), rel=1e-3, abs=1e-5)
    assert np.abs(logits(strategy)).max() > 0.01


@pytest.mark.parametrize("count", [2, 5, 11])
def test_with_tasks_that_are_absent_each_keeps_its_logit_and_adams_moments(count):
    strategy = checks.make("famo:lr=0.1,gamma=0.02", count)
    naive = NaiveFamo(count, 0.1, 0.02)
    draw = np.random.default_rng(count)
    for before, after in zip(*random_steps(count, 25, seed=1), strict=True):
        places = np.flatnonzero(draw.random(count) < 0.7)
        if not len(places):
            continue
        losses = named(before)
        present = {f"t{i}": losses[f"t{i}"] for i in places}
        weights = step(strategy, present, after[places])[1]
        expected = softmax(naive.xi[places]) / before[places]
        assert weights == pytest.approx(expected / expected.sum(), rel=1e-3)
        unchanged = np.delete(np.arange(count), places)
        kept = logits(strategy)[unchanged]
        naive.update(places, before[places], after[places])
        assert kept == pytest.approx(naive.xi[unchanged], rel=1e-3, abs=1e-5)
    assert logits(strategy) == pytest.approx(naive.xi, rel=1e-3, abs=1e-5)
    steps = [strategy.optimizer.state[p]["step"].item() for p in parameters(strategy)]
    assert steps == naive.steps.tolist()


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0.5, 1.2), min_size=2, max_size=6, unique=True))
def test_the_task_that_improved_least_gains_weight_on_the_one_that_improved_most(left):
    strategy = checks.make("famo", len(left))
    for _ in range(3):
        step(strategy, [1.0] * len(left), left)
    found = logits(strategy)
    assert found[np.argmax(left)] > found[np.argmin(left)]


@settings(deadline=None, max_examples=30)
@given(positive)
def test_the_unit_of_a_loss_does_not_matter(unit):
    strategies = [checks.make("famo", 3) for _ in range(2)]
    for before, after in zip(*random_steps(3, 4), strict=True):
        units = np.array([unit, 1, 1])
        one = step(strategies[0], before, after)[1]
        other = step(strategies[1], units * before, units * after)[1]
        relative = one * before, other * units * before
        shares = [x / x.sum() for x in relative]
        assert shares[0] == pytest.approx(shares[1], rel=1e-3)


def test_least_losses_are_those_given():
    strategy = checks.make("famo:t0=-1,t2=0.5", 3)
    weights = combined(strategy, named([0.0, 1.0, 1.5]))[1]
    assert weights == pytest.approx([1 / 3] * 3)


def test_a_loss_under_its_least_value_is_refused_with_the_remedy():
    with pytest.raises(
        RunError, match=r"famo wants .* at least 0, .* 't1' is -0.5; give .* option"
    ):
        combined(checks.make("famo", 2), named([1.0, -0.5]))
    with pytest.raises(RunError, match="at least 0.3"):
        step(checks.make("famo:t0=0.3", 2), [0.4, 1.0], [0.2, 1.0])


def test_a_loss_at_its_least_value_has_almost_all_the_weight_and_all_is_finite():
    strategy = checks.make("famo", 3)
    assert step(strategy, [1.0, 0.0, 1.0], [0.9, 0.0, 1.1])[1] == pytest.approx([0, 1, 0], abs=1e-6)
    step(strategy, [0.0] * 3, [0.0] * 3)
    assert np.isfinite(logits(strategy)).all()


def test_one_task_has_all_the_weight():
    strategy = checks.make("famo", 1)
    assert step(strategy, [0.7], [0.5])[1] == pytest.approx([1])
    assert logits(strategy).tolist() == [0.0]


def test_its_logits_are_stepped_by_its_own_optimiser_alone():
    strategy = Strategy([checks.make("famo:lr=0.2,gamma=0.3", 2)])
    assert strategy.learned() == []
    (optimizer,) = strategy.optimizers()
    assert (optimizer.defaults["lr"], optimizer.defaults["weight_decay"]) == (0.2, 0.3)
    losses = named([1.0, 2.0])
    strategy.last.combine(losses).backward()
    assert all(p.grad is None for p in strategy.parameters())
