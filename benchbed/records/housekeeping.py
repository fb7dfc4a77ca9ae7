"""What lies in a results folder, how large it is, and what goes where records are removed."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchbed.basics.errors import StoreError
from benchbed.records.record import Failure, Measurement, Record
from benchbed.records.row_id import RowId
from benchbed.records.store import Place, Store


@dataclass(frozen=True, slots=True)
class Held:
    """What there is of one method under one protocol.

    Attributes:
        protocol: ``name@version``.
        row: its name in tables.
        runs: how many records.
        failed: how many runs without one.
        size: bytes of records and weights.
    """

    protocol: str
    row: str
    runs: int
    failed: int
    size: int


def held(store: Store) -> list[Held]:
    """Return what there is, by protocol and method; files that do not count are passed over."""
    found: list[Held] = []
    for name, version in _protocols(store):
        files: dict[str, list[Path]] = {}
        runs: dict[str, int] = {}
        failed: dict[str, int] = {}
        for record in store.records(name, version)[0]:
            row = RowId.of(record).name
            files.setdefault(row, []).extend(_files(store, record))
            runs[row] = runs.get(row, 0) + 1
        for failure in store.others("failed", name, version, Failure):
            row = RowId.of(failure).name
            failed[row] = failed.get(row, 0) + 1
        for row in sorted({*runs, *failed}):
            size = sum(map(size_of, files.get(row, ())))
            protocol = f"{name}@{version}"
            found.append(Held(protocol, row, runs.get(row, 0), failed.get(row, 0), size))
    return found


def _protocols(store: Store) -> Iterator[tuple[str, int]]:
    """Yield the protocols that have a folder, by name and version."""
    names: dict[tuple[str, int], None] = {}
    for shelf in ("runs", "failed"):
        for path in sorted((store.root / shelf).glob("*/*")):
            if path.is_dir() and not path.is_symlink() and path.name.isdecimal():
                names[path.parent.name, int(path.name)] = None
    yield from names


def _files(store: Store, record: Record) -> list[Path]:
    """Return a record's own files: itself, its weights, what was printed."""
    path = store.path("runs", Place.of(record), record.key)
    together = [path, path.with_suffix(".safetensors"), path.with_suffix(".log")]
    return [file for file in together if file.is_file() and not file.is_symlink()]


def files_of(store: Store, protocol: str, version: int, rows: Collection[str]) -> list[Path]:
    """Return the files of some rows: records, weights, output, measurements, failures, notes.

    Args:
        store: the results folder.
        protocol: name of the protocol.
        version: its version.
        rows: by their names in tables; none stands for all.
    """
    found: list[Path] = []
    for record in store.records(protocol, version)[0]:
        row = RowId.of(record).name
        if not rows or row in rows:
            found += _files(store, record)
            for shelf in ("verifications", "imports"):
                note = store.root / shelf / protocol / str(version) / f"{record.key}.json"
                found += [note] if note.is_file() and not note.is_symlink() else []
    for path, measured in store.others_by_file("measurements", protocol, version, Measurement):
        if not rows or measured.method in rows:
            found.append(path)
    return found + failures_of(store, protocol, version, rows)


def failures_of(store: Store, protocol: str, version: int, rows: Collection[str]) -> list[Path]:
    """Return the files of failed runs, of some rows or of all."""
    found: list[Path] = []
    for path, failure in store.others_by_file("failed", protocol, version, Failure):
        if not rows or RowId.of(failure).name in rows:
            found.append(path)
    return found


def every_failure(store: Store) -> list[Path]:
    """Return the files of all failed runs."""
    found: list[Path] = []
    for name, version in _protocols(store):
        found += failures_of(store, name, version, ())
    return found


def remove(paths: Collection[Path]) -> None:
    """Remove files.

    Raises:
        StoreError: one cannot be removed.
    """
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"Cannot remove {path}: {error.strerror}.") from error


def size_of(path: Path) -> int:
    """Return a file's bytes; none of one that has gone meanwhile, as temporary ones do."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def sizes(store: Store) -> dict[str, int]:
    """Return the bytes below each folder of a results folder; weights and links apart."""
    found: dict[str, int] = {}
    for folder, _, names in os.walk(store.root):
        below = Path(folder).relative_to(store.root)
        shelf = below.parts[0] if below.parts else "."
        for name in names:
            path = Path(folder) / name
            if path.is_symlink():
                continue
            kind = f"{shelf} (weights)" if path.suffix == ".safetensors" else shelf
            found[kind] = found.get(kind, 0) + size_of(path)
    return dict(sorted(found.items(), key=lambda item: -item[1]))
