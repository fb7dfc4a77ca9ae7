"""Morphological thinning to convergence."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

_NEIGHBOURS: Final = ((0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1))
"""Rows and columns to x₁ … x₈: from the east, counter-clockwise."""


def _removable() -> NDArray[np.bool_]:
    """Return which neighbourhoods lose their centre, ``(2, 256)``: in odd and in even passes.

    Bit k of a neighbourhood's number is its xₖ₊₁.
    """
    x = (np.arange(256)[:, None] >> np.arange(8) & 1).astype(bool)
    straight, diagonal = x[:, 0::2], x[:, 1::2]
    following = np.roll(straight, -1, axis=1)
    crossings = (~straight & (diagonal | following)).sum(axis=1)
    pairs = np.minimum((straight | diagonal).sum(axis=1), (diagonal | following).sum(axis=1))
    thick = (crossings == 1) & (pairs >= 2) & (pairs <= 3)
    x1, x2, x3, x4, x5, x6, x7, x8 = x.T
    south_east = (x2 | x3 | ~x8) & x1
    north_west = (x6 | x7 | ~x4) & x5
    return np.stack([thick & ~south_east, thick & ~north_west])


_REMOVABLE: Final = _removable()


def thin(mask: Mask) -> Mask:
    """Return the mask with each region thinned to lines, ``(H, W)``.

    Two passes alternate until neither removes a pixel (Z. Guo, R. W. Hall: Parallel Thinning with
    Two-Subiteration Algorithms, Comm. ACM 1989, in the form of L. Lam, S.-W. Lee, C. Y. Suen:
    Thinning Methodologies, PAMI 1992, p. 879), as MATLAB's ``bwmorph(mask, 'thin', Inf)`` and
    scikit-image's ``thin`` do; outside the image nothing is set. A pass looks only at pixels whose
    neighbourhood has changed since the last pass of its sort.

    Args:
        mask: bool, ``(H, W)``.
    """
    height, width = mask.shape
    padded = np.pad(mask, 1)
    numbers = np.zeros(padded.shape, dtype=np.uint8)
    for bit, (dy, dx) in enumerate(_NEIGHBOURS):
        shifted = padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
        numbers[1:-1, 1:-1] |= shifted.view(np.uint8) << bit
    kept, numbers = padded.reshape(-1), numbers.reshape(-1)
    steps = [dy * (width + 2) + dx for dy, dx in _NEIGHBOURS]
    changed = np.stack([kept, kept])
    turn = idle = 0
    while idle < 2:
        pixels = np.flatnonzero(changed[turn] & kept)
        changed[turn] = False
        removed = pixels[_REMOVABLE[turn][numbers[pixels]]]
        kept[removed] = False
        for bit, step in enumerate(steps):
            neighbours = removed - step
            numbers[neighbours] ^= np.uint8(1 << bit)
            changed[:, neighbours] = True
        idle = 0 if removed.size else idle + 1
        turn = 1 - turn
    return padded[1:-1, 1:-1]
