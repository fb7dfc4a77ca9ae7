"""Numbers as they are printed: text, exact value, and what rounding leaves open."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Final

from benchbed.basics.errors import BenchbedError


class TableError(BenchbedError):
    """A printed table's file is wrong."""


class Gap(Enum):
    """Why a cell that the table has holds no number."""

    LOST = "MISSING"
    """Printed, but lost in the copy that was read."""
    UNPRINTED = "n.a."
    """Left open by the paper itself."""


_DIGITS: Final = r"\d{1,9}(?:\.\d{1,9})?"
_NUMBER: Final = re.compile(rf"([+-]?{_DIGITS})(?: ?± ?({_DIGITS}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Printed:
    """A printed number.

    Attributes:
        number: its exact value, with as many decimals as are printed.
        spread: what stands after ±, if anything; it says nothing of rounding.
    """

    number: Decimal
    spread: Decimal | None = None

    def __str__(self) -> str:
        if self.spread is None:
            return f"{self.number}"
        return f"{self.number} ± {self.spread}"

    @property
    def exact(self) -> Fraction:
        """The value as a fraction."""
        return Fraction(self.number)

    @property
    def half(self) -> Fraction:
        """Half a unit of the last printed place: 0.005 for 7.04."""
        return Fraction(10) ** int(self.number.as_tuple().exponent) / 2

    @property
    def bounds(self) -> tuple[Fraction, Fraction]:
        """Smallest and largest value that rounds to what is printed."""
        return self.exact - self.half, self.exact + self.half

    def negated(self) -> Printed:
        """Return the number with the other sign."""
        if not self.number:  # never -0
            return Printed(abs(self.number), self.spread)
        return Printed(-self.number, self.spread)

    def without_padding(self) -> Printed:
        """Return the number without trailing zeros after the point: 0.610 as 0.61."""
        text = str(self.number)
        if "." in text:
            text = text.rstrip("0").rstrip(".")
        return Printed(Decimal(text), self.spread)

    def differs_from(self, other: Printed) -> bool:
        """Whether the two cannot be roundings of one value.

        Intervals that only touch differ: one value does not round to both 70.3 and 70.4.
        """
        return abs(self.exact - other.exact) >= self.half + other.half


Cell = Printed | Gap


def parse_printed(text: str) -> Printed:
    """Read a plain decimal number, perhaps with ± and a second one.

    Raises:
        TableError: it is anything else, or longer than nine digits before or after the point.
    """
    match = _NUMBER.fullmatch(text.strip().replace("−", "-"))
    if match is None:
        raise TableError(
            f"'{text[:40]}' is no number; write a plain decimal such as 7.04 or 70.3±0.13, "
            f"{Gap.LOST.value} where the copy lost it, {Gap.UNPRINTED.value} where the paper "
            "prints none, or nothing."
        )
    number, spread = match.groups()
    return Printed(Decimal(number), Decimal(spread) if spread else None)


def parse_cell(text: str) -> Cell | None:
    """Read a cell; ``None`` where the table has no such cell.

    Raises:
        TableError: it is neither a number nor a word for a gap.
    """
    text = text.strip()
    if not text:
        return None
    for gap in Gap:
        if text == gap.value:
            return gap
    return parse_printed(text)
