"""Which records may share a table, and what a reader must know of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from benchbed.contracts.protocol import Protocol
from benchbed.records.index import Summary

RecordsBySeed = dict[int, list[Summary]]
"""The records of one method by seed."""
_Metric = tuple[str, str]
"""Task and name."""
_Meaning = tuple[bool, bool]
"""Of a metric: whether higher is better, whether it is primary."""


# Of one protocol --------------------------------------------------------------------------------


def of_one_kind(records: Sequence[Summary], protocol: Protocol) -> tuple[list[Summary], list[str]]:
    """Return the records that may share a table (same digest, engine, data, metrics), and notes."""
    notes: list[str] = []
    same = [record for record in records if record.protocol_digest == protocol.digest]
    if len(same) < len(records):
        notes.append(
            f"Left out {len(records) - len(same)} records made under another definition of "
            f"{protocol.id} (its digest differs)."
        )
    if not same:
        return [], notes
    comparable = _of_one_engine_and_data(same)
    if len(comparable) < len(same):
        notes.append(
            f"Left out {len(same) - len(comparable)} records of other data or an older trainer."
        )
    kept = _of_one_meaning(comparable)
    if len(kept) < len(comparable):
        notes.append(
            f"Left out {len(comparable) - len(kept)} records with another direction or primary "
            "metric than most."
        )
    return kept, notes


def _of_one_engine_and_data(records: Sequence[Summary]) -> list[Summary]:
    """Keep the records of the latest engine, of these the ones of the commonest data."""
    engine = max(record.engine for record in records)
    latest = [record for record in records if record.engine == engine]
    data = Counter(record.data_digest for record in latest).most_common(1)[0][0]
    return [record for record in latest if record.data_digest == data]


def _of_one_meaning(records: Sequence[Summary]) -> list[Summary]:
    """Keep the records whose metrics have the direction that they have in most records."""
    counts: dict[_Metric, Counter[_Meaning]] = defaultdict(Counter)
    for record in records:
        for metric, meaning in _meanings(record):
            counts[metric][meaning] += 1
    usual = {metric: counter.most_common(1)[0][0] for metric, counter in counts.items()}
    return [record for record in records if _has_meanings(record, usual)]


def _meanings(record: Summary) -> Iterator[tuple[_Metric, _Meaning]]:
    for task, infos in record.metrics.items():
        for name, info in infos.items():
            yield (task, name), (info.higher_is_better, info.primary)


def _has_meanings(record: Summary, usual: dict[_Metric, _Meaning]) -> bool:
    return all(usual[metric] == meaning for metric, meaning in _meanings(record))


# Of one method ----------------------------------------------------------------------------------


def by_method(records: Sequence[Summary]) -> tuple[dict[str, RecordsBySeed], list[str]]:
    """Group records by method and seed, those of the newest plugin versions only; with notes."""
    found: dict[str, list[Summary]] = defaultdict(list)
    for record in records:
        found[record.method].append(record)
    groups: dict[str, RecordsBySeed] = {}
    notes: list[str] = []
    for method, items in found.items():
        kept = _of_newest_versions(items)
        groups[method] = _by_seed(kept)
        if len(kept) < len(items):
            left_out = len(items) - len(kept)
            notes.append(f"{method}: left out {left_out} records of other plugin versions.")
        if len({_sources(record) for record in kept}) > 1:
            notes.append(
                f"{method}: a plugin's source changed between its records at the same version; "
                "`benchbed run` repeats the older ones."
            )
    return groups, notes


def _of_newest_versions(records: Sequence[Summary]) -> list[Summary]:
    """Keep the records made with the versions that the latest ones have, the oldest first."""
    ordered = sorted(records, key=lambda record: (record.finished, record.key))
    newest: dict[tuple[str, str], object] = {}
    for record in ordered:
        newest |= _versions(record)
    return [record for record in ordered if _versions(record).items() <= newest.items()]


def _versions(record: Summary) -> dict[tuple[str, str], object]:
    """Return what may differ between records of one method's name: versions, options, metrics.

    A task's options are its protocol's, and two tasks may share a plugin: its version is enough.
    """
    found: dict[tuple[str, str], object] = {}
    for component in record.components:
        version, options = component.version, component.options
        is_task = component.kind == "task"
        found[component.kind, component.id] = version if is_task else (version, options)
    for task, infos in record.metrics.items():
        found["metrics", task] = {name: info for name, info in infos.items() if not info.detail}
    return found


def _sources(record: Summary) -> tuple[str, ...]:
    return tuple(c.source for c in record.components if c.kind != "task")


def _by_seed(records: Sequence[Summary]) -> RecordsBySeed:
    seeds: RecordsBySeed = defaultdict(list)
    for record in records:
        seeds[record.seed].append(record)
    return dict(seeds)


# What to tell -----------------------------------------------------------------------------------


def remarks(records: Sequence[Summary]) -> list[str]:
    """Return what of the records a reader of the table must know, once a method."""
    usual = max((record.budget.samples for record in records), default=0)
    found: dict[str, None] = {}
    for record in records:
        found |= dict.fromkeys(_remarks(record, usual))
    return list(found)


def _remarks(record: Summary, usual: int) -> Iterator[str]:
    """Return what is odd about a record, ``usual`` being the samples of most runs."""
    samples = record.budget.samples
    if samples < usual:
        yield (
            f"{record.method}: unequal budget, {samples} samples a run where others drew {usual}."
        )
    for note in record.notes:
        yield f"{record.method}: {note}"
