"""A leaderboard as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from benchbed.basics.texts import LONGEST, visible
from benchbed.report.leaderboard import Leaderboard
from benchbed.report.table.build import table_of
from benchbed.report.table.column import Cell, Column
from benchbed.report.table.model import Table
from benchbed.report.table.numbers import DASH


def to_markdown(board: Leaderboard) -> str:
    """Return the table and its caption as Markdown; the best mean of each column is bold."""
    table = table_of(board)
    parts = [f"# {escape(table.source.title)}", _columns_grid(table, table.main)]
    for group, beside in table.apart():
        parts += [escape(group.apart), _columns_grid(beside, beside.columns)]
    parts.append(bullets(table.caption))
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Return a text that neither ends a cell or a line nor begins a tag, whatever it holds."""
    one_line = visible(text.replace("\n", " "), LONGEST)
    return one_line.replace("|", "\\|").replace("<", "&lt;")


def grid(headings: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of texts that are escaped."""
    from tabulate import tabulate

    text: str = tabulate(rows, headings, tablefmt="pipe", disable_numparse=True)
    return text


def bullets(lines: Iterable[str]) -> str:
    """Return lines of plain text as a list."""
    return "\n".join(f"- {escape(line)}" for line in lines)


def _columns_grid(table: Table, columns: Sequence[Column[Any]]) -> str:
    headings = [escape(" ".join(column.lines)) for column in columns]
    texts = [_texts(table, column) for column in columns]
    return grid(headings, list(zip(*texts, strict=True)))


def _texts(table: Table, column: Column[Any]) -> list[str]:
    return [_text(cell, highlight=column.highlight) for cell in table.cells(column)]


def _text(cell: Cell[Any], *, highlight: bool) -> str:
    shown = cell.shown
    if shown is None:
        return DASH
    text = escape(str(shown))
    return f"**{text}**" if highlight and cell.place == 1 else text
