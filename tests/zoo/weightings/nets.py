"""A trunk with a head for each of three tasks, trained by the engine and differentiated by hand."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from torch import nn

from benchbed import EpochInfo, WeightingContext
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


def assert_same(found, expected, rtol=1e-6):
    """``rtol``: DWA's and IMTL-L's own numbers are float32."""
    assert found == pytest.approx(expected, rel=rtol, abs=rtol * np.abs(expected).max())


every_seed = pytest.mark.parametrize("seed", range(5))
