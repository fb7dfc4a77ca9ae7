"""Optimisers and learning-rate schedules as protocols name them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import nn

from benchbed.protocol import Optimizer, Schedule


def build_optimizer(
    spec: Optimizer, network: Iterable[nn.Parameter], weighting: Iterable[nn.Parameter]
) -> torch.optim.Optimizer:
    """Return the optimiser; the weighting's parameters get no weight decay."""
    groups: list[dict[str, object]] = [
        {"params": [p for p in network if p.requires_grad], "weight_decay": spec.weight_decay}
    ]
    own = list(weighting)
    if own:
        groups.append({"params": own, "weight_decay": 0.0})
    if spec.name == "sgd":
        return torch.optim.SGD(
            groups, lr=spec.lr, momentum=spec.momentum, nesterov=spec.nesterov, fused=True
        )
    kind = torch.optim.Adam if spec.name == "adam" else torch.optim.AdamW
    return kind(groups, lr=spec.lr, fused=True)


def schedule_factor(spec: Schedule, step: int, steps_per_epoch: int, epochs: int) -> float:
    """Return the learning rate's factor at an optimiser step (counted from 0)."""
    epoch = step // steps_per_epoch
    done = epoch / epochs if spec.per == "epoch" else step / (steps_per_epoch * epochs)
    factors: dict[str, Callable[[], float]] = {
        "constant": lambda: 1.0,
        "step": lambda: spec.gamma ** (epoch // spec.step_epochs),
        "poly": lambda: (1.0 - done) ** spec.power,
        "cosine": lambda: 0.5 * (1.0 + math.cos(math.pi * done)),
    }
    return factors[spec.name]()


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set one learning rate for all groups."""
    for group in optimizer.param_groups:
        group["lr"] = lr
