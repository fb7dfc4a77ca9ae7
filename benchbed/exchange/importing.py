"""Taking others' records: each is checked by itself, then copied to its own place or refused."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, cast

import msgspec

from benchbed.basics.errors import BenchbedError, RecordError, StoreError
from benchbed.basics.texts import visible
from benchbed.contracts.protocol import Protocol
from benchbed.discovery.catalogue import protocols
from benchbed.discovery.registry import Registry
from benchbed.discovery.spec import Kind
from benchbed.records.record import ENGINE, MetricInfo, Record, Scores, content_of, decode_record
from benchbed.records.store import Place, Refused, Store, counts, read_regular, write_atomically

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
    files, unread = _files(_top(source))
    if not files and not unread:
        raise StoreError(f"There are no records (*.json) in {source}; name another folder.")
    if not dry_run:
        store.require_writable()
    common = _CommonGround(store, registry)
    return [*unread, *(_take(path, store, common, dry_run=dry_run) for path in files)]


def _top(source: Path) -> Path:
    runs = source / "runs"
    if runs.is_symlink():
        raise StoreError(
            f"{visible(str(runs), 1000)} is a symbolic link, and none is followed; name the folder "
            "that it leads to."
        )
    return runs if runs.is_dir() else source


def _files(top: Path) -> tuple[list[Path], list[Item]]:
    """Return what could be a record or is a link to a folder, and the folders that are unread.

    Raises:
        StoreError: the top folder cannot be read.
    """
    found: list[Path] = []
    unread: list[Item] = []
    waiting = [str(top)]
    while waiting:
        folder = waiting.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            if folder == str(top):
                raise StoreError(
                    f"Cannot read {visible(folder, 1000)}: {error.strerror}; name a folder of "
                    "records."
                ) from error
            unread.append(Item(Path(folder), "refused", str(error.strerror)))
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
            elif counts(entry.name) or (entry.is_symlink() and _leads_to_folder(entry)):
                found.append(Path(entry.path))
    return sorted(found), unread


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _take(path: Path, store: Store, common: _CommonGround, *, dry_run: bool) -> Item:
    try:
        content = read_regular(path)
        record = decode_record(content)
        _refuse_double_keys(content)
        protocol = common.protocols.get(record.protocol)
        problem = implausible(record, protocol)
        if problem:
            raise RecordError(problem)
        item = _place(path, record, store)
        problem = common.problem(record) if item.status != "there already" else ""
        if problem:
            raise RecordError(problem)
        if item.record and not dry_run:
            if item.status == "taken" and item.record.exists():
                store.supersede(Place.of(record), record.key)
            write_atomically(item.record, msgspec.json.format(content, indent=1) + b"\n")
    except (RecordError, StoreError) as error:
        return Item(path, "refused", str(error))
    except OSError as error:
        return Item(path, "refused", str(error.strerror))
    notes = [item.note] if item.note else []
    if not record.content:
        notes.append("it has no digest of its content, so that an edit would not be noticed")
    if protocol is None:
        notes.append(f"no installed plugin brings {record.protocol}")
    return Item(path, item.status, "; ".join(notes), item.record)


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
    differences = [
        abs(value - found.test[task][metric])
        for task, scores in record.test.items()
        for metric, value in scores.items()
        if metric in found.test[task]
    ]
    largest = max(differences, default=0.0)
    note = f"ours of this run key stays; test metrics differ by up to {largest:.3g}"
    return Item(path, "kept apart", note, apart)


Metrics = Mapping[str, MetricInfo]


@dataclass(frozen=True, slots=True)
class _Common:
    """What comparable records of a protocol share; nothing is asked where nothing is known.

    Attributes:
        data: digests of the data.
        metrics: by task, the sets of metrics that there may be.
    """

    data: frozenset[str]
    metrics: Mapping[str, Sequence[Metrics]]


class _CommonGround:
    """Holds records against the installed plugins and the records that were there before.

    A table shows only records that are comparable; an odd one could push ours out of it.
    """

    def __init__(self, store: Store, registry: Registry) -> None:
        self.protocols = protocols(registry)
        self._store, self._registry = store, registry
        self._known: dict[tuple[str, str], _Common] = {}

    def problem(self, record: Record) -> str:
        """Return in what a record cannot be compared with ours, or nothing."""
        identity = record.protocol, record.protocol_digest
        if identity not in self._known:
            self._known[identity] = self._common(*identity)
        common = self._known[identity]
        if common.data and record.data_digest not in common.data:
            return f"made from other data than our records of {record.protocol}"
        if record.protocol in self.protocols:
            for c in record.components:
                entry = self._registry.entries.get((cast("Kind", c.kind), c.id))
                if entry is not None and entry.spec.version != c.version:
                    other = f"where {entry.spec.version} is installed"
                    return f"made by {c.kind} {c.id} {visible(c.version, 40)}, {other}"
        for task in record.tasks:
            known = common.metrics.get(task, ())
            if known and not any(_same(record.metrics[task], metrics) for metrics in known):
                return f"task '{task}' has other metrics, or metrics of another direction or kind"
        return ""

    def _common(self, name: str, digest: str) -> _Common:
        place, _, version = name.partition("@")
        records, _ = self._store.records(place, int(version))
        ours = [record for record in records if record.protocol_digest == digest]
        metrics: dict[str, list[Metrics]] = {}
        for record in ours:
            for task, infos in record.metrics.items():
                sets = metrics.setdefault(task, [])
                if infos not in sets:
                    sets.append(infos)
        protocol = self.protocols.get(name)
        if protocol is not None:
            metrics |= _installed_metrics(protocol, self._registry)
        return _Common(frozenset(record.data_digest for record in ours), metrics)


def _installed_metrics(protocol: Protocol, registry: Registry) -> dict[str, list[Metrics]]:
    """Return the metrics of a protocol's tasks, or nothing where its plugins are not there."""
    from benchbed.contracts.dataset import Dataset
    from benchbed.discovery.loading import make_component
    from benchbed.engine.session import build_task
    from benchbed.execution.jobs import method_jobs
    from benchbed.execution.results import metric_infos

    try:
        job = method_jobs(protocol, [protocol.delta_m.baseline], registry)[0]
        dataset = make_component(job.dataset, Dataset)
        tasks = {name: build_task(job, name, dataset) for name in protocol.tasks}
    except BenchbedError:
        return {}
    return {name: [metric_infos(task)] for name, task in tasks.items()}


