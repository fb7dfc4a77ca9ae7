"""Which samples of a split are drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchbed.basics.errors import DataError


def positions(wanted: int | Sequence[int], length: int, split: str) -> list[int]:
    """Return the positions of the samples to draw.

    Args:
        wanted: which, or how many, spread evenly over the split, the first and the last among them.
        length: samples of the split.
        split: its name.

    Raises:
        DataError: the split has no such sample.
    """
    if isinstance(wanted, int):
        spread = np.linspace(0, length - 1, min(wanted, length)).round()
        return [int(position) for position in spread]
    if max(wanted) >= length:
        raise DataError(f"There is no sample {max(wanted)}: split '{split}' has 0 to {length - 1}.")
    return list(wanted)
