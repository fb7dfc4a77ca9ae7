"""A leaderboard on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from benchbed.basics.texts import LONGEST, wrap
from benchbed.report.formats.strips import Strip, escape, fitting, strip, total_width
from benchbed.report.formats.terminal_notes import all_notes, brief_notes
from benchbed.report.leaderboard import Leaderboard
from benchbed.report.table.build import table_of
from benchbed.report.table.model import Table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table as RichTable

NARROWEST: Final = 12
"""A table whose method column would have less room is shown as a list."""


def to_terminal(board: Leaderboard, width: int = 80, *, notes: bool = False) -> RenderableType:
    """Return the table for a rich console of a width in characters.

    What does not fit gives way in a fixed order (:mod:`benchbed.report.formats.strips`).

    Args:
        board: the leaderboard.
        width: of the terminal.
        notes: all that is to be known of the table stands below it, rather than at most five lines.
    """
    from rich.console import Group
    from rich.text import Text

    table = table_of(board)
    fitted = fitting(table, width)
    lines = all_notes(board, table, fitted) if notes else brief_notes(board, fitted, width)
    caption = Text("\n".join(map(escape, lines)), style="dim")
    if _least_width(fitted.shown) > width:
        # in a list there is room for all of it
        everything = fitting(table, LONGEST).shown
        return Group(Text(_listed(everything), overflow="fold"), "", caption)
    parts: list[RenderableType] = [_main_grid(fitted.shown, width), ""]
    for group, beside in table.apart() if fitted.is_whole else ():
        parts += [Text(escape(group.apart), style="dim"), _grid_apart(beside), ""]
    return Group(*parts, caption)


def full_width(board: Leaderboard) -> int:
    """Return the characters that a table takes where nothing has to give way."""
    return total_width(fitting(table_of(board), LONGEST).shown)


def _least_width(strips: Sequence[Strip]) -> int:
    """Return the width with the methods' names broken as far as can be read."""
    names = strips[0].width
    return total_width(strips) - names + min(names, NARROWEST)


# How it is laid out -----------------------------------------------------------------------------


def _listed(strips: Sequence[Strip]) -> str:
    """Return a line a number, for a terminal where a table would cut numbers off."""
    methods, *others = strips
    lines: list[str] = []
    for n, method in enumerate(methods.texts):
        lines.append(method)
        lines += [f"  {other.name}: {other.texts[n]}" for other in others]
    return "\n".join(lines)


def _main_grid(strips: Sequence[Strip], width: int) -> RichTable:
    from rich.text import Text

    methods, *others = strips
    room = width - (total_width(strips) - methods.width)
    fits = methods.width <= room
    grid = _empty_grid()
    grid.add_column(Text(methods.name), no_wrap=fits, overflow="fold")
    for other in others:
        heading = Text("\n".join(other.heading))
        grid.add_column(heading, justify="right", no_wrap=True, overflow="fold")
    for n, method in enumerate(methods.texts):
        numbers = [Text(other.texts[n], "bold" if other.bold[n] else "") for other in others]
        grid.add_row(Text(wrap(method, room)), *numbers)
    return grid


def _grid_apart(table: Table) -> RichTable:
    """Return one of the tables beside the main one."""
    from rich.text import Text

    methods, *others = [strip(table, column) for column in table.columns]
    grid = _empty_grid()
    grid.add_column(Text(methods.name), overflow="fold")
    for other in others:
        grid.add_column(Text(other.name), justify="right", overflow="fold")
    for n, method in enumerate(methods.texts):
        grid.add_row(Text(method), *(Text(other.texts[n]) for other in others))
    return grid


def _empty_grid() -> RichTable:
    from rich import box
    from rich.table import Table as RichTable

    return RichTable(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