def _same(one: Metrics, two: Metrics) -> bool:
    """Tell whether two sets are the same, but for details, which are left out where empty."""
    shared = one.keys() & two.keys()
    apart = [infos[name] for infos in (one, two) for name in infos.keys() - shared]
    return all(one[name] == two[name] for name in shared) and all(info.detail for info in apart)


def _refuse_double_keys(content: bytes) -> None:
    """Refuse an object that names a key twice, of which readers may take either."""

    def check(pairs: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise RecordError(f"altered (the key '{visible(twice)}' stands twice)")

    json.loads(content, object_pairs_hook=check)


def implausible(record: Record, protocol: Protocol | None) -> str:
    """Return what in a sound record cannot be, or nothing.

    Args:
        record: what :func:`~benchbed.records.record.decode_record` has passed.
        protocol: the record's protocol, if it is installed.
    """
    return (
        _implausible_costs(record)
        or _implausible_course(record)
        or _implausible_scores(record, record.test)
        or _implausible_scores(record, record.validation)
        or (_foreign(record, protocol) if protocol else "")
    )


def _implausible_costs(record: Record) -> str:
    parameters, macs = record.costs.parameters, record.costs.macs
    parts = parameters.shared + sum(parameters.per_task.values()) + parameters.unused
    tasks = set(record.tasks)
    if set(parameters.per_task) != tasks or set(macs.per_task) != tasks:
        return "implausible (costs of other tasks)"
    if not parameters.total or not macs.all_tasks:
        return "implausible (a network without parameters or multiply-adds)"
    if parts > parameters.total + parameters.training_only:
        return f"implausible ({parts} parameters in parts of {parameters.total})"
    if max(macs.per_task.values()) > macs.all_tasks:
        return "implausible (one task takes more multiply-adds than all tasks)"
    return ""


def _implausible_course(record: Record) -> str:
    epochs = record.budget.epochs
    if not 1 <= record.selected_epoch <= epochs:
        return f"implausible (epoch {record.selected_epoch} selected of {epochs})"
    if any(len(curve) != epochs for curve in record.curves.values()):
        return f"implausible (a curve has not the {epochs} entries of its epochs)"
    if not record.budget.optimizer_steps or not record.budget.samples:
        return "implausible (trained on nothing)"
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    if not record.started <= record.finished <= tomorrow:
        return f"implausible (from {record.started} to {record.finished})"
    if record.engine > ENGINE:
        return f"implausible (trainer {record.engine}, where this benchbed's is {ENGINE})"
    return ""


def _implausible_scores(record: Record, scores: Scores) -> str:
    for task, values in scores.items():
        infos = record.metrics.get(task, {})
        for metric, value in values.items():
            if metric not in infos:
                return "implausible (scores of other metrics)"
            if infos[metric].percent and not 0 <= value <= 1:
                return f"implausible ({metric} of {value}, where it goes from 0 to 1)"
    return ""


def _foreign(record: Record, protocol: Protocol) -> str:
    """Return in what a record is not of the protocol that it names."""
    if record.protocol_digest != protocol.digest:
        return f"made under another definition of {protocol.id} (its digest differs)"
    expected = {
        "tasks": [task for task in protocol.tasks if task in record.tasks],
        "epochs": protocol.epochs,
        "selection": str(protocol.selection),
        "data set": [protocol.data.dataset],
        "task plugins": [protocol.tasks[t].task for t in record.tasks if t in protocol.tasks],
    }
    found = {
        "tasks": record.tasks,
        "epochs": record.budget.epochs,
        "selection": record.selection,
        "data set": [c.id for c in record.components if c.kind == "dataset"],
        "task plugins": [c.id for c in record.components if c.kind == "task"],
    }
    other = [name for name, value in expected.items() if found[name] != value]
    return f"altered ({', '.join(other)}: not those of {protocol.id})" if other else ""
