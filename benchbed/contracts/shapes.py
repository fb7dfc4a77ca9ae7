"""What a plugin returned, in a word, for messages."""

from __future__ import annotations

from torch import Tensor


def shape_or_type(value: object) -> str:
    """Return a tensor's shape, such as ``(3, 4)``; of anything else the name of its type."""
    if isinstance(value, Tensor):
        return str(tuple(value.shape))
    return type(value).__name__
