"""Whole vectors to rows by parameter and back, for the tests of strategies at Jacobian level."""

import numpy as np
import torch

from tests.zoo.weightings import checks


def rows_of(jacobian):
    """The rows (T, d) as the gradients of two parameters, a matrix and a vector."""
    matrix, vector = np.array_split(jacobian, 2, axis=1)
    return {
        "net.weight": torch.from_numpy(matrix.copy()).reshape(*matrix.shape, 1),
        "net.bias": torch.from_numpy(vector.copy()),
    }


def direction(strategy, jacobian, given=None):
    """The direction for a Jacobian as one vector; given losses default to those of all tasks."""
    found = strategy.direction(rows_of(jacobian), given or checks.losses(len(jacobian)))
    return torch.cat([found["net.weight"].flatten(), found["net.bias"]]).double().numpy()


def assert_stays_on_device(strategy, count=3):
    """The meta device stands for a GPU: mixing it with the CPU fails, as does reading a value."""
    rows = {"p": torch.ones(count, 4, 2, device="meta")}
    losses = {name: torch.ones((), device="meta") for name in checks.names(count)}
    assert strategy.to("meta").direction(rows, losses)["p"].device.type == "meta"


def some_losses(numbers):
    return {f"t{number}": torch.tensor(1.0) for number in numbers}


def assert_close(found, expected, rtol=1e-10, rounding=0.0):
    """Both vectors agree, relative to the largest entry."""
    error = np.abs(np.asarray(found) - np.asarray(expected)).max()
    assert error <= rtol * np.abs(expected).max() + rounding
