"""Logarithms of losses, for strategies that look at ratios."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

from benchbed.basics.errors import RunError

USE_ANOTHER: Final = "train with another weighting, or with a loss that is never negative"


def log_of_losses(losses: Tensor) -> tuple[Tensor, Tensor]:
    """Return log L, and where L is zero; there the logarithm counts as 0 and has no gradient.

    A task whose loss is zero is done: log L falls without bound and its gradient has no direction.
    So small that 1/L overflows is zero here. A negative loss gives NaN.

    Args:
        losses: of any shape.

    Returns:
        The logarithms, and a bool tensor that is true where L is zero, both of that shape.
    """
    done = losses.abs() < torch.finfo(losses.dtype).tiny
    return torch.where(done, 1.0, losses).log(), done


def require_at_least(
    losses: Mapping[str, Tensor], least: Mapping[str, float], who: str, remedy: str
) -> None:
    """Refuse a loss under its least value; on a GPU, which it would halt, NaN ends the run instead.

    Args:
        losses: the scalar loss of each task.
        least: for some tasks the least value; 0 for the others.
        who: the strategy's name.
        remedy: what to do, the end of a sentence.

    Raises:
        RunError: with the task and its loss.
    """
    for name, loss in losses.items():
        bound = least.get(name, 0.0)
        if loss.device.type == "cpu" and float(loss.detach()) < bound:
            raise RunError(
                f"{who} wants losses of at least {bound:g}, and that of task '{name}' is "
                f"{float(loss.detach()):g}; {remedy}."
            )
