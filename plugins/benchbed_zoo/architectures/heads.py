"""Heads that turn features into a task's output."""

from __future__ import annotations

from torch import nn

from benchbed.errors import ContractError
from benchbed.task import Task


def pooled_head(task: Task, channels: int) -> nn.Module:
    """Return global average pooling and a linear layer, for one prediction a sample.

    Raises:
        ContractError: the task predicts a map.
    """
    if task.target.shape:
        raise ContractError(
            f"Task '{task.name}' predicts a map of {task.target.shape}; this architecture has "
            "heads for one prediction a sample only."
        )
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, task.channels))
