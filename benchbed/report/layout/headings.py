"""Names of methods as headings of columns: in lines that fit, cut where their parts end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

HEADING_DENSITY: Final = 11
"""Characters of a column's heading in 9 points that surely fit into an inch."""
LONGEST_WORD: Final = 24
"""Characters for which a column is widened; a longer word of its heading is cut."""


def heading_characters(headings: Sequence[str], inches: float) -> int:
    """Return the line length of columns' headings, in characters.

    Args:
        headings: of all columns.
        inches: the width of a column, which has to grow where the longest word needs more.
    """
    longest = 0
    for heading in headings:
        longest = max(longest, *map(len, _words(heading)))
    return max(int(HEADING_DENSITY * inches), min(longest, LONGEST_WORD))


def break_heading(heading: str, characters: int) -> str:
    """Return each line of a heading in lines that fit, cut after ``,``, ``:`` and ``+``."""
    lines: list[str] = []
    for given in heading.split("\n"):
        lines += _fill(given, characters)
    return "\n".join(lines)


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
