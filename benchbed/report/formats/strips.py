"""The columns of a table as text, made narrower step by step until they fit a terminal.

Gradients' cosines give way first, then steps, training cost, step time, the worst task, the tasks
improved; then Δm's interval becomes half its width, and deviations of scores go; then the rank.
Methods, scores, Δm, parameters and multiply-adds are always there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from operator import attrgetter
from typing import Any, Final

from benchbed.basics.texts import LONGEST, visible
from benchbed.report.table.column import ALWAYS, IN_NOTES, Column
from benchbed.report.table.model import Table
from benchbed.report.table.numbers import DASH
from benchbed.report.table.shown import Shown

GAP: Final = 2
"""Characters between two columns."""
BEFORE_SPREADS: Final = 60
"""Columns of a lower priority go before intervals and deviations become shorter."""


class Detail(IntEnum):
    """How much of a value's spread is shown."""

    FULL = 0
    HALF = 1
    """Of an interval half its width."""
    NONE = 2
    """Besides, no deviations."""


@dataclass(frozen=True, slots=True)
class Strip:
    """A column as text.

    Attributes:
        column: what it is of.
        heading: its lines.
        texts: one a row.
        bold: which of them are highlighted.
    """

    column: Column[Any]
    heading: tuple[str, ...]
    texts: tuple[str, ...]
    bold: tuple[bool, ...]

    @property
    def width(self) -> int:
        """Characters of its longest line."""
        return max(map(len, [*self.heading, *self.texts]))

    @property
    def name(self) -> str:
        """Its heading in one line."""
        return " ".join(self.heading)


@dataclass(frozen=True, slots=True)
class Fitted:
    """The columns that are shown.

    Attributes:
        shown: they.
        left_out: those for which there is no room.
        detail: of the spreads.
    """

    shown: tuple[Strip, ...]
    left_out: tuple[Strip, ...]
    detail: Detail

    @property
    def is_whole(self) -> bool:
        """Whether nothing had to give way."""
        return not self.left_out and self.detail is Detail.FULL


def fitting(table: Table, width: int) -> Fitted:
    """Return the columns of the main table as they fit into a width, as far as may be."""
    columns = [column for column in table.main if column.priority > IN_NOTES]
    for gone, detail in _steps(columns):
        found = _fitted(table, columns, gone, detail)
        if total_width(found.shown) <= width:
            break
    return found


def _steps(columns: Sequence[Column[Any]]) -> Iterator[tuple[list[Column[Any]], Detail]]:
    """Yield from wide to narrow which columns are gone, and how much of the spreads is left."""
    optional = sorted((c for c in columns if c.priority < ALWAYS), key=attrgetter("priority"))
    early = [column for column in optional if column.priority < BEFORE_SPREADS]
    late = optional[len(early) :]
    for number in range(len(early) + 1):
        yield early[:number], Detail.FULL
    yield early, Detail.HALF
    for number in range(len(late) + 1):
        yield [*early, *late[:number]], Detail.NONE


def _fitted(
    table: Table, columns: Sequence[Column[Any]], gone: Sequence[Column[Any]], detail: Detail
) -> Fitted:
    shown = [strip(table, column, detail) for column in columns if column not in gone]
    return Fitted(tuple(shown), tuple(strip(table, column) for column in gone), detail)


def total_width(strips: Sequence[Strip]) -> int:
    """Return the characters that columns take side by side."""
    return sum(each.width + GAP for each in strips) - GAP


def strip(table: Table, column: Column[Any], detail: Detail = Detail.FULL) -> Strip:
    """Return a column as text."""
    cells = table.cells(column)
    heading = column.lines
    if detail > Detail.FULL and column.brief_heading:
        heading = column.brief_heading
    return Strip(
        column=column,
        heading=tuple(map(escape, heading)),
        texts=tuple(_text(cell.shown, detail) for cell in cells),
        bold=tuple(column.highlight and cell.place == 1 for cell in cells),
    )


def _text(shown: Shown | None, detail: Detail) -> str:
    if shown is None:
        return DASH
    if detail is Detail.FULL:
        return escape(str(shown))
    return escape(shown.brief(spread=detail is Detail.HALF))


def escape(text: str) -> str:
    """Return a text that can neither move the cursor nor change colours, whatever it holds."""
    return visible(text, LONGEST)
