"""Arithmetic on the tasks' gradients, parameter by parameter, and checks of strategies' results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations_with_replacement
from typing import Any

import torch
from torch import Tensor, nn

from benchbed.basics.errors import ContractError
from benchbed.contracts.shapes import shape_or_type

TINY = 1e-24
"""Squared lengths below it are taken again in float64: entries may have fallen under float32."""

CHUNK = 1 << 16
"""Entries of one dot product; longer sums in float32 lose digits."""

FEW = 4
"""Up to so many tasks, on a CPU, single dot products are faster than stacking the rows."""


def detached(losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return scalars by name without their graphs."""
    return {name: loss.detach() for name, loss in losses.items()}


def gramian(rows: Sequence[Sequence[Tensor]], device: torch.device | None = None) -> Tensor:
    """Return G = J·Jᵀ of per-task gradients, ``(T, T)`` in float64, summed parameter by parameter.

    Products are taken in the gradients' precision, float32 at least.

    Args:
        rows: for each task the gradients of the same parameters; none need be there.
        device: where they are, if none are there.
    """
    count = len(rows)
    if rows[0]:
        device = rows[0][0].device
    if rows[0] and count <= FEW and rows[0][0].device.type == "cpu":
        lower = _dots(rows)
    else:
        lower = torch.zeros(count, count, dtype=torch.float64, device=device)
        for parts in _chunks(rows):
            block = torch.stack(parts)
            lower += block @ block.T
    # both halves from the lower one: a matrix product need not be symmetric to the last bit
    return lower.tril() + lower.tril(-1).T


def _dots(rows: Sequence[Sequence[Tensor]]) -> Tensor:
    """Return the lower half of the Gramian, one dot product at a time."""
    count = len(rows)
    pairs = list(combinations_with_replacement(range(count), 2))
    sums = dict.fromkeys(pairs, 0.0)
    for parts in _chunks(rows):
        for column, row in pairs:
            # Python's floats are float64, so chunks are summed in it
            sums[column, row] += float(torch.dot(parts[row], parts[column]))
    lower = torch.zeros(count, count, dtype=torch.float64)
    for (column, row), value in sums.items():
        lower[row, column] = value
    return lower


def _chunks(rows: Sequence[Sequence[Tensor]]) -> Iterator[tuple[Tensor, ...]]:
    """Yield pieces of a parameter's gradients, as many vectors as there are tasks."""
    for gradients in zip(*rows, strict=True):
        pieces = [torch.split(flat, CHUNK) for flat in _flat(gradients)]
        yield from zip(*pieces, strict=True)


def _flat(gradients: Sequence[Tensor]) -> list[Tensor]:
    """Return the entries of tensors of one shape as vectors, in memory's order where possible."""
    if gradients[0].dtype in {torch.float16, torch.bfloat16}:
        gradients = [gradient.float() for gradient in gradients]
    if all(map(_is_channels_last, gradients)):
        # flattened as it lies in memory, such a gradient needs no copy
        gradients = [gradient.permute(0, 2, 3, 1) for gradient in gradients]
    return [gradient.reshape(-1) for gradient in gradients]


def _is_channels_last(gradient: Tensor) -> bool:
    return gradient.dim() == 4 and gradient.is_contiguous(memory_format=torch.channels_last)


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
        if parameter.grad is not None:
            parameter.grad += gradient
        elif fresh and gradient.stride() == parameter.stride():
            parameter.grad = gradient.detach()
        else:
            parameter.grad = torch.empty_like(parameter).copy_(gradient)


def accumulate_reached(
    parameters: Sequence[nn.Parameter], gradients: Sequence[Tensor | None]
) -> None:
    """Add what autograd returned to ``.grad``; ``None`` stands for a parameter not reached."""
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if gradient is not None:
            accumulate([parameter], [gradient])


def in_order(directions: Any, shapes: Mapping[str, torch.Size], name: str) -> Sequence[Tensor]:
    """Return what ``direction`` returned, in the order of the parameters.

    Args:
        directions: a tensor by each parameter's name, if the strategy keeps its contract.
        shapes: of the parameters, by name.
        name: the strategy's, for messages.

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
        raise ContractError(
            f"{name}.combine must return a scalar tensor, got {shape_or_type(total)}."
        )
