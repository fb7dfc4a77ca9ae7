"""Stale records: one seed of each method made again, to see whether the source changed results."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from benchbed.basics.errors import BenchbedError, RecordError
from benchbed.contracts.protocol import Protocol
from benchbed.discovery.registry import Registry
from benchbed.exchange.at_commit import Tree, run_at, unpack
from benchbed.exchange.meaning import holds_source, meanings_at
from benchbed.exchange.verify import Means, job_again, run_in
from benchbed.execution.executor import Observer
from benchbed.records.family import family_key
from benchbed.records.job import Job
from benchbed.records.record import Record
from benchbed.records.source_links import (
    RECORD,
    SourceLinks,
    changed_sources,
    link_by_bits,
    link_by_meaning,
    read_source_links,
    sources_of,
    write_source_link,
)
from benchbed.records.store import Store
from benchbed.records.verification import Comparison, compare

RECORDED: Final = "recorded"
"""``--against recorded``: each record's source at the commit that the record names."""

Outcome = Literal["same", "differs", "open"]
_COMMIT: Final = re.compile(r"[0-9a-f]{7,64}\Z")


@dataclass(frozen=True, slots=True)
class Against:
    """Where a record's own source is found.

    ``commit``: of the repository, or ``recorded``; ``protocol``: how its command line names the
    protocol.
    """

    commit: str
    repository: Path
    protocol: str


@dataclass(frozen=True, slots=True)
class Family:
    """The records that differ by seed alone, and the job that makes the first one again."""

    records: tuple[Record, ...]
    job: Job

    @property
    def first(self) -> Record:
        """The record with the lowest seed."""
        return self.records[0]

    @property
    def label(self) -> str:
        """The method, and the task of a single-task net."""
        task = f"/{self.job.tasks[0]}" if self.job.one_run_per_task else ""
        return f"{self.first.method}{task}"

    @property
    def changed(self) -> tuple[str, ...]:
        """The components whose source is no longer the one that made the records."""
        before, after = sources_of(self.first.components), sources_of(self.job.components)
        return changed_sources(before, after)


@dataclass(frozen=True, slots=True)
class Finding:
    """What making one seed of a method again came to.

    Attributes:
        outcome: ``same`` bits; ``differs`` from what the record's own source gives here; or
            ``open``: it differs from the record, as it may on another machine, and the record's
            own source was not run.
        against: ``the record``, or the commit.
        comparison: of the two runs; none where the sources' meaning was enough.
        path: the file that says that they are the same.
    """

    family: Family
    outcome: Outcome
    against: str
    comparison: Comparison | None = None
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """Records whose method cannot be made again here, and why."""

    method: str
    count: int
    reason: str


def stale_families(
    store: Store, protocol: Protocol, registry: Registry, means: Means
) -> tuple[list[Family], list[Unknown]]:
    """Return the methods whose records another source made, and those that cannot be made again.

    Raises:
        DataError: data or weights are missing, or others than the records'.
    """
    links = read_source_links(store, protocol.name, protocol.version)
    families: list[Family] = []
    unknown: list[Unknown] = []
    for records in _by_family(store, protocol).values():
        try:
            job = job_again(records[0], protocol, registry, means)
        except BenchbedError as error:
            unknown.append(Unknown(records[0].method, len(records), str(error)))
            continue
        for same_source in _by_source(records):
            family = Family(same_source, job)
            if family.changed and not _is_linked(family, links):
                families.append(family)
    return families, unknown


def _by_family(store: Store, protocol: Protocol) -> Mapping[str, list[Record]]:
    """Return a protocol's records by what all seeds of a method share, baselines first."""
    records, _ = store.records(protocol.name, protocol.version)
    under_it = [record for record in records if record.protocol_digest == protocol.digest]
    under_it.sort(key=lambda record: (len(record.tasks) > 1, record.method, record.seed))
    families: dict[str, list[Record]] = {}
    for record in under_it:
        families.setdefault(family_key(record), []).append(record)
    return families


def _by_source(records: Sequence[Record]) -> Iterator[tuple[Record, ...]]:
    """Yield the records that the same source made together."""
    groups: list[list[Record]] = []
    for record in records:
        sources = sources_of(record.components)
        for group in groups:
            if sources_of(group[0].components) == sources:
                group.append(record)
                break
        else:
            groups.append([record])
    for group in groups:
        yield tuple(group)


