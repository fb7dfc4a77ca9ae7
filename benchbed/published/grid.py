"""A table of text, for a terminal or as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rich import box
from rich.console import JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text
from tabulate import tabulate

from benchbed.basics.texts import escaped

LOST: Final = "lost"
UNPRINTED: Final = "n.a."
"""Words in place of a number."""
FOLDED: Final = 12
"""Characters below which a column of text is not folded."""
_APART: Final = 2
"""Characters between two columns on a terminal."""
_NUMERIC: Final = frozenset("+-–0123456789")
"""What a number, or a dash in place of one, begins with."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of text: headers (lines apart by newlines) and rows of cells."""

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]

    def fitting(self, width: int) -> Grid:
        """Return it, turned on its side where only that fits a width."""
        turned = self.transposed()
        return turned if turned.width <= width < self.width else self

    def transposed(self) -> Grid:
        """Return it with rows and columns exchanged."""
        corner, *others = self.headers
        names, *columns = zip(*self.rows, strict=True)
        headers = map(_one_line, others)
        rows = [[header, *cells] for header, cells in zip(headers, columns, strict=True)]
        return Grid([corner, *names], rows)

    @property
    def width(self) -> int:
        """Characters of its widest line on a terminal."""
        return sum(self._widths()) + _APART * (len(self.headers) - 1)

    @property
    def narrowest(self) -> int:
        """The same with text folded as far as it stays readable."""
        widths = self._widths()
        for column, width in enumerate(widths):
            if not self.is_numeric(column):
                widths[column] = min(width, FOLDED)
        return sum(widths) + _APART * (len(self.headers) - 1)

    def is_numeric(self, column: int) -> bool:
        """Whether a column other than the first holds nothing but numbers and gaps."""
        return column > 0 and all(_is_numeric(row[column]) for row in self.rows)

    def _widths(self) -> list[int]:
        """Return the characters of each column's longest line."""
        columns = zip(*self.rows, strict=True)
        widths: list[int] = []
        for header, cells in zip(self.headers, columns, strict=True):
            lines = [*header.split("\n"), *cells]
            widths.append(max(map(len, lines)))
        return widths


def to_terminal(grid: Grid, width: int) -> RenderableType:
    """Return a grid for a rich console of a width in characters.

    Text folds where room is short, numbers do not; where even that does not fit, each cell has a
    line of its own.
    """
    if grid.narrowest > width:
        return Text("\n".join(_lines(grid)), overflow="fold")
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for column, header in enumerate(grid.headers):
        numbers = grid.is_numeric(column)
        justify: JustifyMethod = "right" if numbers else "left"
        table.add_column(Text(header), justify=justify, overflow="fold", no_wrap=numbers)
    for row in grid.rows:
        table.add_row(*map(Text, row))
    return table


def to_markdown(grid: Grid, caption: Iterable[str]) -> str:
    """Return a grid as a Markdown table over its caption; what would be markup is escaped."""
    headers = [escaped(_one_line(header)) for header in grid.headers]
    rows = [list(map(escaped, row)) for row in grid.rows]
    table = tabulate(rows, headers, tablefmt="pipe", disable_numparse=True)
    notes = "\n".join(f"- {escaped(line)}" for line in caption)
    return f"{table}\n\n{notes}"


def _lines(grid: Grid) -> Iterator[str]:
    _, *headers = map(_one_line, grid.headers)
    for first, *cells in grid.rows:
        yield first
        for header, cell in zip(headers, cells, strict=True):
            if cell:
                yield f"  {header}: {cell}"


def _is_numeric(cell: str) -> bool:
    return not cell or cell[0] in _NUMERIC or cell in {LOST, UNPRINTED}


def _one_line(header: str) -> str:
    return " ".join(header.split())
