import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbed.testing import WeightingContract
from tests.zoo.weightings import checks
from tests.zoo.weightings.checks import KINDS, every_count, every_kind
from tests.zoo.weightings.row_checks import some_losses


class TestGradNorm(WeightingContract):
    id = "gradnorm"
    options = {"alpha": 0.5, "lr": 0.1}


class ByAutograd:
    """Algorithm 1 on the vectors, with L_grad differentiated by torch."""

    def __init__(self, count, alpha, lr):
        self.weights = torch.ones(count, dtype=torch.float64, requires_grad=True)
        self.optimizer = torch.optim.Adam([self.weights], lr=lr)
        self.alpha, self.first = alpha, None

    def step(self, jacobian, losses):
        used = self.weights.detach().clone()
        values = torch.stack(list(losses.values())).double()
        self.first = values if self.first is None else self.first
        norms = (self.weights[:, None] * torch.from_numpy(jacobian)).norm(dim=1)
        ratios = values / self.first
        target = (norms.mean() * (ratios / ratios.mean()) ** self.alpha).detach()
        self.optimizer.zero_grad()
        (norms - target).abs().sum().backward()
        self.optimizer.step()
        with torch.no_grad():
            self.weights *= len(used) / self.weights.sum()
        return used.numpy()


@every_kind
@every_count
@pytest.mark.parametrize("alpha", [0.5, 1.5])
def test_it_is_the_papers_algorithm_differentiated(kind, count, alpha):
    strategy = checks.make(f"gradnorm:alpha={alpha},lr=0.01", count)
    expected = ByAutograd(count, alpha, 0.01)
    for seed in range(8):
        jacobian, losses = KINDS[kind](count, seed), checks.losses(count, seed)
        found = checks.weights(strategy, jacobian, losses)
        assert found == pytest.approx(expected.step(jacobian, losses), rel=1e-10)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-3, 10.0))
def test_weights_stay_positive_and_sum_to_the_number_of_tasks(seed, lr):
    strategy = checks.make(f"gradnorm:lr={lr}", 4)
    for step in range(12):
        scaled = checks.scaled(4, seed + step)
        found = checks.weights(strategy, scaled, checks.losses(4, seed + step, low=1e-3))
        assert (found > 0.0).all()
        assert found.sum() == pytest.approx(4.0)


def test_weighted_norms_become_alike():
    jacobian = checks.random(4) * np.array([[0.3], [1.0], [2.0], [0.6]])
    strategy = checks.make("gradnorm:lr=0.01", 4)
    for _ in range(600):
        found = checks.weights(strategy, jacobian)
    norms = found * np.linalg.norm(jacobian, axis=1)
    assert norms.max() / norms.min() < 1.1


@pytest.mark.parametrize(("alpha", "more"), [(1.5, True), (0.0, False)])
def test_a_task_that_lags_behind_gets_more(alpha, more):
    strategy = checks.make(f"gradnorm:alpha={alpha},lr=0.01", 2)
    jacobian = np.eye(2)
    for loss in (2.0, 1.0, 1.0, 1.0):
        found = checks.weights(
            strategy, jacobian, {"t0": torch.tensor(3.0), "t1": 0.0 + torch.tensor(loss)}
        )
    assert (found[0] > found[1]) == more


def test_the_first_loss_is_that_of_the_first_step_with_the_task():
    strategy = checks.make("gradnorm", 3)
    checks.weights(strategy, checks.random(2), some_losses([0, 1]))
    assert strategy.first.isnan().tolist() == [False, False, True]
    checks.weights(strategy, checks.random(3), {t: torch.tensor(7.0) for t in checks.names(3)})
    assert strategy.first.tolist() == [1.0, 1.0, 7.0]


def test_tasks_of_a_step_are_compared_with_each_other_and_keep_their_sum():
    strategy = checks.make("gradnorm:lr=0.2", 3)
    for seed in range(3):
        checks.weights(strategy, checks.scaled(3, seed))
    before = [float(strategy.weight[t].detach()) for t in checks.names(3)]
    found = checks.weights(strategy, checks.scaled(2, 7), some_losses([2, 0]))
    assert found.tolist() == [before[2], before[0]]
    after = [float(strategy.weight[t].detach()) for t in checks.names(3)]
    assert after[1] == before[1]
    assert after[0] != before[0]
    assert sum(after) == pytest.approx(3.0)


def test_a_factor_of_all_gradients_or_of_one_loss_leaves_the_weights():
    found = []
    for scale, factor in ((1.0, 1.0), (1e-6, 1.0), (1e6, 1e3)):
        strategy = checks.make("gradnorm", 4)
        for seed in range(5):
            losses = checks.losses(4, seed)
            losses["t2"] = factor * losses["t2"]
            weights = checks.weights(strategy, scale * checks.random(4, seed), losses)
        found.append(weights)
    # Adam adds 1e-8 to the root of the mean square
    assert found[1] == pytest.approx(found[0], rel=0.02)
    assert found[2] == pytest.approx(found[0], rel=1e-6)


def test_losses_that_are_not_positive_count_as_unchanged_or_zero():
    strategy = checks.make("gradnorm", 3)
    for values in ([0.0, -1.0, 1.0], [1.0, -2.0, 0.5], [0.0, 0.0, -1.0]):
        losses = {t: torch.tensor(v) for t, v in zip(checks.names(3), values, strict=True)}
        assert np.isfinite(checks.weights(strategy, checks.random(3), losses)).all()
    assert strategy._rates(losses).tolist() == pytest.approx([1.5, 1.5, 0.0])


def test_heads_are_weighted_and_norms_taken_at_the_last_shared_layer():
    strategy = checks.make("gradnorm", 2)
    assert (strategy.heads, strategy.at) == ("weighted", "last")
