"""One update of a network in training, up to its gradients."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from benchbed.contracts.architecture import Architecture
from benchbed.contracts.task import Task
from benchbed.contracts.transform import Batch
from benchbed.contracts.weighting import Weighting, WeightingContext
from benchbed.engine.gradients import Backward
from benchbed.engine.losses import LossComputer
from benchbed.engine.strategy import Strategy, build_strategy
from benchbed.testing.effects import seeded


class Ones(Weighting):
    """Weights of one, at Gramian level: the plain sum by way of each task's own gradient."""

    level = "gramian"

    def weights(self, gramian: Tensor, losses: Mapping[str, Tensor]) -> Tensor:
        """Return ones."""
        return gramian.new_ones(len(losses))


class OnesAtLast(Ones):
    """The same, of gradients at the last shared layer."""

    at = "last"


class OnesAtRepresentation(Ones):
    """The same, of gradients at the shared representation."""

    at = "representation"


class Reached:
    """Notes at each step of an optimiser which parameters have a gradient, by ``id``.

    Attributes:
        given: those that had one at some step.
        moved: those that had one that is not zero.
    """

    def __init__(self) -> None:
        self.given: set[int] = set()
        self.moved: set[int] = set()

    def see(self, optimizer: torch.optim.Optimizer) -> None:
        """Look at an optimiser's parameters before it makes a step."""
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                self.given.add(id(parameter))
                if bool(parameter.grad.any()):
                    self.moved.add(id(parameter))


def plain_sum(tasks: Mapping[str, Task]) -> Strategy:
    """Return the strategy that sums the losses."""
    return build_strategy([], WeightingContext(tuple(tasks)))


def update(
    network: Architecture,
    tasks: Mapping[str, Task],
    batch: Batch,
    strategy: Strategy | None = None,
) -> None:
    """Leave in ``.grad`` what one batch gives in training mode, with fixed random numbers."""
    network.train()
    network.zero_grad()
    backward = Backward(strategy or plain_sum(tasks), network)
    losses = LossComputer(network, tasks)
    steps = [list(tasks)]
    if network.execution == "single-tasking":
        steps = [[name] for name in tasks]
    for names in steps:
        with seeded(5):
            found = losses(batch, names, 0.5)
        backward(found.means(), found.free)


def gradients(network: nn.Module) -> dict[str, Tensor]:
    """Return a copy of the gradients that there are, by the parameter's name."""
    found: dict[str, Tensor] = {}
    for key, parameter in network.named_parameters():
        if parameter.grad is not None:
            found[key] = parameter.grad.detach().clone()
    return found
