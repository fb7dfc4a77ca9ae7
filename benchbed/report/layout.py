"""What figures of samples share: the size of panels, headings of columns, legends of classes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from matplotlib.patches import Patch

from benchbed.contracts.dataset import Input, Target
from benchbed.contracts.drawing import legend_shape

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH: Final = 1.7
"""Of one panel, in inches."""
HEADING_DENSITY: Final = 11
"""Characters of a column's heading in 9 points that surely fit into an inch."""
LONGEST_WORD: Final = 24
"""Characters for which a column is widened; a longer word of its heading is cut."""


def panel_width(target: Target) -> float:
    """Return the width of a target's panel: narrow where there is only a word or a number."""
    return 0.6 * WIDTH if target.shape == () else WIDTH


def panel_height(described: Input) -> float:
    """Return the height of a row of panels, by the shape of the input where it is an image."""
    if len(described.shape) < 2:
        return 0.7 * WIDTH
    high, wide = described.shape[-2:]
    return WIDTH * min(max(high / wide, 0.4), 2.0)


def heading_characters(headings: Sequence[str], inches: float) -> int:
    """Return the line length of columns' headings, in characters.

    Args:
        headings: of all columns.
        inches: the width of a column, which has to grow where the longest word needs more.
    """
    longest = max(len(word) for heading in headings for word in _words(heading))
    return max(int(HEADING_DENSITY * inches), min(longest, LONGEST_WORD))


def break_heading(heading: str, characters: int) -> str:
    """Return each line of a heading in lines that fit, cut after ``,``, ``:`` and ``+``."""
    return "\n".join(line for given in heading.split("\n") for line in _fill(given, characters))


def leave_out_shared(methods: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return methods without the options that all of them have, and these options."""
    parsed = [_parse_method(method) for method in methods]
    options = [
        [(place, option) for place, (_, given) in enumerate(parts) for option in given]
        for parts in parsed
    ]
    shared = [option for option in options[0] if all(option in others for others in options)]
    left = [
        "+".join(
            _show_part(name, [option for option in given if (place, option) not in shared])
            for place, (name, given) in enumerate(parts)
        )
        for parts in parsed
    ]
    return left, [option for _, option in shared]


def _parse_method(method: str) -> list[tuple[str, list[str]]]:
    """Return name and options of the architecture and, where there is one, the weighting."""
    parts = [part.partition(":") for part in method.split("+")]
    return [(name, tail.split(",") if tail else []) for name, _, tail in parts]


def _show_part(name: str, options: Sequence[str]) -> str:
    return f"{name}:{','.join(options)}" if options else name


def _fill(text: str, characters: int) -> list[str]:
    lines = [""]
    for word in _words(text):
        for piece in _cut(word, characters):
            if len(lines[-1]) + len(piece) > characters:
                lines.append("")
            lines[-1] += piece
    return lines


def _words(text: str) -> list[str]:
    """Return what stays together, with the punctuation that ends it."""
    return re.split(r"(?<=[,:+])|\n", text)


def _cut(word: str, characters: int) -> list[str]:
    """Return a word in pieces of about one length, so that no punctuation is left alone."""
    pieces = max(1, -(-len(word) // characters))
    length = max(1, -(-len(word) // pieces))
    return [word[start : start + length] for start in range(0, len(word), length)]


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
