"""How a sample's arrays are checked and stored, in the smallest type that loses nothing."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchbed.basics.errors import DataError
from benchbed.contracts.dataset import Column, Input, Target
from benchbed.files.columns import Scaled

UNIT: Final = 32767
"""What a component of 1 of a direction is stored as."""
LENGTH: Final = 0.5
"""Directions shorter than this, which resizing leaves between two valid ones or beside an invalid
one, are stored as invalid."""


LONGEST: Final = 1.3
"""Directions longer than this are refused: so much no rounding and no compression adds."""


class Coding(ABC):
    """How the values of one column are stored.

    Attributes:
        dtype: NumPy's name of the stored type.
        shape: of one sample.
    """

    dtype: str
    shape: tuple[int, ...]

    @abstractmethod
    def encode(self, values: np.ndarray) -> np.ndarray:
        """Return what is stored of a sample.

        Raises:
            DataError: wrong type, shape or values; the message says which, not where the file is.
        """

    @abstractmethod
    def column(self, stored: np.ndarray) -> Column:
        """Return the column of a split's stored array."""

    def valid(self, stored: np.ndarray) -> int:
        """Return how many values of a stored sample are annotated."""
        return stored.size

    @property
    def size(self) -> int:
        """Bytes of a stored sample."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

    def _shaped(self, values: np.ndarray) -> np.ndarray:
        if values.shape != self.shape:
            raise DataError(f"shape {values.shape}, and {self.shape} is wanted")
        return values


@dataclass(frozen=True)
class Colours(Coding):
    """Images or colours in [0, 1], ``(C, H, W)``; stored in 1/255, so exact to 1/510.

    Takes uint8 (0 to 255) or floating point (0 to 1).
    """

    shape: tuple[int, ...]
    dtype = "uint8"

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Return uint8."""
        self._shaped(values)
        if values.dtype == np.uint8:
            return values
        if values.dtype.kind != "f":
            raise DataError(f"type {values.dtype}, and uint8 or floating point is wanted")
        low, high = float(values.min()), float(values.max())  # NaN if there is one
        if not (low >= -1e-3 and high <= 1 + 1e-3):
            raise DataError(f"values from {low:g} to {high:g}, and 0 to 1 is wanted")
        stored: np.ndarray = np.rint(values.clip(0, 1) * 255).astype(np.uint8)
        return stored

    def column(self, stored: np.ndarray) -> Column:
        """Return float32 in [0, 1]."""
        return Scaled(stored, 255)


@dataclass(frozen=True)
class Labels(Coding):
    """Classes; stored as uint8, with 255 for what is not annotated.

    Takes whole numbers, of a floating type too.
    """

    shape: tuple[int, ...]
    classes: int
    ignore: int = 255
    dtype = "uint8"

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Return uint8."""
        self._shaped(values)
        if not (values.dtype.kind in "iu" or _whole(values)):
            raise DataError(f"type {values.dtype}, and whole numbers are wanted")
        known = (values >= 0) & (values < self.classes) | (values == self.ignore)
        if not known.all():
            place = np.unravel_index(int(np.argmin(known)), values.shape)
            raise DataError(
                f"label {values[place]}{_at(place)}, and there are {self.classes} classes "
                f"from 0 (and {self.ignore} for what is not annotated)"
            )
        return values.astype(np.uint8)

    def column(self, stored: np.ndarray) -> Column:
        """Return uint8."""
        return stored

    def valid(self, stored: np.ndarray) -> int:
        """Return how many pixels are annotated."""
        return int((stored != self.ignore).sum())


@dataclass(frozen=True)
class Values(Coding):
    """Real numbers; stored as float32, or as whole numbers that stand for ``stored / scale``.

    Attributes:
        dtype: float32 keeps the source's values; with uint16 and its scale a 16-bit source is
            exact at half the size.
        positive: only what is above 0 is valid (depth); what is below is stored as 0. Other numbers
            of float32 may be NaN, which marks what is not annotated.
    """

    shape: tuple[int, ...]
    dtype: str = "float32"
    scale: float = 1.0
    positive: bool = False

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Return the stored type; whole numbers rounded to the nearest."""
        self._shaped(values)
        if values.dtype.kind not in "fiu":
            raise DataError(f"type {values.dtype}, and numbers are wanted")
        known = np.isfinite(values) | (np.isnan(values) & self._takes_nan)
        if not known.all():
            place = np.unravel_index(int(np.argmin(known)), values.shape)
            also = " (or NaN, for what is not annotated)" if self._takes_nan else ""
            raise DataError(f"{values[place]}{_at(place)}, and finite numbers{also} are wanted")
        if self.positive:
            values = np.maximum(values, 0)
        if self.dtype == "float32":
            return values.astype(np.float32)
        scaled, bounds = np.rint(values * self.scale), np.iinfo(self.dtype)
        if scaled.min() < bounds.min or scaled.max() > bounds.max:
            raise DataError(
                f"values from {values.min():g} to {values.max():g}, and "
                f"{bounds.min / self.scale:g} to {bounds.max / self.scale:g} can be stored"
            )
        return scaled.astype(self.dtype)

    @property
    def _takes_nan(self) -> bool:
        # a distance has 0 for that, and whole numbers have none to spare
        return self.dtype == "float32" and not self.positive

    def column(self, stored: np.ndarray) -> Column:
        """Return float32."""
        return stored if self.dtype == "float32" else Scaled(stored, self.scale)

    def valid(self, stored: np.ndarray) -> int:
        """Return how many values are valid."""
        if self.positive:
            return int((stored > 0).sum())
        return int(np.isfinite(stored).sum()) if self._takes_nan else stored.size


