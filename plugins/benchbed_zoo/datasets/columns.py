"""Columns of arrays in the cache, whose samples are decoded as they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchbed.errors import DataError


def mapped(path: Path) -> np.ndarray:
    """Return the array of an ``.npy`` file of the cache without reading it yet.

    Raises:
        DataError: the file is missing or damaged.
    """
    try:
        return np.load(path, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise DataError(
            f"Cannot read {path} of the cache: {error}; delete the folder {path.parent}, and it is "
            "made anew."
        ) from error


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
    """A column of vectors ``(N, 3, H, W)`` in whole numbers; of length 1 once read, or zero."""

    def __init__(self, stored: np.ndarray) -> None:
        self._stored = stored

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._stored)

    def __getitem__(self, indices: Any) -> np.ndarray:
        """Return the samples at an array of indices."""
        vectors = self._stored[indices].astype(np.float32)
        length = np.sqrt((vectors**2).sum(axis=-3, keepdims=True))
        return vectors / np.maximum(length, 1)
