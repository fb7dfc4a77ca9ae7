"""Optimisers and learning-rate schedules as protocols name them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from benchbed.basics.errors import ContractError
from benchbed.contracts.protocol import Optimizer, Schedule


def build_optimizer(
    spec: Optimizer,
    network: Iterable[nn.Parameter],
    weighting: Iterable[nn.Parameter],
    asked: Sequence[Mapping[str, Any]] = (),
) -> torch.optim.Optimizer:
    """Return the optimiser.

    Groups are: those that the network asks for, the rest of the network, and the weighting's
    parameters, which get no weight decay. Each group has a ``factor`` of the learning rate.

    Args:
        spec: of the protocol.
        network: its parameters, frozen ones too: a later phase may thaw them, and until then they
            have no gradient and are not stepped.
        weighting: the parameters that the strategy learns by this optimiser.
        asked: what the network's ``param_groups`` returned.

    Raises:
        ContractError: the groups asked for are malformed or overlap.
    """
    groups = _asked_groups(spec, asked)
    taken: set[int] = set()
    for group in groups:
        taken.update(map(id, group["params"]))
    rest = [p for p in network if id(p) not in taken]
    if rest:
        groups.append({"params": rest, "factor": 1.0, "name": "network"})
    for group in groups:
        group["weight_decay"] = spec.weight_decay
    own = list(weighting)
    if own:
        groups.append({"params": own, "factor": 1.0, "name": "weighting", "weight_decay": 0.0})
    return _made(spec, groups)


def _made(spec: Optimizer, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """Return the optimiser that a protocol names, by torch's fused kernels where they serve."""
    if spec.name == "sgd":
        # torch's fused SGD fails where only some parameters have momentum yet (a task's first step)
        fused = spec.momentum == 0
        return torch.optim.SGD(
            groups,
            lr=spec.lr,
            momentum=spec.momentum,
            nesterov=spec.nesterov,
            fused=fused,
            foreach=not fused,
        )
    if spec.name == "adam":
        return torch.optim.Adam(groups, lr=spec.lr, betas=spec.betas, eps=spec.eps, fused=True)
    return torch.optim.AdamW(groups, lr=spec.lr, betas=spec.betas, eps=spec.eps, fused=True)


def _asked_groups(spec: Optimizer, given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the groups that the network asks for, empty ones left out."""
    name = "The architecture's param_groups"
    groups: list[dict[str, Any]] = []
    seen: set[int] = set()
    for number, asked in enumerate(given):
        if set(asked) - {"params", "lr", "name"} or not {"params", "lr"} <= set(asked):
            raise ContractError(
                f"{name} must return groups with 'params' and 'lr' (and a 'name'), got "
                f"{', '.join(asked)}."
            )
        params = list(asked["params"])
        ids = set(map(id, params))
        if seen & ids:
            raise ContractError(f"{name} puts a parameter into two groups.")
        seen |= ids
        factor = float(asked["lr"]) / spec.lr
        if params:
            title = str(asked.get("name", number))
            groups.append({"params": params, "factor": factor, "name": title})
    return groups


def lr_factors(optimizer: torch.optim.Optimizer) -> dict[str, float]:
    """Return the learning-rate factor of each group by name, where any differs from 1."""
    factors = {str(group["name"]): float(group["factor"]) for group in optimizer.param_groups}
    if set(factors.values()) == {1.0}:
        return {}
    return factors


def schedule_factor(spec: Schedule, step: int, steps_per_epoch: int, epochs: int) -> float:
    """Return the learning rate's factor at an update.

    Args:
        spec: of the protocol.
        step: the update, counted from 0.
        steps_per_epoch: updates in an epoch.
        epochs: how many there are.
    """
    position = step / steps_per_epoch
    if spec.warmup and position < spec.warmup[-1][0]:
        return _between(spec.warmup, position)
    epoch = step // steps_per_epoch
    if spec.per == "epoch":
        done, since_start = epoch / epochs, float(epoch)
    else:
        done, since_start = step / (steps_per_epoch * epochs), position
    if spec.name == "constant":
        return 1.0
    if spec.name == "step":
        return spec.gamma ** (epoch // spec.step_epochs)
    if spec.name == "poly":
        return float((1.0 - done) ** spec.power)
    if spec.name == "cosine":
        return _cosine(done, spec.floor)
    return _cosine((since_start / spec.restart_epochs) % 1.0, spec.floor)


def _cosine(done: float, floor: float) -> float:
    """Return half a cosine from 1 to ``floor`` at a share of its length."""
    return floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * done))


def _between(points: Sequence[tuple[float, float]], position: float) -> float:
    """Return the piecewise linear function through the points."""
    for (x0, y0), (x1, y1) in pairwise(points):
        if position < x1:
            return y0 + (y1 - y0) * (position - x0) / (x1 - x0)
    return points[-1][1]


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of every group, times the group's factor."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["factor"]


def hand_over(
    before: torch.optim.Optimizer, after: torch.optim.Optimizer, parameters: Iterable[nn.Parameter]
) -> None:
    """Give an optimiser the state that another one has for some parameters."""
    for parameter in parameters:
        if parameter in before.state:
            after.state[parameter] = before.state[parameter]


def forget(optimizer: torch.optim.Optimizer, parameters: Iterable[nn.Parameter]) -> None:
    """Drop the optimiser's state for parameters that were re-initialised."""
    for parameter in parameters:
        optimizer.state.pop(parameter, None)
