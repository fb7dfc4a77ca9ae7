"""Which records of a results folder were imported: others made them, and ours come first.

Beside each imported record lies a note of its key and content, in
``imports/<protocol>/<version>/<run key>.json``. A record made here since then has another content,
so that the note says nothing of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from benchbed.records.record import Record, Text, content_of
from benchbed.records.store import Place, Store, write_atomically

Imported = Mapping[str, str]
"""The digests of the imported contents by run key."""


class ImportNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that says that a record of a key and content was imported."""

    schema: Literal["benchbed.import/1"]
    key: Text
    content: Text


def note_import(store: Store, record: Record) -> None:
    """Keep that a record was imported.

    Raises:
        StoreError: the results folder cannot be written.
    """
    note = ImportNote("benchbed.import/1", record.key, content_of(record))
    place = Place.of(record)
    folder = store.root / "imports" / place.protocol / str(place.version)
    path = folder / f"{record.key}.json"
    write_atomically(path, msgspec.json.format(msgspec.json.encode(note), indent=1) + b"\n")


def read_imported(store: Store, protocol: str, version: int) -> Imported:
    """Return what was imported of a protocol; a note that cannot be read counts for nothing."""
    notes: list[ImportNote] = store.others("imports", protocol, version, ImportNote)
    return {note.key: note.content for note in notes}
