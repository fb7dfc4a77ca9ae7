"""Problems and properties that the tests of all weighting strategies draw on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchbed import WeightingContext
from benchbed.discovery.method import resolve_weighting
from benchbed.discovery.registry import discover
from benchbed.engine.strategy import build_strategy

COUNTS = (2, 3, 5, 11, 40)
ZOO = discover({"BENCHBED_PLUGINS": "zoo"})


def names(count):
    return tuple(f"t{i}" for i in range(count))


def make(method, count, regression=()):
    """A strategy as users name it ("cagrad:c=0.4"), for tasks t0, t1, …"""
    tasks = names(count)
    context = WeightingContext(tasks, frozenset(regression))
    return build_strategy(resolve_weighting(method, ZOO, tasks), context).last


def losses(count, seed=0, low=0.1, high=2.0):
    values = np.random.default_rng([count, seed]).uniform(low, high, count)
    return {t: torch.tensor(v) for t, v in zip(names(count), values, strict=True)}


def weights(strategy, jacobian, given=None):
    """The weights for a Jacobian (T, d), as a float64 array; given losses default to random."""
    gramian = torch.from_numpy(jacobian @ jacobian.T)
    return (
        strategy.weights(gramian, given or losses(len(jacobian))).detach().double().numpy().copy()
    )


def random(count, seed=0, columns=None):
    return np.random.default_rng([count, seed, 1]).normal(size=(count, columns or count + 3))


def scaled(count, seed=0):
    """Rows whose lengths spread over twelve orders of magnitude, 1e-6 to 1e6."""
    lengths = 10 ** np.random.default_rng([count, seed, 2]).uniform(-6, 6, count)
    return random(count, seed) * lengths[:, None]


def rank_deficient(count, seed=0):
    """Rows in a space of half as many dimensions (at least one)."""
    draw = np.random.default_rng([count, seed, 3])
    return draw.normal(size=(count, max(1, count // 2))) @ draw.normal(
        size=(max(1, count // 2), count + 3)
    )


def conditioned(count, seed=0, condition=1e9):
    """J with cond(J·Jᵀ) = condition."""
    draw = np.random.default_rng([count, seed, 4])
    left = np.linalg.qr(draw.normal(size=(count, count)))[0]
    right = np.linalg.qr(draw.normal(size=(count + 3, count)))[0]
    return left @ np.diag(np.geomspace(1.0, condition**-0.5, count)) @ right.T


def duplicated(count, seed=0):
    jacobian = random(count, seed)
    jacobian[-1] = jacobian[0]
    return jacobian


def zero_row(count, seed=0):
    jacobian = random(count, seed)
    jacobian[count // 2] = 0.0
    return jacobian


def conflicting(count, seed=0):
    """All pairs of rows at an angle beyond 90 degrees: a simplex around the origin, disturbed."""
    rows = np.eye(count) - 1.0 / (count - 0.5)
    return rows + 0.02 / count * random(count, seed, columns=count)


def opposed(count, seed=0):
    """Two rows that are exactly opposite, so that no direction helps both."""
    jacobian = random(count, seed)
    jacobian[1] = -2.0 * jacobian[0]
    return jacobian


KINDS = {
    f.__name__: f
    for f in (random, scaled, rank_deficient, conditioned, duplicated, zero_row, conflicting)
}

every_kind = pytest.mark.parametrize("kind", KINDS)
every_count = pytest.mark.parametrize("count", COUNTS)


def assert_permutes(method, jacobian, given=None, rtol=1e-8):
    """Permuting the tasks permutes the weights."""
    given = given or losses(len(jacobian))
    order = np.random.default_rng(7).permutation(len(jacobian))
    plain = weights(make(method, len(jacobian)), jacobian, given)
    values = [given[t] for t in given]
    moved = dict(zip(given, (values[i] for i in order), strict=True))
    found = weights(make(method, len(jacobian)), jacobian[order], moved)
    assert found == pytest.approx(plain[order], rel=rtol, abs=rtol * np.abs(plain).max())


def assert_scale_free(method, jacobian, rtol=1e-8, scales=(1e-6, 1e-3, 1e3, 1e6)):
    """Multiplying all gradients by one factor leaves the weights as they are."""
    plain = weights(make(method, len(jacobian)), jacobian)
    for scale in scales:
        found = weights(make(method, len(jacobian)), scale * jacobian)
        assert found == pytest.approx(plain, rel=rtol, abs=rtol * np.abs(plain).max())
