"""How large the panel of one value is."""

from __future__ import annotations

from typing import Final

from benchbed.contracts.dataset import Input, Target

WIDTH: Final = 1.7
"""Of one panel, in inches."""


def panel_width(target: Target) -> float:
    """Return the width of a target's panel: narrow where there is only a word or a number."""
    return 0.6 * WIDTH if target.shape == () else WIDTH


def panel_height(described: Input) -> float:
    """Return the height of a row of panels, by the shape of the input where it is an image."""
    if len(described.shape) < 2:
        return 0.7 * WIDTH
    high, wide = described.shape[-2:]
    # very wide or tall images leave a margin, so that one sample does not fill the page
    return WIDTH * min(max(high / wide, 0.4), 2.0)
