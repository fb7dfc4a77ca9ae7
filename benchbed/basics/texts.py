"""Foreign texts: which characters may reach a terminal or a page, and how others are shown."""

from __future__ import annotations

import re
from typing import Final

LONGEST: Final = 10_000
"""Characters of a text in a record."""
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # controls, with which escape sequences begin
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
    # invisible characters, line separators, changes of direction, tags
    "\ud800-\udfff]"  # no characters at all: bytes of file names that are no UTF-8
)
_MARKUP: Final = re.compile(r"[\\`*_\[\]|!~]")


def is_plain(text: str) -> bool:
    """Tell whether a text is free of control, invisible and direction-changing characters."""
    return _UNSAFE.search(text) is None


def escaped(text: str) -> str:
    """Return a text as it must stand in Markdown, also in a table's cell, to be read as it is."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKUP.sub(r"\\\g<0>", text)


def visible(text: str, longest: int = 300) -> str:
    r"""Return a text with such characters as escapes (``\x1b``), cut off where it is too long."""
    shown = text
    if len(text) > longest:
        shown = f"{text[:longest]}…"
    return _UNSAFE.sub(lambda found: ascii(found.group())[1:-1], shown)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, which takes an s but for one: ``1 seed``, ``2 seeds``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def wrap(text: str, width: int) -> str:
    """Return the text in lines of at most ``width`` characters, cut after a space or ``+,:/_-``.

    Names of methods have no spaces, which is where the standard library would cut::

        wrap("mtan+dwa:T=2", 8)  # two lines: mtan+ and dwa:T=2
    """
    lines = [""]
    for piece in re.split(r"(?<=[ +,:/_-])", text):
        rest = piece
        if len((lines[-1] + rest).rstrip()) > width and lines[-1]:
            lines.append("")
        # a piece that is too long by itself is cut anywhere
        while len(rest.rstrip()) > width:
            lines[-1], rest = rest[:width], rest[width:]
            lines.append("")
        lines[-1] += rest
    return "\n".join(line.rstrip() for line in lines)
