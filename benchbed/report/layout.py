"""What figures of samples share: the size of their panels and the legends of classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from matplotlib.patches import Patch

from benchbed.dataset import Input, Target
from benchbed.drawing import legend_shape

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
    return WIDTH * min(max(high / wide, 0.4), 2.0)


def class_patches(names: Sequence[str], colours: Sequence[Any]) -> list[Patch]:
    """Return what each colour means."""
    return [
        Patch(facecolor=colour, edgecolor="0.8", linewidth=0.5, label=name)
        for name, colour in zip(names, colours, strict=True)
    ]


def legend_height(handles: Sequence[Patch], inches: float) -> float:
    """Return the height of a legend that is as wide as stated."""
    return 0.15 * legend_shape(_labels(handles), inches)[0] + 0.1


def add_legend(
    axes: Axes,
    handles: Sequence[Patch],
    inches: float,
    place: Literal["upper left", "upper center"],
) -> None:
    """Fill axes of the stated width with a legend."""
    axes.axis("off")
    axes.legend(
        handles=handles,
        ncols=legend_shape(_labels(handles), inches)[1],
        loc=place,
        fontsize=6,
        frameon=False,
        handlelength=1.0,
    )


def name_beside(axes: Axes, name: str) -> None:
    """Write a legend's name on empty axes at its left, beside the legend's first line."""
    axes.axis("off")
    axes.annotate(
        name,
        (1, 1),
        (0, -5),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=6,
        ha="right",
        va="top",
        parse_math=False,
    )


def _labels(handles: Sequence[Patch]) -> list[str]:
    return [str(handle.get_label()) for handle in handles]
