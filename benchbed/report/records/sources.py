"""What is known of the sources that made a table's records."""

from __future__ import annotations

from collections.abc import Sequence

from benchbed.basics.texts import counted
from benchbed.records.family import family_key
from benchbed.records.index import Summary
from benchbed.records.source_links import SourceLinks, sources_of


def about_sources(records: Sequence[Summary], links: SourceLinks) -> list[str]:
    """Return of how many methods another source made the records than one it was held against.

    Args:
        records: those of the table.
        links: of the protocol's results folder.
    """
    by_meaning: set[str] = set()
    by_bits: set[str] = set()
    for record in records:
        for link in links.starting(family_key(record), sources_of(record.components)):
            if link.evidence == "meaning":
                by_meaning.add(record.method)
            else:
                by_bits.add(record.method)
    by_bits -= by_meaning
    if not (by_meaning or by_bits):
        return []
    found: list[str] = []
    if by_meaning:
        found.append(f"means the same ({_methods(by_meaning)})")
    if by_bits:
        found.append(f"gave the same bits when a seed was made again ({_methods(by_bits)})")
    note = "The source was changed after these records were made; a later one "
    return [note + f"{', or '.join(found)} (`benchbed verify --stale`)."]


def _methods(methods: set[str]) -> str:
    return counted(len(methods), "method")
