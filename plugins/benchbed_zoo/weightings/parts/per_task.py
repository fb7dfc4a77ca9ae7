"""One number, parameter or place for each task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn


def given_or(default: float, tasks: Iterable[str], given: Mapping[str, float]) -> dict[str, float]:
    """Return a number for each task, in the tasks' order: the one given, or else the default."""
    return {task: given.get(task, default) for task in tasks}


def new_parameters(tasks: Iterable[str], start: Tensor) -> nn.ParameterDict:
    """Return a parameter for each task, all equal at first.

    Args:
        tasks: names of the tasks.
        start: value, shape and type of each.
    """
    return nn.ParameterDict({task: nn.Parameter(start.clone()) for task in tasks})


def places_of(tasks: Iterable[str], among: Sequence[str]) -> list[int]:
    """Return where some tasks stand among all tasks, from 0."""
    return [among.index(task) for task in tasks]


def scaled_losses(
    losses: Mapping[str, Tensor], scales: Mapping[str, Tensor] | nn.ParameterDict
) -> dict[str, Tensor]:
    """Return each task's e^s·L − s, the scaled loss of IMTL.

    Args:
        losses: by task, scalars.
        scales: s by task, scalars.
    """
    scaled: dict[str, Tensor] = {}
    for task, loss in losses.items():
        s = scales[task]
        scaled[task] = torch.exp(s) * loss - s
    return scaled


def weighted_losses(
    losses: Mapping[str, Tensor], tasks: Iterable[str], weights: Iterable[Tensor]
) -> dict[str, Tensor]:
    """Return each task's w·L.

    Args:
        losses: by task, scalars; of all tasks or of some.
        tasks: names of all tasks.
        weights: w of each of them, scalars, in their order.
    """
    by_task = dict(zip(tasks, weights, strict=True))
    return {task: by_task[task] * loss for task, loss in losses.items()}
