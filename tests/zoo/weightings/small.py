"""Three tasks named a, b, c, and what strategies make of their losses or of a Jacobian."""

from __future__ import annotations

import numpy as np
import torch

from benchbed import WeightingContext

ABC = WeightingContext(("a", "b", "c"), frozenset("b"))


def losses_from(values, names="abc"):
    return {n: torch.tensor(v, requires_grad=True) for n, v in zip(names, values, strict=True)}


def weights_of(strategy, values=(1.0, 2.0, 3.0)):
    """The factors that a loss-level strategy puts before the losses: its derivatives."""
    losses = losses_from(values)
    strategy.combine(losses).backward()
    return [float(loss.grad) for loss in losses.values()]


def random_jacobian(count, seed, columns=None):
    return np.random.default_rng([count, seed]).normal(size=(count, columns or count + 2))


def orders_of(count, seed):
    torch.manual_seed(seed)
    return [torch.randperm(count).tolist() for _ in range(count)]


def direction_of(cls, jacobian, seed=0):
    strategy = cls(WeightingContext(tuple(map(str, range(len(jacobian))))))
    torch.manual_seed(seed)
    weights = strategy.weights(torch.from_numpy(jacobian @ jacobian.T), {})
    assert weights.dtype == torch.float64
    return weights.numpy() @ jacobian