def _is_linked(family: Family, links: SourceLinks) -> bool:
    before, after = sources_of(family.first.components), sources_of(family.job.components)
    return bool(links.between(family_key(family.first), before, after))


def verify_sources(
    family: Family,
    store: Store,
    registry: Registry,
    observer: Observer,
    work: Path,
    against: Against | None = None,
) -> Finding:
    """Make the first seed of a method again by the present source, and say what came out.

    Where ``against`` is given and the source there means the same as the present one, nothing is
    run. Else the run is held against the record; where the two differ and ``against`` is given,
    against what the record's own source gives on this machine.

    Args:
        family: the method's records.
        store: where they lie.
        registry: the installed plugins.
        observer: told of the run's progress.
        work: a folder for runs made again; those that are there are not repeated.
        against: where the record's own source is.

    Raises:
        RunError: a run failed.
        RecordError: the commit does not hold the source that made the record.
    """
    if against is not None:
        found = _by_meaning(family, store, work, against)
        if found is not None:
            return found
    record = family.first
    again = _by_present_source(family.job, registry, observer, work / "present")
    comparison = compare(record, again, [])
    if comparison.result == "exact":
        path = write_source_link(store, link_by_bits(record, again, RECORD))
        return Finding(family, "same", RECORD, comparison, path)
    if against is None:
        return Finding(family, "open", RECORD, comparison)
    commit = _commit_for(record, against)
    before = _by_own_source(family, commit, against, store, work)
    comparison = compare(before, again, [])
    if comparison.result != "exact":
        return Finding(family, "differs", commit, comparison)
    path = write_source_link(store, link_by_bits(before, again, commit))
    return Finding(family, "same", commit, comparison, path)


def _by_meaning(family: Family, store: Store, work: Path, against: Against) -> Finding | None:
    """Return that the source at a commit means the same as the present one, if it does.

    Raises:
        RecordError: the commit does not hold the source that made the record.
    """
    record = family.first
    commit = _commit_for(record, against)
    tree = _tree(family, commit, against, work)
    if not holds_source(tree, record.components):
        return None
    present = sources_of(family.job.components)
    if meanings_at(tree, record.components) != present:
        return None
    path = write_source_link(store, link_by_meaning(record, present, commit))
    return Finding(family, "same", commit, path=path)


def _by_present_source(job: Job, registry: Registry, observer: Observer, folder: Path) -> Record:
    """Return the run as the present source makes it; one that this source left is not repeated."""
    found = Store(folder).find(job.place, job.key)
    if isinstance(found, Record) and sources_of(found.components) == sources_of(job.components):
        return found
    return run_in(folder, job, registry, observer)


def _commit_for(record: Record, against: Against) -> str:
    if against.commit != RECORDED:
        return against.commit
    if not _COMMIT.match(record.commit):
        raise RecordError(
            f"The record of {record.method} seed {record.seed} names no commit; name one with "
            "--against COMMIT."
        )
    return record.commit


def _by_own_source(
    family: Family, commit: str, against: Against, store: Store, work: Path
) -> Record:
    """Return the run made by the source of a commit, which must be the record's own.

    Raises:
        RecordError: it is another source than the record's.
    """
    record = family.first
    tree = _tree(family, commit, against, work)
    found = run_at(tree, family.job, against.protocol, work / commit)
    made_by, wanted = sources_of(found.components), sources_of(record.components)
    links = read_source_links(store, *_name_and_version(record))
    if made_by != wanted and not links.between(family_key(record), wanted, made_by):
        others = ", ".join(changed_sources(wanted, made_by))
        raise RecordError(
            f"Commit {commit} does not hold the source that made {record.method}: {others} differ. "
            f"The record names commit {record.commit or 'none'}."
        )
    return found


def _tree(family: Family, commit: str, against: Against, work: Path) -> Tree:
    """Return the files of a commit; they are unpacked once."""
    packages = {"benchbed": None}  # a dict keeps the order: benchbed's own tree comes first
    for component in family.job.components:
        packages[component.target.partition(".")[0]] = None
    return unpack(commit, packages, against.repository, work / "trees")


def _name_and_version(record: Record) -> tuple[str, int]:
    name, _, version = record.protocol.partition("@")
    return name, int(version)