@dataclass(frozen=True)
class Directions(Coding):
    """Unit vectors ``(3, H, W)``, zero where invalid; stored as int16, exact to 1.6e-5.

    Vectors are brought to unit length first; those shorter than 0.5 count as invalid.
    """

    shape: tuple[int, ...]
    dtype = "int16"

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Return int16."""
        self._shaped(values)
        if values.dtype.kind != "f":
            raise DataError(f"type {values.dtype}, and floating point is wanted")
        largest = float(np.abs(values).max())  # NaN if there is one
        if not largest <= 1.01:
            raise DataError(f"a component of size {largest:g}, and unit vectors are wanted")
        vectors = values.astype(np.float32)
        length = np.sqrt((vectors**2).sum(axis=0))  # (H, W)
        if length.max() > LONGEST:
            place = np.unravel_index(int(np.argmax(length)), length.shape)
            raise DataError(
                f"a vector of length {length[place]:.2f}{_at(place)}, and unit vectors are wanted"
            )
        unit = np.where(length >= LENGTH, vectors / np.maximum(length, LENGTH), 0)
        stored: np.ndarray = np.rint(unit * UNIT).astype(np.int16)
        return stored

    def column(self, stored: np.ndarray) -> Column:
        """Return float32, of unit length to 3e-5."""
        return Scaled(stored, UNIT)

    def valid(self, stored: np.ndarray) -> int:
        """Return how many vectors are valid."""
        return int(stored.any(axis=0).sum())


def coding_of(described: Input | Target) -> Coding:
    """Return the coding of an input in [0, 1], or of a target, that follows from what it is.

    Raises:
        ValueError: a class target that uint8 cannot hold.
    """
    if isinstance(described, Input):
        return Colours(described.shape)
    if described.kind == "class":
        if described.classes > 255 or described.ignore not in {None, 255}:
            raise ValueError("Labels are stored as uint8, with 255 for what is not annotated.")
        return Labels(described.shape, described.classes)
    if described.geometry == "direction":
        return Directions(described.shape)
    return Values(described.shape, positive=described.geometry == "distance")


def _whole(values: np.ndarray) -> bool:
    """Tell whether values of a floating type are whole numbers."""
    if values.dtype.kind != "f" or not np.isfinite(values).all():
        return False
    return not (values % 1).any()


def _at(place: tuple[np.intp, ...]) -> str:
    """Return where a value is, in words behind it; nothing of a single one."""
    if not place:
        return ""
    if len(place) == 1:
        return f" at position {place[0]}"
    *channel, row, column = place
    where = f"row {row}, column {column}"
    if channel:
        return f" at channel {', '.join(map(str, channel))}, {where}"
    return f" at {where}"
