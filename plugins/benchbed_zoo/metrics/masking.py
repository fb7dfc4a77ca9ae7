"""Masking of what is not annotated, for losses and metrics."""

from __future__ import annotations

import torch
from torch import Tensor


def at_least_single(values: Tensor) -> Tensor:
    """Return half precision, integers and booleans as float32, anything else as it is."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def masked(valid: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
    """Return values with 0 where they are not valid, in single precision or better.

    Args:
        valid: which elements count, bool, of the values' shape or broadcast to it.
        values: tensors; what they hold where they are not valid, NaN too, reaches neither a result
            nor a gradient.
    """
    return tuple(torch.where(valid, at_least_single(value), 0) for value in values)
