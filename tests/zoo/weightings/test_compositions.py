"""Strategies joined by a dot are what they say: the engine against a computation by hand."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import gmean

from benchbed import WeightingContext
from benchbed.basics.errors import MethodError
from benchbed.discovery.method import resolve_weighting
from benchbed.engine.strategy import build_strategy
from tests.zoo.weightings import checks
from tests.zoo.weightings.nets import (
    FACTORS,
    TASKS,
    assert_same,
    by_hand,
    every_seed,
    strategy_of,
    trained,
)


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
