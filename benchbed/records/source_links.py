"""Links between sources: what one gives, the other gives to the bit.

A record counts as stale when the source of one of its components is no longer the one that made it.
Where one seed of a method, made again by the present source, gives the same bits as by the source
of the record, or where both have the same digest by meaning, all seeds of that method count as made
by the present source. What was found lies in a file of its own kind beside the verifications::

    verifications/<protocol>/<version>/sources/<run key>-<digest of the present sources>.json

It raises no tier: it tells that the source changed nothing, not that the record is right.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec

from benchbed.basics.canonical import digest
from benchbed.basics.environment import now, versions
from benchbed.basics.errors import RecordError
from benchbed.discovery.method import Component
from benchbed.records.family import family_key
from benchbed.records.record import Record, Text, decode
from benchbed.records.store import Store, read_regular, write_atomically

FOLDER: Final = "sources"
RECORD: Final = "the record"
"""What a run was held against, where that was the record itself and not its source at a commit."""

Sources = Mapping[str, str]
"""Digests of the sources of a run's components, by kind and id, as in ``weighting dwa``."""


class SourceLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That two sources gave the same bits in one run.

    Attributes:
        key: of the run that was made again.
        family: what all seeds of it share (:func:`~benchbed.records.family.family_key`).
        method, tasks, seed: of the run, for people.
        before, after: the sources that were held against each other.
        against: ``the record``, or the commit that holds its source.
        environment: where it was found.
        evidence: ``bits`` of the run made again, or the ``meaning`` of the two sources.
    """

    schema: Literal["benchbed.source-link/1"]
    key: Text
    family: Text
    protocol: Text
    method: Text
    tasks: list[Text]
    seed: int
    before: dict[Text, Text]
    after: dict[Text, Text]
    against: Text
    environment: dict[Text, Text]
    finished: Text
    evidence: Literal["bits", "meaning"] = "bits"


def sources_of(components: Iterable[Component]) -> dict[str, str]:
    """Return the digests of components' sources by kind and id."""
    return {f"{component.kind} {component.id}": component.source for component in components}


def changed_sources(before: Sources, after: Sources) -> tuple[str, ...]:
    """Return which components' sources differ, in the order of the present ones."""
    return tuple(name for name, source in after.items() if before.get(name) != source)


class SourceLinks:
    """All links of a protocol's records."""

    def __init__(self, links: Iterable[SourceLink] = ()) -> None:
        self._by_family: dict[str, list[SourceLink]] = {}
        for link in links:
            self._by_family.setdefault(link.family, []).append(link)

    def between(self, family: str, before: Sources, after: Sources) -> tuple[SourceLink, ...]:
        """Return the links that lead from one source to another, or nothing where none do.

        Links hold both ways and one after another: bits that are equal to equal bits are equal.
        """
        found = self._ways(family, before)
        return next((way for sources, way in found if sources == after), ())

    def starting(self, family: str, sources: Sources) -> list[SourceLink]:
        """Return the links that were found from these sources on."""
        return [link for link in self._by_family.get(family, []) if link.before == sources]

    def same(self, family: str, sources: Sources) -> Iterator[Sources]:
        """Yield all other sources that gave the same bits as these."""
        for found, way in self._ways(family, sources):
            if way:
                yield found

    def _ways(
        self, family: str, start: Sources
    ) -> Iterator[tuple[Sources, tuple[SourceLink, ...]]]:
        """Yield each source that links lead to, with the shortest way, the start first."""
        links = self._by_family.get(family, [])
        seen: list[Sources] = []
        waiting: list[tuple[Sources, tuple[SourceLink, ...]]] = [(start, ())]
        while waiting:
            sources, way = waiting.pop(0)
            if sources in seen:
                continue
            seen.append(sources)
            yield sources, way
            for link in links:
                if link.before == sources:
                    waiting.append((link.after, (*way, link)))
                elif link.after == sources:
                    waiting.append((link.before, (*way, link)))


def read_source_links(store: Store, protocol: str, version: int) -> SourceLinks:
    """Return a protocol's links; what cannot be read counts for nothing."""
    links: list[SourceLink] = []
    for stamp in store.stamps("verifications", protocol, version):
        if not stamp.path.startswith(f"{FOLDER}/"):
            continue
        path = store.root / "verifications" / protocol / str(version) / stamp.path
        with contextlib.suppress(OSError, RecordError):
            links.append(decode(read_regular(path), SourceLink))
    return SourceLinks(links)


def link_by_bits(record: Record, again: Record, against: str) -> SourceLink:
    """Return that a record's source and the present one gave the same bits.

    Args:
        record: the record, or the run made again by its source.
        again: the run made again by the present source.
        against: ``the record``, or the commit whose source made ``record``.
    """
    return SourceLink(
        schema="benchbed.source-link/1",
        key=again.key,
        family=family_key(again),
        protocol=again.protocol,
        method=again.method,
        tasks=again.tasks,
        seed=again.seed,
        before=sources_of(record.components),
        after=sources_of(again.components),
        against=against,
        environment=again.environment,
        finished=again.finished,
    )


def link_by_meaning(record: Record, present: Sources, against: str) -> SourceLink:
    """Return that a record's source, as a commit holds it, means the same as the present one.

    Args:
        record: the record.
        present: the sources of the installed components.
        against: the commit that holds the record's source.
    """
    return SourceLink(
        schema="benchbed.source-link/1",
        key=record.key,
        family=family_key(record),
        protocol=record.protocol,
        method=record.method,
        tasks=record.tasks,
        seed=record.seed,
        before=sources_of(record.components),
        after=dict(present),
        against=against,
        environment=versions(),
        finished=now(),
        evidence="meaning",
    )


def write_source_link(store: Store, link: SourceLink) -> Path:
    """Keep a link beside the verifications of its protocol; return its file.

    Raises:
        StoreError: the results folder cannot be written.
    """
    name, _, version = link.protocol.partition("@")
    folder = store.root / "verifications" / name / version / FOLDER
    path = folder / f"{link.key}-{digest(link.after)[:8]}.json"
    content = msgspec.json.format(msgspec.json.encode(link), indent=1)
    write_atomically(path, content + b"\n")
    return path
