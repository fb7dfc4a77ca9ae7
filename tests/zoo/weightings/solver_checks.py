"""What the tests of strategies that solve for their weights have in common."""

import numpy as np
import pytest
import torch
from scipy.optimize import nnls

from tests.zoo.weightings import checks

EPS = np.finfo(np.float64).eps
seeds = pytest.mark.parametrize("seed", range(3))


def units(jacobian):
    """The gradients that are not zero, divided by their lengths, and these lengths."""
    lengths = np.linalg.norm(jacobian, axis=1)
    used = lengths > 0.0
    return jacobian[used] / lengths[used, None], lengths[used]


def solve(method, jacobian, given=None):
    """The weights and the update."""
    weights = checks.weights(checks.make(method, len(jacobian)), jacobian, given)
    return weights, weights @ jacobian


def size(weights, jacobian):
    """How long the update would be if nothing cancelled out: what rounding is measured by."""
    return np.abs(weights) @ np.linalg.norm(jacobian, axis=1)


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def harmless(jacobian, target):
    """The nearest vector to a target that conflicts with no row, by SciPy on the vectors."""
    rows, _ = units(jacobian)
    length = np.linalg.norm(target) or 1.0
    coefficients, _ = nnls(rows.T, -target / length, maxiter=100 * len(rows) + 100)
    return target + length * coefficients @ rows


def assert_the_update_stays(method, jacobian, power=1.0, rtol=1e-8):
    """A factor κ of all gradients multiplies the update by κ^power; an order does nothing to it."""
    weights, plain = solve(method, jacobian)
    tolerance = rtol * np.linalg.norm(plain) + 1e-14 * size(weights, jacobian)
    for scale in (1e-6, 1e-3, 1e3, 1e6):
        found = solve(method, scale * jacobian)[1] / scale**power
        assert found == pytest.approx(plain, abs=tolerance)
    order = np.random.default_rng(7).permutation(len(jacobian))
    given = list(checks.losses(len(jacobian)).values())
    moved = dict(zip(checks.names(len(jacobian)), (given[i] for i in order), strict=True))
    assert solve(method, jacobian[order], moved)[1] == pytest.approx(plain, abs=tolerance)


def assert_gives_up(method, count=4):
    """All weights are 0 where no direction helps all tasks, whatever the other tasks are."""
    jacobian = checks.random(count)
    jacobian[1] = -3.0 * jacobian[0]
    assert solve(method, jacobian)[0].tolist() == [0.0] * count


def gramian_of(jacobian, dtype=torch.float64):
    rows = torch.from_numpy(jacobian).to(dtype)
    return (rows @ rows.T).double()
