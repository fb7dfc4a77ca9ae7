"""All that plugins register of printed tables, read into one library."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from benchbed.discovery.registry import Broken, FileEntry, Registry
from benchbed.published.cells import TableError
from benchbed.published.claims import CLAIMS, Claim, read_claims
from benchbed.published.costs import MEASURED, read_measured
from benchbed.published.judgements import judge
from benchbed.published.library import Library
from benchbed.published.table import Table, read_table


def read_library(registry: Registry) -> Library:
    """Read every registered file; what is wrong joins ``registry.broken`` and is left out.

    That is a whole file, or a single claim that names what is not there.
    """
    library = Library()
    origins: dict[str, FileEntry] = {}
    claims: list[tuple[Claim, FileEntry]] = []
    for entry in registry.files:
        if entry.kind != "published":
            continue
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

    # tables may name rows of others, and claims rows and costs, so these are checked last
    for identifier, entry in origins.items():
        try:
            library.check(library.tables[identifier])
        except TableError as error:
            _note(registry, entry, error)
            del library.tables[identifier]
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
