"""Whether two texts are alike but for how sums of floats were rounded."""

from __future__ import annotations

import math
import re
from typing import Final

_NUMBER: Final = re.compile(r"(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)")
_TOLERANCE: Final = 1e-9
"""Relative, of numbers with a point."""


def alike(one: str, two: str) -> bool:
    """Tell whether two texts are equal but for the last digits of their numbers with a point.

    Sums of floats may round otherwise in another version of Python or NumPy.
    """
    ours, theirs = _NUMBER.split(one), _NUMBER.split(two)
    if len(ours) != len(theirs) or ours[::2] != theirs[::2]:  # what stands between the numbers
        return False
    return all(a == b or _close(a, b) for a, b in zip(ours[1::2], theirs[1::2], strict=True))


def _close(a: str, b: str) -> bool:
    if a.lstrip("-").isdecimal() or b.lstrip("-").isdecimal():
        return False
    one, two = float(a), float(b)
    return math.isfinite(one) and math.isclose(one, two, rel_tol=_TOLERANCE)
