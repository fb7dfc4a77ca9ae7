"""Choosing records: by file or run key, trusted, with the protocol that they were made under."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchbed.basics.errors import ProtocolError, RecordError, StoreError
from benchbed.contracts.protocol import Protocol
from benchbed.discovery.catalogue import find_protocol, protocols
from benchbed.discovery.registry import Registry
from benchbed.records.record import Record, decode_record
from benchbed.records.store import Store
from benchbed.records.tries import read_tries

_KEY: Final = re.compile("[0-9a-f]{32}")


def find_records(texts: Sequence[str], results: Path) -> list[Path]:
    """Return the files of records, each named as :func:`find_record` takes it or by its folder.

    Raises:
        StoreError: there is none, or more than one of one run key's beginning.
    """
    found: list[Path] = []
    for text in texts:
        if Path(text).is_dir():
            found += _below(Path(text))
        else:
            found.append(find_record(text, results))
    return found


def _below(folder: Path) -> list[Path]:
    """Return the files below a folder that are named as records are, by method.

    Raises:
        StoreError: there is none.
    """
    paths = [path for path in folder.rglob("*.json") if _KEY.fullmatch(path.stem)]
    if not paths:
        raise StoreError(f"There are no records below {folder}.")
    return sorted(paths)


def find_record(text: str, results: Path) -> Path:
    """Return the file of a record, named by its path or by its run key's first characters.

    Raises:
        StoreError: there is none, or more than one.
    """
    path = Path(text)
    if path.is_file():
        return path
    if path.suffix == ".json":
        raise StoreError(f"There is no record {path}.")
    if not re.fullmatch("[0-9a-f]{6,32}", text):
        raise StoreError(
            f"'{text}' names no record; give the path of its JSON file, or at least the first 6 "
            "characters of its run key."
        )
    found = Store(results).find_key(text)
    if not found:
        raise StoreError(
            f"No record in {results} has a run key that begins with {text}; --results names "
            "another folder."
        )
    if len(found) > 1:
        listed = _list_files(found, results / "runs")
        raise StoreError(f"Several run keys begin with {text}; give more of one: {listed}.")
    return found[0]


def _list_files(paths: Sequence[Path], folder: Path, most: int = 5) -> str:
    """Return the first files below a folder, and how many more there are."""
    listed = ", ".join(str(path.relative_to(folder)) for path in paths[:most])
    if len(paths) > most:
        listed += f" and {len(paths) - most} more"
    return listed


def read_record(path: Path) -> Record:
    """Read a record that is to be trusted.

    Raises:
        RecordError: damaged, altered or of another schema.
        StoreError: it cannot be read.
    """
    try:
        return decode_record(path.read_bytes(), path.stem)
    except RecordError as error:
        raise RecordError(f"Record {path} cannot be trusted: {error}.") from error
    except OSError as error:
        raise StoreError(f"Cannot read {path}: {error.strerror}.") from error


def protocol_of(record: Record, registry: Registry, file: str | None, results: Path) -> Protocol:
    """Return the protocol that a record was made under, found by its id and proved by its digest.

    Args:
        record: the record.
        registry: the installed plugins.
        file: where the protocol stands if no plugin brings it.
        results: the folder that keeps the protocols of quick tries.

    Raises:
        ProtocolError: it is not there, or only another one under its name.
    """
    if file:
        found: Protocol | None = find_protocol(file, registry)
    else:
        known = {**read_tries(results), **protocols(registry)}
        found = known.get(record.protocol)
    if found is None:
        raise ProtocolError(
            f"No installed plugin brings protocol {record.protocol} of this record; give its file "
            "with --protocol FILE."
        )
    if found.digest != record.protocol_digest:
        raise ProtocolError(
            f"{file or f'Protocol {found.id} as installed'} has digest {found.digest[:12]}, but "
            f"the record was made under {record.protocol} of digest {record.protocol_digest[:12]}; "
            "give the file of that one with --protocol FILE."
        )
    return found
