"""Taking in tables from elsewhere, and writing them in one format."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from benchbed.published.audit import contradiction
from benchbed.published.cells import TableError
from benchbed.published.library import Library
from benchbed.published.sheet import read_bytes, read_sheet
from benchbed.published.table import DELTA, TEXT, Table, read_table
from benchbed.records.store import write_atomically


def check_import(library: Library, path: Path) -> Table:
    """Read a table that is not installed, and check it against those that are.

    The library takes it in.

    Raises:
        TableError: it is wrong, or its Δm say that a sign or a direction is.
    """
    table = read_table(path)
    library.tables.pop(table.id, None)  # an installed table may be checked again
    library.add(table)
    library.check(table)
    wrong = contradiction(library, table)
    if wrong:
        raise TableError(
            f"{path}: every printed Δm contradicts its cells, and none would the other way round: "
            f"{wrong}."
        )
    return table


def write_table(table: Table, folder: Path) -> list[Path]:
    """Write a table as ``FOLDER/<paper>/<table>.csv`` with its ``paper.toml``.

    Columns come in one order, empty text columns are left out, and lines end with a line feed.
    Numbers and signs stay as printed.

    Raises:
        StoreError: the folder cannot be written.
    """
    target = folder / table.paper.id / table.path.name
    paper = target.with_name("paper.toml")
    content = _normalised(table)
    described = read_bytes(table.path.with_name(paper.name))
    write_atomically(target, content)
    write_atomically(paper, described)
    return [target, paper]


def _normalised(table: Table) -> bytes:
    known = [*TEXT[:-1], *table.paper.columns, DELTA, TEXT[-1]]
    lines = [line for _, line in read_sheet(table.path, (), known)]
    filled: set[str] = set()
    for line in lines:
        filled.update(name for name, cell in line.items() if cell)
    names = [name for name in known if name in filled]
    out = io.StringIO()
    writer = csv.DictWriter(out, names, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue().encode()
