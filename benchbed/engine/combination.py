"""Arithmetic on the tasks' gradients, parameter by parameter, and checks of strategies' results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from benchbed.basics.errors import ContractError

TINY = 1e-24
"""Squared lengths below it are taken again in float64: entries may have fallen under float32."""

CHUNK = 1 << 16
"""Entries of one dot product; longer sums in float32 lose digits."""

FEW = 4
"""Up to so many tasks, on a CPU, single dot products are faster than stacking the rows."""


def gramian(rows: Sequence[Sequence[Tensor]], device: torch.device | None = None) -> Tensor:
    """Return G = J·Jᵀ of per-task gradients, ``(T, T)`` in float64, summed parameter by parameter.

    Products are taken in the gradients' precision, float32 at least.

    Args:
        rows: for each task the gradients of the same parameters; none need be there.
        device: where they are, if none are there.
    """
    count = len(rows)
    device = rows[0][0].device if rows[0] else device
    if count <= FEW and rows[0] and rows[0][0].device.type == "cpu":
        total = _dots(rows)
    else:
        total = torch.zeros(count, count, dtype=torch.float64, device=device)
        for gradients in zip(*rows, strict=True):
            for parts in zip(*(torch.split(flat, CHUNK) for flat in _flat(gradients)), strict=True):
                block = torch.stack(parts)
                total += block @ block.T
    return total.tril() + total.tril(-1).T


def _dots(rows: Sequence[Sequence[Tensor]]) -> Tensor:
    count = len(rows)
    pairs = [(i, j) for i in range(count) for j in range(i + 1)]
    sums = dict.fromkeys(pairs, 0.0)
    for gradients in zip(*rows, strict=True):
        for parts in zip(*(torch.split(flat, CHUNK) for flat in _flat(gradients)), strict=True):
            for i, j in pairs:
                sums[i, j] += float(torch.dot(parts[i], parts[j]))
    total = torch.zeros(count, count, dtype=torch.float64)
    for (i, j), value in sums.items():
        total[i, j] = value
    return total


def _flat(gradients: Sequence[Tensor]) -> list[Tensor]:
    """Return the entries of tensors of one shape as vectors, in memory's order where possible."""
    if gradients[0].dtype in {torch.float16, torch.bfloat16}:
        gradients = [gradient.float() for gradient in gradients]
    last = gradients[0].dim() == 4 and all(
        gradient.is_contiguous(memory_format=torch.channels_last) for gradient in gradients
    )
    return [(g.permute(0, 2, 3, 1) if last else g).reshape(-1) for g in gradients]


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
    """Add gradients to ``.grad``, which gets its parameter's strides as torch gives it.

    torch's fused optimisers pair entries of parameters and gradients by their place in memory, so
    that other strides (channels_last against contiguous) would train something else, silently.

    Args:
        parameters: whose ``.grad`` it is.
        gradients: one for each.
        fresh: nothing else holds their memory, so that they need no copy. What autograd returns
            may be expanded, or one tensor for several parameters.
    """
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if parameter.grad is None:
            alike = gradient.stride() == parameter.stride()
            if fresh and alike:
                parameter.grad = gradient.detach()
            else:
                parameter.grad = torch.empty_like(parameter).copy_(gradient)
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
