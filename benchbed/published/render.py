"""Printed tables, audits and comparisons as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchbed.basics.texts import escaped
from benchbed.contracts.delta import DEFINITIONS
from benchbed.published.audit import Check
from benchbed.published.cells import Cell, Gap, Printed
from benchbed.published.compare import Comparison, Entry
from benchbed.published.paper import Column
from benchbed.published.table import Row, Table

if TYPE_CHECKING:
    from rich.console import JustifyMethod, RenderableType

DASH: Final = "–"
ARROWS: Final[Mapping[str, str]] = {"higher": "↑", "lower": "↓", "": ""}
FOLDED: Final = 12
"""Characters below which a column of text is not folded."""
_GAPS: Final = {Gap.LOST: "lost", Gap.UNPRINTED: "n.a."}
_WORDS: Final = frozenset(_GAPS.values())


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
        first, *rest = self.headers
        headers = [first, *(row[0] for row in self.rows)]
        rows = [
            [" ".join(header.split()), *(row[i] for row in self.rows)]
            for i, header in enumerate(rest, 1)
        ]
        return Grid(headers, rows)

    @property
    def width(self) -> int:
        """Characters of its widest line on a terminal."""
        return sum(self._widths()) + 2 * (len(self.headers) - 1)

    @property
    def narrowest(self) -> int:
        """The same with text folded as far as it stays readable."""
        widths = [
            width if self.is_numeric(i) else min(width, FOLDED)
            for i, width in enumerate(self._widths())
        ]
        return sum(widths) + 2 * (len(self.headers) - 1)

    def is_numeric(self, column: int) -> bool:
        """Whether a column other than the first holds nothing but numbers and gaps."""
        cells = [row[column] for row in self.rows]
        return column > 0 and all(
            not cell or cell[0] in "+-–0123456789" or cell in _WORDS for cell in cells
        )

    def _widths(self) -> list[int]:
        columns = zip(*self.rows, strict=True)
        return [
            max(len(line) for line in [*header.split("\n"), *column])
            for header, column in zip(self.headers, columns, strict=True)
        ]


def table_grid(table: Table) -> Grid:
    """Return a printed table with Δm turned so that positive is better."""
    rows = table.rows
    text: dict[str, list[str]] = {"system": [row.system for row in rows]}
    for name in ("backbone", "dataset"):
        values = [getattr(row, name) for row in rows]
        if len(set(values)) > 1:
            text[name] = values
    headers = [*text, *(_header(name, column) for name, column in table.columns.items())]
    columns = [
        *text.values(),
        *([_cell(r.cells.get(name)) for r in rows] for name in table.columns),
    ]
    if any(row.delta_m is not None for row in rows):
        headers.append(f"Δm %\n{table.paper.delta_m.definition}\n↑")
        columns.append([_cell(row.delta_m) for row in rows])
    return Grid(headers, list(zip(*columns, strict=True)))


def table_caption(table: Table) -> list[str]:
    """Return the lines that say how to read a printed table."""
    paper, entry = table.paper, table.entry
    lines = [f"{paper.source}, {entry.number}: {entry.caption}.", f"Compared: {entry.compares}."]
    for name, label in (("backbone", "Backbone"), ("dataset", "Data set")):
        values = {getattr(row, name) for row in table.rows}
        if len(values) == 1 and values != {""}:
            lines.append(f"{label}: {values.pop()}.")
    if any(isinstance(row.delta_m, Printed) for row in table.rows):
        turned = paper.delta_m.positive_is == "worse"
        lines.append(
            f"Δm: {DEFINITIONS[paper.delta_m.definition]}; positive is better"
            + (" (the paper prints the opposite sign, a drop)." if turned else ".")
        )
    if any(column.better for column in table.columns.values()):
        lines.append("↑ higher is better, ↓ lower is better.")
    cells = [cell for row in table.rows for cell in [*row.cells.values(), row.delta_m]]
    if Gap.LOST in cells:
        lines.append("lost: printed, but missing in the copy that was read.")
    lines += dict.fromkeys(f"{_label(row)}: {row.note}." for row in table.rows if row.note)
    lines.append("All numbers are claimed: typed in from the paper, not reproduced here.")
    return lines


def audit_grid(checks: Iterable[Check]) -> Grid:
    """Return one line a recomputed Δm of one table; positive is better."""
    rows = [
        [
            check.row.name,
            str(check.printed) if check.printed else DASH,
            f"{float(check.found.value):.2f}" if check.found else DASH,
            f"{float(check.found.low):.2f} to {float(check.found.high):.2f}" if check.found else "",
            check.verdict or DASH,
        ]
        for check in checks
    ]
    return Grid(["row", "printed", "cells\ngive", "rounding\nallows", "verdict"], rows)


def comparison_grid(comparison: Comparison) -> Grid:
    """Return one line a row, with a rank where there is one."""
    rows = [
        [
            str(entry.rank) if entry.rank else DASH,
            entry.name + ("" if entry.comparable else " *"),
            entry.source,
            entry.tier or DASH,
            DASH if entry.delta_m is None else f"{entry.delta_m:+.2f}",
            entry.note,
        ]
        for entry in comparison.entries
    ]
    return Grid(["place", "row", "from", "tier", f"Δm %\n{comparison.definition}\n↑", "note"], rows)


def comparison_notes(comparison: Comparison) -> list[str]:
    """Return how to read Δm, and why rows are not comparable, those of one reason together."""
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in comparison.entries:
        if not entry.comparable:
            differs = "; ".join(
                f"{name} {_shown(theirs)} (ours {_shown(own)})"
                for name, (theirs, own) in entry.differs.items()
            )
            groups.setdefault((differs, ", ".join(entry.left_open)), []).append(entry)
    lines = [
        f"Δm: {DEFINITIONS[comparison.definition]}; positive is better.",
        "Places follow the means alone: printed rows have no seeds to tell ties by.",
    ]
    if groups and not comparison.banner:
        lines.append("Rows marked * are not comparable with ours, and not ranked (see --anyway):")
    for (differs, left_open), entries in groups.items():
        lines.append("* " + "; ".join(entry.name for entry in entries))
        lines += [f"  differs in: {differs}"] if differs else []
        lines += [f"  left open by the paper: {left_open}"] if left_open else []
    return lines


def to_terminal(grid: Grid, width: int) -> RenderableType:
    """Return a grid for a rich console of a width in characters.

    Text folds where room is short, numbers do not; where even that does not fit, each cell has a
    line of its own.
    """
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    if grid.narrowest > width:
        return Text("\n".join(_lines(grid)), overflow="fold")
    table = RichTable(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for i, header in enumerate(grid.headers):
        numbers = grid.is_numeric(i)
        justify: JustifyMethod = "right" if numbers else "left"
        table.add_column(Text(header), justify=justify, overflow="fold", no_wrap=numbers)
    for row in grid.rows:
        table.add_row(*map(Text, row))
    return table


def _lines(grid: Grid) -> Iterator[str]:
    for first, *rest in grid.rows:
        yield first
        for header, cell in zip(grid.headers[1:], rest, strict=True):
            if cell:
                yield f"  {' '.join(header.split())}: {cell}"


def to_markdown(grid: Grid, caption: Iterable[str]) -> str:
    """Return a grid as a Markdown table over its caption; what would be markup is escaped."""
    from tabulate import tabulate

    table = tabulate(
        [[escaped(cell) for cell in row] for row in grid.rows],
        [escaped(" ".join(header.split())) for header in grid.headers],
        tablefmt="pipe",
        disable_numparse=True,
    )
    notes = "\n".join(f"- {escaped(line)}" for line in caption)
    return f"{table}\n\n{notes}"


def _header(name: str, column: Column) -> str:
    task, _, metric = name.partition("/")
    words = "\n".join(part.replace("_", "\n") for part in (task, metric) if part)
    if column.relative_to:
        words += f"\n/ {column.relative_to}"
    last = " ".join(part for part in (column.unit, ARROWS[column.better]) if part)
    return f"{words}\n{last}" if last else words


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return ""
    return str(cell) if isinstance(cell, Printed) else _GAPS[cell]


def _label(row: Row) -> str:
    return f"{row.system}, {row.backbone}" if row.backbone else row.system


def _shown(value: object) -> str:
    if value is None:
        return "not stated"
    return f"{value:g}" if isinstance(value, float) else str(value)
