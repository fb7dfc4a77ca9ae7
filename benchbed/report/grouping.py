"""Which records may share a table, and what a reader must know of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from benchbed.contracts.protocol import Protocol
from benchbed.records.index import Summary

Seeds = dict[int, list[Summary]]
"""The records of one method by seed."""


def of_one_kind(records: list[Summary], protocol: Protocol, notes: list[str]) -> list[Summary]:
    """Keep the records that may share a table: same digest, engine and data."""
    digest = protocol.digest
    same = [record for record in records if record.protocol_digest == digest]
    if len(same) < len(records):
        notes.append(
            f"Left out {len(records) - len(same)} records made under another definition of "
            f"{protocol.id} (its digest differs)."
        )
    if not same:
        return same
    engine = max(record.engine for record in same)
    latest = [record for record in same if record.engine == engine]
    data = Counter(record.data_digest for record in latest).most_common(1)[0][0]
    kept = [record for record in latest if record.data_digest == data]
    if len(kept) < len(same):
        notes.append(f"Left out {len(same) - len(kept)} records of other data or an older trainer.")
    return _of_one_meaning(kept, notes)


def _of_one_meaning(records: list[Summary], notes: list[str]) -> list[Summary]:
    """Keep the records whose metrics have the direction that they have in most records."""

    def meanings(record: Summary) -> list[tuple[tuple[str, str], tuple[bool, bool]]]:
        return [
            ((task, name), (info.higher_is_better, info.primary))
            for task, infos in record.metrics.items()
            for name, info in infos.items()
        ]

    counts: dict[tuple[str, str], Counter[tuple[bool, bool]]] = defaultdict(Counter)
    for record in records:
        for metric, meaning in meanings(record):
            counts[metric][meaning] += 1
    usual = {metric: counter.most_common(1)[0][0] for metric, counter in counts.items()}
    kept = [r for r in records if all(usual[metric] == found for metric, found in meanings(r))]
    if len(kept) < len(records):
        notes.append(
            f"Left out {len(records) - len(kept)} records with another direction or primary metric "
            "than most."
        )
    return kept


def _versions(record: Summary) -> dict[tuple[str, str], object]:
    """Return what may differ between records of one method's name: versions, options, metrics.

    A task's options are its protocol's, and two tasks may share a plugin: its version is enough.
    """
    components: dict[tuple[str, str], object] = {
        (c.kind, c.id): c.version if c.kind == "task" else (c.version, c.options)
        for c in record.components
    }
    metrics = {
        ("metrics", task): {name: info for name, info in infos.items() if not info.detail}
        for task, infos in record.metrics.items()
    }
    return components | metrics


def by_method(records: list[Summary], notes: list[str]) -> dict[str, Seeds]:
    """Group records by method and seed, those of the newest plugin versions only."""
    found: dict[str, list[Summary]] = defaultdict(list)
    for record in records:
        found[record.method].append(record)
    groups: dict[str, Seeds] = {}
    for method, items in found.items():
        items.sort(key=lambda record: (record.finished, record.key))
        newest: dict[tuple[str, str], object] = {}
        for record in items:
            newest |= _versions(record)
        kept = [record for record in items if _versions(record).items() <= newest.items()]
        if len(kept) < len(items):
            notes.append(
                f"{method}: left out {len(items) - len(kept)} records of other plugin versions."
            )
        if len({_sources(record) for record in kept}) > 1:
            notes.append(
                f"{method}: a plugin's source changed between its records at the same version; "
                "`benchbed run` repeats the older ones."
            )
        seeds: Seeds = defaultdict(list)
        for record in kept:
            seeds[record.seed].append(record)
        groups[method] = dict(seeds)
    return groups


def _sources(record: Summary) -> tuple[str, ...]:
    return tuple(c.source for c in record.components if c.kind != "task")


def remarks(records: Sequence[Summary]) -> list[str]:
    """Return what of the records a reader of the table must know, once a method."""
    remarks: dict[str, None] = {}
    usual = max((r.budget.samples for r in records), default=0)
    for record in records:
        if record.budget.samples < usual:
            remarks[
                f"{record.method}: unequal budget, {record.budget.samples} samples a run where "
                f"others drew {usual}."
            ] = None
        remarks.update({f"{record.method}: {note}": None for note in record.notes})
    return list(remarks)
