"""A leaderboard on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from benchbed.basics.texts import LONGEST, visible, wrap
from benchbed.report.leaderboard import Leaderboard
from benchbed.report.table.build import table_of
from benchbed.report.table.column import ALWAYS, IN_NOTES, Column
from benchbed.report.table.model import Table
from benchbed.report.table.numbers import DASH
from benchbed.report.table.shown import Shown

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table as RichTable

GAP: Final = 2
"""Characters between two columns."""
NARROWEST: Final = 12
"""A table whose method column would have less room is shown as a list."""


@dataclass(frozen=True, slots=True)
class Strip:
    """A column as text.

    Attributes:
        heading: its lines.
        texts: one a row.
        bold: which of them are highlighted.
        priority: those of the lowest are left out first.
    """

    heading: tuple[str, ...]
    texts: tuple[str, ...]
    bold: tuple[bool, ...]
    priority: int

    @property
    def width(self) -> int:
        """Characters of its longest line."""
        return max(map(len, [*self.heading, *self.texts]))

    @property
    def name(self) -> str:
        """Its heading in one line."""
        return " ".join(self.heading)


def to_terminal(board: Leaderboard, width: int = 80) -> RenderableType:
    """Return the table for a rich console of a width in characters.

    A column that says the same everywhere, or that does not fit, is left out; the text below says
    what it held, or how to see it.
    """
    from rich.console import Group
    from rich.text import Text

    table = table_of(board)
    strips = [_strip(table, column) for column in table.main if column.priority > IN_NOTES]
    shown, left_out = _fitting(strips, width)
    lines = [escape(line) for line in table.caption]
    if left_out:
        names = ", ".join(strip.name for strip in left_out)
        lines.append(f"Not shown for lack of room: {names}; see --format md.")
    caption = Text("\n".join(lines), style="dim")
    if _least_width(shown) > width:
        return Group(Text(_listed(shown), overflow="fold"), "", caption)
    parts: list[RenderableType] = [_main_grid(shown, width), ""]
    for group, beside in table.apart():
        parts += [Text(escape(group.apart), style="dim"), _grid_apart(beside), ""]
    return Group(*parts, caption)


def escape(text: str) -> str:
    """Return a text that can neither move the cursor nor change colours, whatever it holds."""
    return visible(text, LONGEST)


def _strip(table: Table, column: Column[Any]) -> Strip:
    cells = table.cells(column)
    return Strip(
        heading=tuple(map(escape, column.lines)),
        texts=tuple(_text(cell.shown) for cell in cells),
        bold=tuple(column.highlight and cell.place == 1 for cell in cells),
        priority=column.priority,
    )


def _text(shown: Shown | None) -> str:
    return DASH if shown is None else escape(str(shown))


# What fits --------------------------------------------------------------------------------------


def _fitting(strips: Sequence[Strip], width: int) -> tuple[list[Strip], list[Strip]]:
    """Return the columns that fit into a width, and those left out for it, as far as may be."""
    shown = list(strips)
    left_out: list[Strip] = []
    optional = [strip for strip in strips if strip.priority < ALWAYS]
    for strip in sorted(optional, key=attrgetter("priority")):
        if _total_width(shown) <= width:
            break
        shown.remove(strip)
        left_out.append(strip)
    return shown, left_out


def _total_width(strips: Sequence[Strip]) -> int:
    return sum(strip.width + GAP for strip in strips) - GAP


def _least_width(strips: Sequence[Strip]) -> int:
    """Return the width with the methods' names broken as far as can be read."""
    names = strips[0].width
    return _total_width(strips) - names + min(names, NARROWEST)


# How it is laid out -----------------------------------------------------------------------------


def _listed(strips: Sequence[Strip]) -> str:
    """Return a line a number, for a terminal where a table would cut numbers off."""
    methods, *others = strips
    lines: list[str] = []
    for n, method in enumerate(methods.texts):
        lines.append(method)
        lines += [f"  {strip.name}: {strip.texts[n]}" for strip in others]
    return "\n".join(lines)


def _main_grid(strips: Sequence[Strip], width: int) -> RichTable:
    from rich.text import Text

    methods, *others = strips
    room = width - (_total_width(strips) - methods.width)
    fits = methods.width <= room
    grid = _empty_grid()
    grid.add_column(Text(methods.name), no_wrap=fits, overflow="fold")
    for strip in others:
        heading = Text("\n".join(strip.heading))
        grid.add_column(heading, justify="right", no_wrap=True, overflow="fold")
    for n, method in enumerate(methods.texts):
        numbers = [Text(strip.texts[n], "bold" if strip.bold[n] else "") for strip in others]
        grid.add_row(Text(wrap(method, room)), *numbers)
    return grid


def _grid_apart(table: Table) -> RichTable:
    """Return one of the tables beside the main one."""
    from rich.text import Text

    methods, *others = [_strip(table, column) for column in table.columns]
    grid = _empty_grid()
    grid.add_column(Text(methods.name), overflow="fold")
    for strip in others:
        grid.add_column(Text(strip.name), justify="right", overflow="fold")
    for n, method in enumerate(methods.texts):
        grid.add_row(Text(method), *(Text(strip.texts[n]) for strip in others))
    return grid


def _empty_grid() -> RichTable:
    from rich import box
    from rich.table import Table as RichTable

    return RichTable(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
