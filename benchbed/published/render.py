"""Printed tables, audits and comparisons as grids of text, and how to read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from benchbed.contracts.delta import DEFINITIONS
from benchbed.published.audit import Check
from benchbed.published.cells import Cell, Gap, Printed
from benchbed.published.compare import Comparison, Entry
from benchbed.published.grid import LOST, UNPRINTED, Grid
from benchbed.published.paper import Column
from benchbed.published.table import Row, Table

DASH: Final = "–"
ARROWS: Final[Mapping[str, str]] = {"higher": "↑", "lower": "↓", "": ""}
_GAPS: Final = {Gap.LOST: LOST, Gap.UNPRINTED: UNPRINTED}


def table_grid(table: Table) -> Grid:
    """Return a printed table with Δm turned so that positive is better."""
    rows = table.rows
    headers = ["system"]
    columns = [[row.system for row in rows]]
    for name in ("backbone", "dataset"):
        values = [getattr(row, name) for row in rows]
        if len(set(values)) > 1:  # else the caption says it once
            headers.append(name)
            columns.append(values)
    for name, column in table.columns.items():
        headers.append(_header(name, column))
        columns.append([_cell(row.cells.get(name)) for row in rows])
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
        lines.append(_reading_of_delta(table))
    if any(column.better for column in table.columns.values()):
        lines.append("↑ higher is better, ↓ lower is better.")
    if any(_has_lost(row) for row in table.rows):
        lines.append("lost: printed, but missing in the copy that was read.")
    notes = [f"{row.label}: {row.note}." for row in table.rows if row.note]
    lines += dict.fromkeys(notes)
    lines.append("All numbers are claimed: typed in from the paper, not reproduced here.")
    return lines


def audit_grid(checks: Iterable[Check]) -> Grid:
    """Return one line a recomputed Δm of one table; positive is better."""
    headers = ["row", "printed", "cells\ngive", "rounding\nallows", "verdict"]
    return Grid(headers, [_audit_row(check) for check in checks])


def comparison_grid(comparison: Comparison) -> Grid:
    """Return one line a row, with a rank where there is one."""
    headers = ["place", "row", "from", "tier", f"Δm %\n{comparison.definition}\n↑", "note"]
    return Grid(headers, [_comparison_row(entry) for entry in comparison.entries])


def comparison_notes(comparison: Comparison) -> list[str]:
    """Return how to read Δm, and why rows are not comparable, those of one reason together."""
    groups: dict[tuple[str, str], list[str]] = {}
    for entry in comparison.entries:
        if not entry.comparable:
            reason = _differences(entry), ", ".join(entry.left_open)
            groups.setdefault(reason, []).append(entry.name)
    lines = [
        f"Δm: {DEFINITIONS[comparison.definition]}; positive is better.",
        "Places follow the means alone: printed rows have no seeds to tell ties by.",
    ]
    if groups and not comparison.banner:
        lines.append("Rows marked * are not comparable with ours, and not ranked (see --anyway):")
    for (differs, left_open), names in groups.items():
        lines.append("* " + "; ".join(names))
        if differs:
            lines.append(f"  differs in: {differs}")
        if left_open:
            lines.append(f"  left open by the paper: {left_open}")
    return lines


def _reading_of_delta(table: Table) -> str:
    delta = table.paper.delta_m
    line = f"Δm: {DEFINITIONS[delta.definition]}; positive is better"
    if delta.positive_is == "worse":
        return f"{line} (the paper prints the opposite sign, a drop)."
    return f"{line}."


def _has_lost(row: Row) -> bool:
    return Gap.LOST in [*row.cells.values(), row.delta_m]


def _audit_row(check: Check) -> list[str]:
    gives, allows = DASH, ""
    found = check.found
    if found:
        gives = f"{float(found.value):.2f}"
        allows = f"{float(found.low):.2f} to {float(found.high):.2f}"
    printed = str(check.printed) if check.printed else DASH
    return [check.row.name, printed, gives, allows, check.verdict or DASH]


def _comparison_row(entry: Entry) -> list[str]:
    return [
        str(entry.rank or DASH),
        entry.name if entry.comparable else f"{entry.name} *",
        entry.source,
        entry.tier or DASH,
        DASH if entry.delta_m is None else f"{entry.delta_m:+.2f}",
        entry.note,
    ]


def _differences(entry: Entry) -> str:
    return "; ".join(
        f"{name} {_shown(theirs)} (ours {_shown(ours)})"
        for name, (theirs, ours) in entry.differs.items()
    )


def _header(name: str, column: Column) -> str:
    """Return a column's name, one word a line, over its unit and direction."""
    task, _, metric = name.partition("/")
    lines: list[str] = []
    for part in (task, metric):
        if part:
            lines += part.split("_")
    if column.relative_to:
        lines.append(f"/ {column.relative_to}")
    last = " ".join(filter(None, (column.unit, ARROWS[column.better])))
    if last:
        lines.append(last)
    return "\n".join(lines)


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return ""
    return str(cell) if isinstance(cell, Printed) else _GAPS[cell]


def _shown(value: object) -> str:
    if value is None:
        return "not stated"
    return f"{value:g}" if isinstance(value, float) else str(value)
