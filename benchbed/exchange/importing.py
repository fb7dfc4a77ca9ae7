"""Taking others' records: each is checked by itself, then copied to its own place or refused."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from benchbed.basics.errors import RecordError, StoreError
from benchbed.basics.texts import visible
from benchbed.discovery.registry import Registry
from benchbed.exchange.common_ground import CommonGround
from benchbed.exchange.finding import record_files
from benchbed.exchange.plausible import implausible
from benchbed.records.imports import note_import
from benchbed.records.record import Record, content_of, decode_record
from benchbed.records.store import (
    Place,
    Refused,
    Store,
    copy_regular,
    read_regular,
    write_atomically,
)

Status = Literal["taken", "there already", "kept apart", "refused"]


@dataclass(frozen=True, slots=True)
class Item:
    """What became of one file.

    Attributes:
        path: the file.
        status: ``kept apart``: another run of a key that has a record; ours stays in its place.
        note: why it was refused, or what is to be known of it, in a sentence without its point.
        record: where the record lies now (or would, in a dry run).
    """

    path: Path
    status: Status
    note: str = ""
    record: Path | None = None

    def __str__(self) -> str:
        note = f": {self.note}" if self.note else ""
        return f"{self.status}: {visible(str(self.path), 1000)}{note}"

    def facts(self) -> dict[str, str | None]:
        """Return it as plain data."""
        return {
            "file": visible(str(self.path), 1000),
            "status": self.status,
            "note": self.note,
            "record": str(self.record) if self.record else None,
        }


def import_records(
    source: Path, store: Store, registry: Registry, *, dry_run: bool = False
) -> list[Item]:
    """Take the records below a folder, one by one; what is refused leaves the others alone.

    Args:
        source: a results folder, of which only ``runs`` is read, or any folder of JSON files.
        store: the results folder that takes them.
        registry: the installed plugins; a record of an installed protocol must be of its digest.
        dry_run: write nothing.

    Raises:
        StoreError: the source is no folder or holds no records, or the results folder cannot be
            written.
    """
    files, unread = record_files(source)
    if not files and not unread:
        raise StoreError(f"There are no records (*.json) in {source}; name another folder.")
    if not dry_run:
        store.require_writable()
    common = CommonGround(store, registry)
    items = [Item(folder, "refused", reason) for folder, reason in unread]
    items += [_take(path, store, common, dry_run=dry_run) for path in files]
    return items


def _take(path: Path, store: Store, common: CommonGround, *, dry_run: bool) -> Item:
    try:
        content = read_regular(path)
        record = _checked(content, common)
        item = _place(path, record, store)
        # one that is there already has been compared, and is of the records to compare with
        problem = common.problem(record) if item.status != "there already" else ""
        if problem:
            raise RecordError(problem)
        target = item.record
        if target and not dry_run:
            if item.status == "taken":
                item = replace(item, note=_make_room(path, record, item, store))
            write_atomically(target, msgspec.json.format(content, indent=1) + b"\n")
    except (RecordError, StoreError) as error:
        return Item(path, "refused", str(error))
    except OSError as error:
        return Item(path, "refused", str(error.strerror))
    return Item(path, item.status, _note(item, record, common), item.record)


def _make_room(path: Path, record: Record, item: Item, store: Store) -> str:
    """Bring what belongs to a record before itself, so that it never lacks any; return the note."""
    assert item.record is not None
    place = Place.of(record)
    if item.record.exists():
        store.supersede(place, record.key)
    # of the one that was there, which this one's are not
    store.weights_path(place, record.key).unlink(missing_ok=True)
    note_import(store, record)
    return _with_weights(path, item)


def _with_weights(path: Path, item: Item) -> str:
    """Bring the weights beside a record along; return an item's note, with what became of them."""
    assert item.record is not None
    weights = path.with_suffix(".safetensors")
    if not weights.exists():
        return item.note
    notes = [item.note] if item.note else []
    try:
        copy_regular(weights, item.record.with_suffix(".safetensors"))
        notes.append("with its weights")
    except (RecordError, StoreError) as error:
        notes.append(f"without its weights ({error})")
    except OSError as error:
        notes.append(f"without its weights ({error.strerror})")
    return "; ".join(notes)


def _checked(content: bytes, common: CommonGround) -> Record:
    """Return the record that a file holds.

    Raises:
        RecordError: it cannot be trusted.
    """
    record = decode_record(content)
    _refuse_double_keys(content)
    problem = implausible(record, common.protocols.get(record.protocol))
    if problem:
        raise RecordError(problem)
    return record


def _refuse_double_keys(content: bytes) -> None:
    """Refuse an object that names a key twice, of which readers may take either."""

    def check(pairs: list[tuple[str, Any]]) -> None:
        times = Counter(name for name, _ in pairs)
        for name, count in times.items():
            if count > 1:
                raise RecordError(f"altered (the key '{visible(name)}' stands twice)")

    json.loads(content, object_pairs_hook=check)


def _place(path: Path, record: Record, store: Store) -> Item:
    """Return where a record goes; of two runs of one key, the one that is there stays."""
    place = Place.of(record)
    target = store.path("runs", place, record.key)
    found = store.find(place, record.key)
    if found is None:
        return Item(path, "taken", record=target)
    if isinstance(found, Refused):
        note = f"instead of ours, which does not count ({found.reason})"
        return Item(path, "taken", note, target)
    if content_of(found) == content_of(record):
        return Item(path, "there already")
    apart = store.path("conflicts", place, f"{record.key}.{content_of(record)[:12]}")
    largest = _largest_difference(record, found)
    note = f"ours of this run key stays; test metrics differ by up to {largest:.3g}"
    return Item(path, "kept apart", note, apart)


def _largest_difference(record: Record, ours: Record) -> float:
    """Return by how much the test metrics of two runs differ at most."""
    largest = 0.0
    for task, scores in record.test.items():
        for metric, value in scores.items():
            if metric in ours.test[task]:  # a run may lack a detail that another has
                largest = max(largest, abs(value - ours.test[task][metric]))
    return largest


def _note(item: Item, record: Record, common: CommonGround) -> str:
    """Return what is to be known of a record that was not refused."""
    notes = [item.note] if item.note else []
    if not record.content:
        notes.append("it has no digest of its content, so that an edit would not be noticed")
    if record.protocol not in common.protocols:
        notes.append(f"no installed plugin brings {record.protocol}")
    return "; ".join(notes)
