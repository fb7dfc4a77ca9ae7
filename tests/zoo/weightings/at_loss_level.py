"""What the tests of strategies at loss level have in common."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import strategies as st

from benchbed import EpochInfo
from benchbed.contracts.protocol import Optimizer
from benchbed.engine.optim import build_optimizer
from tests.zoo.weightings import checks

positive = st.floats(1e-3, 1e3)
several = st.integers(1, 11).flatmap(lambda n: st.lists(positive, min_size=n, max_size=n))


def named(values, dtype=torch.float64):
    """Losses of tasks t0, t1, … that a gradient can be taken by."""
    return {
        name: torch.tensor(float(value), dtype=dtype, requires_grad=True)
        for name, value in zip(checks.names(len(values)), values, strict=True)
    }


def combined(strategy, losses):
    """The combined loss, and the tasks' weights: its derivatives by their losses."""
    total = strategy.combine(losses)
    found = torch.autograd.grad(total, list(losses.values()), materialize_grads=True)
    return float(total.detach()), np.array([float(slope) for slope in found])


def settle(strategy, losses, lr):
    """Step what a strategy learns 300 times as a run does, which decays the network's weights."""
    settings = Optimizer("sgd", lr=lr, weight_decay=0.9)
    network = [torch.nn.Parameter(torch.ones(1))]
    optimizer = build_optimizer(settings, network, strategy.parameters())
    for _ in range(300):
        optimizer.zero_grad()
        strategy.combine(losses).backward()
        optimizer.step()


def told(strategy, curves, epochs=99, validation=None):
    """The strategy, told of an epoch's begin after the given curves (by task, or in a row)."""
    if not isinstance(curves, dict):
        curves = dict(zip(checks.names(len(curves)), curves, strict=True))
    epoch = max(map(len, curves.values()))
    strategy.epoch(EpochInfo(epoch, epochs, curves, curves if validation is None else validation))
    return strategy


def assert_permutes(make, values, rtol=1e-12):
    """Permuting the tasks, by their names, permutes the weights and leaves the total."""
    given = named(values)
    order = np.random.default_rng(7).permutation(len(values))
    moved = {list(given)[i]: given[list(given)[i]] for i in order}
    total, weights = combined(make(), given)
    other, permuted = combined(make(), moved)
    assert other == pytest.approx(total, rel=rtol)
    assert permuted == pytest.approx(weights[order], rel=rtol, abs=rtol * np.abs(weights).max())
