"""All printed tables that plugins register, with what goes with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchbed.errors import suggest
from benchbed.published.cells import Cell, TableError
from benchbed.published.claims import CLAIMS, Claim, judge, read_claims
from benchbed.published.costs import MEASURED, Measured, read_measured
from benchbed.published.table import Row, Table, read_table
from benchbed.registry import Broken, FileEntry, Registry


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
            other = self.table(name).row(*row.identity)
            for column, cell in (other.cells if other else {}).items():
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
        found = [r for r in table.rows if r.key == key and backbone in {"", r.backbone}]
        if len(found) != 1:
            raise TableError(f"'{reference}' names {len(found)} rows of {name}, not one.")
        return table, found[0]


def read_library(registry: Registry) -> Library:
    """Read every registered file; what is wrong joins ``registry.broken`` and is left out.

    That is a whole file, or a single claim that names what is not there.
    """
    library = Library()
    origins: dict[str, FileEntry] = {}
    claims: list[tuple[Claim, FileEntry]] = []
    for entry in (entry for entry in registry.files if entry.kind == "published"):
        try:
            content = _read(registry.documents, entry.path)
            if isinstance(content, Table):
                library.add(content)
                origins[content.id] = entry
            elif entry.path.name == CLAIMS:
                claims += [(claim, entry) for claim in content]
            else:
                library.add_measured(entry.path, content)
        except TableError as error:
            _note(registry, entry, error)
    for name, entry in origins.items():
        try:
            library.check(library.tables[name])
        except TableError as error:
            _note(registry, entry, error)
            del library.tables[name]
    for claim, entry in claims:
        try:
            judge(library, claim)
            library.claims.append(claim)
        except TableError as error:
            _note(registry, entry, error)
    return library


_READERS: Final[Mapping[str, Any]] = {CLAIMS: read_claims, MEASURED: read_measured}


def _read(documents: dict[Path, Any], path: Path) -> Any:
    if path not in documents:
        documents[path] = _READERS.get(path.name, read_table)(path)
    return documents[path]


def _note(registry: Registry, entry: FileEntry, error: TableError) -> None:
    broken = Broken("/".join(entry.path.parts[-2:]), entry.distribution, str(error))
    if broken not in registry.broken:
        registry.broken.append(broken)
