"""Which elements of a target count, by the conventions of dense targets. Imports no torch."""

from __future__ import annotations

import math

import numpy as np

from benchbed.contracts.dataset import Target


def class_names(target: Target) -> tuple[str, ...]:
    """Return the names of a target's classes, or their numbers."""
    return target.names or tuple(map(str, range(target.classes)))


def annotated(values: np.ndarray, target: Target) -> np.ndarray:
    """Tell which elements hold a class that counts, ``bool`` of the same shape."""
    known: np.ndarray = (values >= 0) & (values < target.classes)
    if target.ignore is not None:
        known &= values != target.ignore
    return known


def valid(values: np.ndarray, target: Target, low: float) -> np.ndarray:
    """Tell which numbers count, by the conventions of dense targets; ``bool`` of the same shape.

    Not finite numbers never count. In a map ``(H, W)`` without negative numbers (depth), 0 marks
    what is invalid. In a map ``(3, H, W)`` a pixel counts as a whole, and where there are negative
    numbers (normals) the zero vector marks what is invalid.

    Args:
        values: ``(N, *target.shape)``.
        target: what they are.
        low: the smallest finite number that the target takes.
    """
    finite: np.ndarray = np.isfinite(values)
    if len(target.shape) == 2 and low >= 0:
        return finite & (values > 0)
    if has_channels(target):
        pixels = finite.all(axis=1, keepdims=True)  # (N, 1, H, W)
        if low < 0:
            pixels &= (values != 0).any(axis=1, keepdims=True)
        return np.broadcast_to(pixels, values.shape)
    return finite


def has_channels(target: Target) -> bool:
    """Tell whether a target is a map ``(3, H, W)`` of vectors or colours."""
    return len(target.shape) == 3 and target.shape[0] == 3


def smallest(values: np.ndarray) -> float:
    """Return the smallest finite number, infinity where there is none."""
    return float(np.min(values, where=np.isfinite(values), initial=math.inf))


def largest(values: np.ndarray) -> float:
    """Return the largest finite number, minus infinity where there is none."""
    return -smallest(-values)
