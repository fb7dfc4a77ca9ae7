"""A printed table: its rows, checked against its paper's ``paper.toml``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchbed.basics.errors import suggest
from benchbed.published.cells import Cell, Printed, TableError, parse_cell
from benchbed.published.interval import entering
from benchbed.published.paper import Column, Paper, Statement, TableEntry, read_paper
from benchbed.published.sheet import read_sheet

TEXT: Final = ("key", "system", "method", "backbone", "dataset", "baseline", "note")
DELTA: Final = "delta_m"
_KEY: Final = re.compile(r"[a-z0-9][a-z0-9_-]*\Z")


@dataclass(frozen=True, slots=True)
class Row:
    """One printed row.

    Attributes:
        key: what the row is; equal keys, backbones and data sets of one work name the same net.
        system: its name as printed.
        method: benchbed's method, where there is one.
        baseline: key of the row that it is compared with, ``table/key`` where that row stands in
            another table, nothing for a baseline.
        cells: by column; columns that the row does not have are left out.
        delta_m: the printed Δm, turned so that positive is better.
    """

    key: str
    system: str
    method: str
    backbone: str
    dataset: str
    baseline: str
    note: str
    cells: Mapping[str, Cell]
    delta_m: Cell | None

    @property
    def identity(self) -> tuple[str, str, str]:
        """What tells a table's rows apart: key, backbone, data set."""
        return self.key, self.backbone, self.dataset

    @property
    def name(self) -> str:
        """The key, with the backbone in brackets."""
        return f"{self.key} ({self.backbone})" if self.backbone else self.key

    def printed(self, names: Iterable[str]) -> dict[str, Printed]:
        """Return the cells of some columns that hold numbers."""
        found = ((name, self.cells.get(name)) for name in names)
        return {name: cell for name, cell in found if isinstance(cell, Printed)}


@dataclass(frozen=True, slots=True)
class Table:
    """A printed table."""

    id: str
    path: Path
    paper: Paper
    entry: TableEntry
    columns: Mapping[str, Column]
    rows: tuple[Row, ...]

    def row(self, key: str, backbone: str, dataset: str) -> Row | None:
        """Return the row of an identity."""
        return next((row for row in self.rows if row.identity == (key, backbone, dataset)), None)

    def statement(self, row: Row) -> Statement:
        """Return what is known of how a row was made."""
        return self.paper.protocol.updated(self.entry.protocol).updated(
            Statement(dataset=row.dataset or None, backbone=row.backbone or None)
        )


def read_table(path: Path) -> Table:
    """Read a printed table, with the ``paper.toml`` that lies beside it.

    Raises:
        TableError: anything is wrong; the message names the place and the remedy.
    """
    paper = read_paper(path.parent / "paper.toml")
    entry = paper.tables.get(path.stem)
    if entry is None:
        raise TableError(
            f"{path.parent / 'paper.toml'} has no section [tables.{path.stem}] for {path.name}."
            f"{suggest(path.stem, paper.tables)}"
        )
    known = [*TEXT, *paper.columns, DELTA]
    lines = read_sheet(path, ("key", "system"), known)
    columns = {name: paper.columns[name] for name in lines[0][1] if name in paper.columns}
    if not columns:
        raise TableError(
            f"{path} has no column of numbers; {paper.id} has {', '.join(paper.columns)}."
        )
    try:
        entering(columns, "primary")
    except TableError as error:
        raise TableError(f"{path.parent / 'paper.toml'}: {error}.") from error
    rows: dict[tuple[str, str, str], Row] = {}
    for number, line in lines:
        try:
            row = _row(line, columns, paper, entry)
            if row.identity in rows:
                raise TableError(f"the row {row.name} is there twice; give one another key.")
        except TableError as error:
            raise TableError(f"{path}, line {number}: {error}") from error
        rows[row.identity] = row
    table = Table(f"{paper.id}-{path.stem}", path, paper, entry, columns, tuple(rows.values()))
    for row in table.rows:
        _check_baseline(table, row)
    return table


def _row(
    line: Mapping[str, str], columns: Mapping[str, Column], paper: Paper, entry: TableEntry
) -> Row:
    text = {name: line.get(name, "") for name in TEXT}
    if not _KEY.match(text["key"]):
        raise TableError(
            f"the key '{text['key'][:40]}' must be lower-case letters, digits and hyphens."
        )
    if not text["system"]:
        raise TableError("the system has no name; give the one that is printed.")
    cells: dict[str, Cell] = {}
    for name in columns:
        cell = _cell(name, line[name])
        if cell is not None:
            cells[name] = cell
    delta = _cell(DELTA, line.get(DELTA, ""))
    if isinstance(delta, Printed) and paper.delta_m.positive_is == "worse":
        delta = delta.negated()
    return Row(**{**text, "dataset": text["dataset"] or entry.dataset}, cells=cells, delta_m=delta)


def _cell(name: str, text: str) -> Cell | None:
    try:
        return parse_cell(text)
    except TableError as error:
        raise TableError(f"column '{name}': {error}") from error


def _check_baseline(table: Table, row: Row) -> None:
    place = f"{table.path}: the row {row.name}"
    if not row.baseline:
        named = any(
            other.baseline == row.key and other.backbone == row.backbone for other in table.rows
        )
        if isinstance(row.delta_m, Printed) and row.delta_m.number and not named:
            raise TableError(f"{place} prints a Δm but names no baseline; name its row's key.")
        return
    if "/" in row.baseline:
        return
    base = table.row(row.baseline, row.backbone, row.dataset)
    if base is None:
        keys = {other.key for other in table.rows if other.backbone == row.backbone}
        raise TableError(
            f"{place} has the missing baseline '{row.baseline}'; add its row with the same "
            f"backbone and data set, or name it as table/key.{suggest(row.baseline, keys)}"
        )
    if base is row or base.baseline:
        raise TableError(
            f"{place} is compared with {base.name}, which is no baseline itself; leave the "
            "baseline's own cell empty."
        )
