"""Strategies joined by a dot are what they say: the engine against a computation by hand."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import gmean
from torch import nn

from benchbed import EpochInfo, WeightingContext
from benchbed.basics.errors import MethodError
from benchbed.discovery.method import resolve_weighting
from benchbed.engine.gradients import Backward
from benchbed.engine.strategy import build_strategy
from tests.zoo.weightings import checks

TASKS = ("a", "b", "c")
CURVES = {"a": [4.0, 2.0], "b": [3.0, 2.9], "c": [1.0, 1.5]}
FACTORS = 3 * softmax(np.array([2 / 4, 2.9 / 3, 1.5]) / 2)
"""What DWA weighs after these curves."""


class Net(nn.Module):
    def __init__(self, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.trunk = nn.Linear(5, 4)
        self.heads = nn.ModuleDict({name: nn.Linear(4, 2) for name in TASKS})
        self.double()

    def losses(self):
        draw = torch.Generator().manual_seed(1)
        x, y = (torch.randn(7, n, dtype=torch.float64, generator=draw) for n in (5, 2))
        features = self.trunk(x).tanh()
        scales = {"a": 1.0, "b": 30.0, "c": 0.02}
        return {
            name: scales[name] * (head(features) - y).square().mean()
            for name, head in self.heads.items()
        }


def strategy_of(method):
    context = WeightingContext(TASKS)
    strategy = build_strategy(resolve_weighting(method, checks.ZOO, TASKS), context)
    strategy.epoch(EpochInfo(2, 9, CURVES, CURVES))
    return strategy


def trained(method, seed, scales=None):
    """The gradients that the engine leaves in the trunk and in each head, and the strategy's."""
    net, strategy = Net(seed), strategy_of(method)
    for parameter, value in zip(strategy.parameters(), scales or (), strict=True):
        parameter.data.fill_(value)
    torch.manual_seed(seed)
    Backward(strategy, net)(net.losses())
    trunk = np.concatenate([p.grad.ravel().numpy() for p in net.trunk.parameters()])
    heads = [
        np.concatenate([p.grad.ravel().numpy() for p in h.parameters()]) for h in heads_of(net)
    ]
    return trunk, heads, strategy


def heads_of(net):
    return net.heads.values()


def by_hand(seed):
    """Each task's loss, its gradient in the trunk and that in its head, by plain autograd."""
    net = Net(seed)
    rows, heads, values = [], [], []
    for name, head in net.heads.items():
        loss = net.losses()[name]
        parameters = [*net.trunk.parameters(), *head.parameters()]
        found = [g.ravel().numpy() for g in torch.autograd.grad(loss, parameters)]
        rows.append(np.concatenate(found[:2]))
        heads.append(np.concatenate(found[2:]))
        values.append(loss.item())
    return np.array(values), np.array(rows), heads


def projected(rows, seed):
    """PCGrad's algorithm on the vectors, in the orders that the seed gives."""
    torch.manual_seed(seed)
    total = np.zeros(rows.shape[1])
    for i, row in enumerate(rows):
        gradient = row.copy()
        for j in torch.randperm(len(rows)).tolist():
            if j != i and gradient @ rows[j] < 0:
                gradient -= gradient @ rows[j] / (rows[j] @ rows[j]) * rows[j]
        total += gradient
    return total


def shortest(rows):
    """The shortest convex combination, by looking at every set of tasks."""
    best = min(rows, key=np.linalg.norm)
    for chosen in ([0, 1], [0, 2], [1, 2], [0, 1, 2]):
        some = rows[chosen]
        weights = np.linalg.solve(some @ some.T, np.ones(len(some)))
        weights /= weights.sum()
        if (weights >= 0).all() and np.linalg.norm(weights @ some) < np.linalg.norm(best):
            best = weights @ some
    return best


def assert_same(found, expected, rtol=1e-6):
    """``rtol``: DWA's and IMTL-L's own numbers are float32."""
    assert found == pytest.approx(expected, rel=rtol, abs=rtol * np.abs(expected).max())


every_seed = pytest.mark.parametrize("seed", range(5))


@every_seed
def test_dwa_gls_is_the_geometric_mean_of_the_losses_that_dwa_weighs(seed):
    trunk, heads, _ = trained("dwa.gls", seed)
    values, rows, own = by_hand(seed)
    weights = gmean(FACTORS * values) / (3 * values)
    assert_same(trunk, weights @ rows)
    for found, weight, expected in zip(heads, weights, own, strict=True):
        assert_same(found, weight * expected)


@every_seed
def test_scale_invariant_pcgrad_projects_the_gradients_of_the_logarithms(seed):
    trunk, heads, _ = trained("scale-invariant.pcgrad", seed)
    values, rows, own = by_hand(seed)
    assert_same(trunk, projected(rows / values[:, None], seed), rtol=1e-10)
    for found, value, expected in zip(heads, values, own, strict=True):
        assert_same(found, expected / value, rtol=1e-10)


@every_seed
def test_imtl_l_mgda_shortens_the_gradients_of_the_scaled_losses(seed):
    scales = [0.5, -3.0, 2.0]
    trunk, heads, strategy = trained("imtl-l.mgda", seed, scales)
    values, rows, own = by_hand(seed)
    factors = np.exp(scales)
    assert_same(trunk, shortest(factors[:, None] * rows))
    for found, factor, expected in zip(heads, factors, own, strict=True):
        assert_same(found, factor * expected)
    learned = [float(p.grad) for p in strategy.parameters()]
    assert learned == pytest.approx(factors * values - 1, rel=1e-5)


@every_seed
def test_dtp_stch_is_the_smooth_maximum_of_the_losses_that_dtp_weighs(seed):
    trunk, _, strategy = trained("dtp.stch:a=2,b=5,c=0.1,mu=0.5", seed)
    values, rows, _ = by_hand(seed)
    factors = strategy.members[0].current.double().numpy()
    relative = factors * values / [2, 5, 0.1]
    weights = 3 * softmax(np.log(relative) / 0.5) / values
    assert_same(trunk, weights @ rows)


@pytest.mark.parametrize("first", ["random", "gls", "stch", "famo", "cosmos", "pbi"])
def test_strategies_that_weigh_tasks_together_cannot_stand_before_a_dot(first):
    with pytest.raises(MethodError, match=f"only an additive weighting .* {first} is none"):
        strategy_of(f"{first}.pcgrad")


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("pbi:theta=2,b=3", [{"theta": 2.0, "b": 3.0}]),
        ("famo:b=-1,lr=0.1", [{"lr": 0.1, "gamma": 0.01, "b": -1.0}]),
        ("dwa.cosmos:c=2,T=3,alpha=1", [{"T": 3.0}, {"lamda": 2.0, "alpha": 1.0, "c": 2.0}]),
        ("fixed.pbi:fixed.a=2,pbi.a=3,theta=1", [{"a": 2.0}, {"theta": 1.0, "a": 3.0}]),
    ],
)
def test_options_of_a_task_stand_beside_the_others(method, options):
    components = resolve_weighting(method, checks.ZOO, TASKS)
    assert [component.options for component in components] == options
    build_strategy(components, WeightingContext(TASKS))
