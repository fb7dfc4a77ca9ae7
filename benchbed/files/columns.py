"""Columns of memory-mapped arrays, whose samples are decoded as they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchbed.basics.errors import DataError
from benchbed.contracts.dataset import Column


def mapped(path: Path) -> np.ndarray:
    """Return the array of an ``.npy`` file of the cache without reading it yet.

    Raises:
        DataError: the file is missing or damaged.
    """
    try:
        found: np.ndarray = np.load(path, mmap_mode="r").view(np.ndarray)  # quicker to index
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"Cannot read {path} of the cache: {error}; delete the folder {path.parent}, and it is "
            "made anew."
        ) from error
    return found


class Scaled:
    """A column of whole numbers that stand for real ones: ``value = stored / scale``, float32."""

    def __init__(self, stored: np.ndarray, scale: float) -> None:
        self._stored, self._scale = stored, np.float32(scale)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._stored)

    def __getitem__(self, indices: Any) -> np.ndarray:
        """Return the samples at an array of indices."""
        values: np.ndarray = self._stored[indices].astype(np.float32)
        values /= self._scale
        return values


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
        unit: np.ndarray = vectors / np.maximum(length, 1)
        return unit


class Rows:
    """Some samples of a column, in an order of their own."""

    def __init__(self, column: Column, positions: np.ndarray) -> None:
        self._column, self._positions = column, positions

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._positions)

    def __getitem__(self, indices: Any) -> np.ndarray:
        """Return the samples at an array of indices."""
        samples: np.ndarray = self._column[self._positions[indices]]
        return samples
