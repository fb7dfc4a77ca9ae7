"""Columns whose samples are decoded as they are read."""

from __future__ import annotations

from typing import Any

import numpy as np


class Scaled:
    """A column of whole numbers that stand for real ones: ``value = stored / scale``, float32."""

    def __init__(self, stored: np.ndarray, scale: float) -> None:
        self._stored, self._scale = stored, np.float32(scale)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._stored)

    def __getitem__(self, indices: Any) -> np.ndarray:
        """Return the samples at an array of indices."""
        return self._stored[indices].astype(np.float32) / self._scale


class Directions:
    """A column of vectors ``(N, 3, …)`` in whole numbers; of length 1 once read, or zero."""

    def __init__(self, stored: np.ndarray) -> None:
        self._stored = stored

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._stored)

    def __getitem__(self, indices: Any) -> np.ndarray:
        """Return the samples at an array of indices."""
        vectors = self._stored[indices].astype(np.float32)
        axis = vectors.ndim + 3 - self._stored.ndim - 2
        length = np.sqrt((vectors**2).sum(axis=axis, keepdims=True))
        return vectors / np.maximum(length, 1)
