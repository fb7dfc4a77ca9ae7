"""Printed tables, claims in running text and measured costs, held together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchbed.basics.errors import suggest
from benchbed.published.cells import Cell, TableError
from benchbed.published.claims import Claim
from benchbed.published.costs import Measured
from benchbed.published.table import Row, Table


@dataclass(slots=True)
class Library:
    """Printed tables by id, claims in running text, and measured costs by name."""

    tables: dict[str, Table] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)
    measured: dict[str, Measured] = field(default_factory=dict)

    def table(self, name: str) -> Table:
        """Return a table by id.

        Raises:
            TableError: there is none.
        """
        if name not in self.tables:
            raise TableError(f"There is no printed table '{name}'.{suggest(name, self.tables)}")
        return self.tables[name]

    def add(self, table: Table) -> None:
        """Take a table in.

        Raises:
            TableError: its id is taken.
        """
        if table.id in self.tables:
            raise TableError(f"{table.path}: the table {table.id} is registered twice.")
        self.tables[table.id] = table

    def add_measured(self, path: Path, measured: Mapping[str, Measured]) -> None:
        """Take a file's measured costs in.

        Raises:
            TableError: a name is taken.
        """
        taken = min(self.measured.keys() & measured.keys(), default=None)
        if taken is not None:
            raise TableError(f"{path}: the measured costs of '{taken}' are registered twice.")
        self.measured |= measured

    def check(self, table: Table) -> None:
        """Check what a table names of other tables.

        Raises:
            TableError: a row's baseline or a joined table is missing.
        """
        for name in table.entry.joins:
            self.table(name)
        for row in table.rows:
            if row.baseline:
                self.baseline(table, row)

    def baseline(self, table: Table, row: Row) -> tuple[Table, Row]:
        """Return the row that a row is compared with, and its table.

        Raises:
            TableError: there is none.
        """
        name, slash, key = row.baseline.rpartition("/")
        other = self.table(name) if slash else table
        found = other.row(key, row.backbone, row.dataset)
        if found is None:
            raise TableError(
                f"{table.path}: the row {row.name} has the missing baseline '{row.baseline}'; "
                f"{other.id} has no such row with the same backbone and data set."
            )
        return other, found

    def cells(self, table: Table, row: Row) -> dict[str, Cell]:
        """Return a row's cells, completed by those of the tables that its table is joined with.

        Raises:
            TableError: two tables have different cells for it.
        """
        cells = dict(row.cells)
        for name in table.entry.joins:
            same = self.table(name).row(*row.identity)
            if same is None:
                continue
            for column, cell in same.cells.items():
                if cells.setdefault(column, cell) != cell:
                    raise TableError(f"{name} and {table.id} differ in {column} of {row.name}.")
        return cells

    def row(self, reference: str) -> tuple[Table, Row]:
        """Return the row named by ``table/key``, or ``table/key@backbone`` where several are.

        Raises:
            TableError: there is none, or there are several.
        """
        name, _, rest = reference.partition("/")
        key, _, backbone = rest.partition("@")
        table = self.table(name)
        found = [row for row in table.rows if row.key == key and backbone in {"", row.backbone}]
        if len(found) != 1:
            raise TableError(f"'{reference}' names {len(found)} rows of {name}, not one.")
        return table, found[0]
