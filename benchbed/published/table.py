"""A printed table: its rows, checked against its paper's ``paper.toml``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
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

    @property
    def label(self) -> str:
        """The system as printed, with its backbone."""
        return f"{self.system}, {self.backbone}" if self.backbone else self.system


@dataclass(frozen=True, slots=True)
class Table:
    """A printed table."""

    id: str
    path: Path
    paper: Paper
    entry: TableEntry
    columns: Mapping[str, Column]
    rows: tuple[Row, ...]

    @property
    def work(self) -> str:
        """What the editions of one paper share; the paper's id where it has one edition."""
        return self.paper.work or self.paper.id

    def row(self, key: str, backbone: str, dataset: str) -> Row | None:
        """Return the row of an identity."""
        identity = key, backbone, dataset
        return next((row for row in self.rows if row.identity == identity), None)

    def statement(self, row: Row) -> Statement:
        """Return what is known of how a row was made."""
        of_row = Statement(dataset=row.dataset or None, backbone=row.backbone or None)
        return self.paper.protocol.updated(self.entry.protocol).updated(of_row)


def read_table(path: Path) -> Table:
    """Read a printed table, with the ``paper.toml`` that lies beside it.

    Raises:
        TableError: anything is wrong; the message names the place and the remedy.
    """
    described = path.parent / "paper.toml"
    paper = read_paper(described)
    entry = paper.tables.get(path.stem)
    if entry is None:
        raise TableError(
            f"{described} has no section [tables.{path.stem}] for {path.name}."
            f"{suggest(path.stem, paper.tables)}"
        )
    lines = read_sheet(path, ("key", "system"), [*TEXT, *paper.columns, DELTA])
    _, first = lines[0]
    columns = {name: paper.columns[name] for name in first if name in paper.columns}
    if not columns:
        raise TableError(
            f"{path} has no column of numbers; {paper.id} has {', '.join(paper.columns)}."
        )
    try:
        entering(columns, "primary")
    except TableError as error:
        raise TableError(f"{described}: {error}.") from error
    empty = Table(f"{paper.id}-{path.stem}", path, paper, entry, columns, rows=())
    table = replace(empty, rows=_rows(empty, lines))
    for row in table.rows:
        _check_baseline(table, row)
    return table


def _rows(table: Table, lines: Iterable[tuple[int, Mapping[str, str]]]) -> tuple[Row, ...]:
    rows: dict[tuple[str, str, str], Row] = {}
    for number, line in lines:
        try:
            row = _row(table, line)
            if row.identity in rows:
                raise TableError(f"the row {row.name} is there twice; give one another key.")
        except TableError as error:
            raise TableError(f"{table.path}, line {number}: {error}") from error
        rows[row.identity] = row
    return tuple(rows.values())


def _row(table: Table, line: Mapping[str, str]) -> Row:
    text = {name: line.get(name, "") for name in TEXT}
    if not _KEY.match(text["key"]):
        raise TableError(
            f"the key '{text['key'][:40]}' must be lower-case letters, digits and hyphens."
        )
    if not text["system"]:
        raise TableError("the system has no name; give the one that is printed.")
    text["dataset"] = text["dataset"] or table.entry.dataset
    cells: dict[str, Cell] = {}
    for name in table.columns:
        cell = _cell(name, line[name])
        if cell is not None:
            cells[name] = cell
    delta = _cell(DELTA, line.get(DELTA, ""))
    if isinstance(delta, Printed) and table.paper.delta_m.positive_is == "worse":
        delta = delta.negated()
    return Row(**text, cells=cells, delta_m=delta)


def _cell(name: str, text: str) -> Cell | None:
    try:
        return parse_cell(text)
    except TableError as error:
        raise TableError(f"column '{name}': {error}") from error


def _check_baseline(table: Table, row: Row) -> None:
    place = f"{table.path}: the row {row.name}"
    if not row.baseline:
        if _has_delta(row) and not _is_baseline(table, row):
            raise TableError(f"{place} prints a Δm but names no baseline; name its row's key.")
        return
    if "/" in row.baseline:  # in another table, checked once all are read
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


def _has_delta(row: Row) -> bool:
    """Whether a row prints a Δm other than 0, which baselines print of themselves."""
    return isinstance(row.delta_m, Printed) and row.delta_m.number != 0


def _is_baseline(table: Table, row: Row) -> bool:
    net = row.key, row.backbone
    return any((other.baseline, other.backbone) == net for other in table.rows)
