"""Arithmetic on the tasks' gradients, parameter by parameter, and checks of strategies' results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from benchbed.errors import ContractError


def gramian(rows: Sequence[Sequence[Tensor]]) -> Tensor:
    """Return G = J·Jᵀ of per-task gradients, ``(T, T)`` in float64, summed parameter by parameter.

    Args:
        rows: for each task the gradients of the same parameters.
    """
    total = torch.zeros(len(rows), len(rows), dtype=torch.float64, device=rows[0][0].device)
    for gradients in zip(*rows, strict=True):
        block = torch.stack([gradient.flatten() for gradient in gradients])
        if block.dtype in {torch.float16, torch.bfloat16}:
            block = block.float()
        total += block @ block.T
    return total


def weighted_sum(rows: Sequence[Sequence[Tensor]], factors: Sequence[float]) -> Sequence[Tensor]:
    """Return Σ_t w_t·row_t for each parameter."""
    if not rows[0]:
        return []
    result = torch._foreach_mul(list(rows[0]), factors[0])
    for row, factor in zip(rows[1:], factors[1:], strict=True):
        torch._foreach_add_(result, list(row), alpha=factor)
    return result


def accumulate(
    parameters: Sequence[nn.Parameter], gradients: Sequence[Tensor], *, fresh: bool = False
) -> None:
    """Add gradients to ``.grad``.

    Args:
        parameters: whose ``.grad`` it is.
        gradients: one for each.
        fresh: nothing else holds their memory, so that they need no copy. What autograd returns
            may be expanded, or one tensor for several parameters.
    """
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if parameter.grad is None:
            parameter.grad = gradient if fresh else gradient.clone()
        else:
            parameter.grad += gradient


def in_order(directions: Any, shapes: Mapping[str, torch.Size], name: str) -> Sequence[Tensor]:
    """Return what ``direction`` returned, in the order of the parameters.

    Raises:
        ContractError: a tensor is missing or has the wrong shape.
    """
    sound = isinstance(directions, dict) and set(directions) == set(shapes)
    if not sound or not all(isinstance(found, Tensor) for found in directions.values()):
        raise ContractError(f"{name}.direction must return one tensor for each name in rows.")
    for key, shape in shapes.items():
        if directions[key].shape != shape:
            raise ContractError(
                f"{name}.direction returned shape {tuple(directions[key].shape)} for '{key}', "
                f"which has shape {tuple(shape)}."
            )
    return [directions[key] for key in shapes]


def check_total(total: object, name: str) -> None:
    """Refuse what ``combine`` returned, unless it is a scalar.

    Raises:
        ContractError: it is none.
    """
    if not isinstance(total, Tensor) or total.dim() != 0:
        shape = tuple(total.shape) if isinstance(total, Tensor) else type(total).__name__
        raise ContractError(f"{name}.combine must return a scalar tensor, got {shape}.")
