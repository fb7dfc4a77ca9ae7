"""Normals that lie in 8-bit images, kept as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from benchbed.basics.errors import DataError
from benchbed.contracts.dataset import Column
from benchbed.files import Coding
from benchbed.files.codings import LENGTH

STEP: Final = np.float32(2 / 255)


@dataclass(frozen=True)
class ByteDirections(Coding):
    """Unit vectors n as the bytes 255 (n + 1) / 2, ``(3, H, W)``; black where invalid.

    Takes and stores uint8, exactly. Vectors shorter than 0.5 count as invalid, and black, which
    would stand for one of length 1.7.
    """

    shape: tuple[int, ...]
    dtype = "uint8"

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Return uint8."""
        self._shaped(values)
        if values.dtype != np.uint8:
            raise DataError(f"type {values.dtype}, and uint8 is wanted")
        return values * (_length(_vectors(values)) >= LENGTH)

    def column(self, stored: np.ndarray) -> Column:
        """Return float32, of length 1 or zero."""
        return _Decoded(stored)

    def valid(self, stored: np.ndarray) -> int:
        """Return how many vectors are valid."""
        return int(stored.any(axis=0).sum())


class _Decoded:
    """A column of vectors, ``(N, 3, H, W)``."""

    def __init__(self, stored: np.ndarray) -> None:
        self._stored = stored

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._stored)

    def __getitem__(self, indices: Any) -> np.ndarray:
        """Return the samples at an array of indices."""
        stored = self._stored[indices]
        vectors = _vectors(stored)
        vectors /= _length(vectors)  # never 0: 127.5 is no byte
        vectors *= stored.any(axis=-3, keepdims=True)
        return vectors


def _vectors(stored: np.ndarray) -> np.ndarray:
    return stored * STEP - 1


def _length(vectors: np.ndarray) -> np.ndarray:
    """Return the lengths of vectors ``(…, 3, H, W)``, ``(…, 1, H, W)``."""
    length: np.ndarray = np.linalg.norm(vectors, axis=-3, keepdims=True)
    return length
