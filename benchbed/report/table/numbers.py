"""How numbers are shown to people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DASH: Final = "–"
"""What stands where there is nothing."""

_UNITS: Final = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_ROUNDS_UP: Final = 0.9995
"""Of a unit, from which on three digits show the unit itself."""


def human(count: float | None) -> str:
    """Return a count with a unit: 23.9k, 1.2M, 4.1G, 7T, 2P."""
    if count is None:
        return DASH
    for size, unit in _UNITS:
        if count >= size * _ROUNDS_UP:
            return _three_digits(count / size) + unit
    return f"{count:.0f}"


def _three_digits(value: float) -> str:
    text = f"{value:.3g}"
    return f"{value:.0f}" if "e" in text else text


@dataclass(frozen=True, slots=True)
class Decimals:
    """Shows numbers with a fixed number of digits after the point.

    Attributes:
        digits: how many.
        scale: what numbers are multiplied by, 100 for percent.
        sign: of Python's format specification: ``+`` shows a plus, ``z`` no minus before a zero.
    """

    digits: int
    scale: float = 1.0
    sign: str = ""

    def show(self, number: float) -> str:
        """Return a number as text."""
        return f"{number * self.scale:{self.sign}.{self.digits}f}"

    def show_size(self, number: float | None) -> str:
        """Return a deviation or a width as text, which has no sign; "" of none."""
        return "" if number is None else f"{number * self.scale:.{self.digits}f}"
