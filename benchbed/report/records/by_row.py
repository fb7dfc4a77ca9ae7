"""Which records make up a row: those of one method, one start, one version of each plugin."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from benchbed.basics.canonical import canonical_json
from benchbed.basics.texts import counted
from benchbed.contracts.protocol import Protocol
from benchbed.discovery.component import Component
from benchbed.discovery.method import Method
from benchbed.records.index import Summary
from benchbed.records.row_id import RowId
from benchbed.report.records.choice import Chooser, remembered, variants_of
from benchbed.report.records.installed import SHARED, Installed

RecordsBySeed = dict[int, list[Summary]]
"""The records of one row by seed."""


def by_row(
    records: Sequence[Summary],
    protocol: Protocol,
    chooser: Chooser,
    installed: Installed | None,
) -> tuple[dict[RowId, RecordsBySeed], list[tuple[RowId, str]]]:
    """Group records by row and seed, with sentences on rows.

    Args:
        records: those that may share a table.
        protocol: theirs.
        chooser: says which of several variants counts.
        installed: what the plugins would make now, if that is known.
    """
    found: dict[RowId, list[Summary]] = defaultdict(list)
    for record in records:
        found[RowId.of(record)].append(record)
    groups: dict[RowId, RecordsBySeed] = {}
    notes: list[tuple[RowId, str]] = []
    for row, items in found.items():
        kept = _of_one_variant(items, protocol, chooser, installed)
        once = _each_run_once(kept, chooser)
        if len(once) < len(kept):
            twice = counted(len(kept) - len(once), "record")
            sentence = f"{row.name}: left out {twice} of a seed and task that there is already."
            notes.append((row, sentence))
        groups[row] = _by_seed(once)
        if len(kept) < len(items):
            keys = {record.key for record in kept}
            left_out = [record for record in items if record.key not in keys]
            named = _named(left_out, kept, protocol)
            notes.append((row, f"{row.name}: left out {named}."))
        if len({_sources(record) for record in kept}) > 1:
            sentence = (
                f"{row.name}: a plugin's source changed between its records at the same version; "
                "`benchbed run` repeats the older ones."
            )
            notes.append((row, sentence))
    return groups, notes


def _of_one_variant(
    records: list[Summary], protocol: Protocol, chooser: Chooser, installed: Installed | None
) -> list[Summary]:
    """Keep the records of one version and one set of options of all that is the method's own."""
    variant = remembered(
        lambda record: _variant(record, protocol), lambda record: record.components
    )
    variants = variants_of(records, variant)
    if len(variants) == 1:
        return records
    method = installed.method(records[0].method) if installed else None
    now = _variant_now(method, protocol) if method else None
    return variants[chooser.choose(variants, now)]


def _variant(record: Summary, protocol: Protocol) -> str:
    """Return what the seeds of a row share: components, and whether a run has one task or all."""
    own = [item for item in record.components if item.kind not in SHARED]
    return _text(own, _share(len(record.tasks), protocol))


def _variant_now(method: Method, protocol: Protocol) -> str:
    tasks = 1 if method.one_run_per_task else len(protocol.tasks)
    return _text(method.components, _share(tasks, protocol))


def _text(components: Sequence[Component], share: str) -> str:
    return canonical_json([share, [component.identity() for component in components]])


def _share(tasks: int, protocol: Protocol) -> str:
    """Return how many of the protocol's tasks a run trains."""
    if tasks == len(protocol.tasks):
        return "all tasks"
    return "one task" if tasks == 1 else "some tasks"


def _named(left_out: Sequence[Summary], kept: Sequence[Summary], protocol: Protocol) -> str:
    """Return how many records were left out, and in what they differ from those kept."""
    ours, differing = _own(kept[0]), dict[str, None]()
    for record in left_out:
        differing |= dict.fromkeys(_differences(_own(record), ours))
        theirs, here = (_share(len(item.tasks), protocol) for item in (record, kept[0]))
        if theirs != here:
            differing[f"runs of {theirs} (this row's: {here})"] = None
    return f"{counted(len(left_out), 'record')} made with {', '.join(differing)}"


def _own(record: Summary) -> dict[str, Component]:
    return {f"{item.kind} {item.id}": item for item in record.components if item.kind not in SHARED}


def _differences(theirs: Mapping[str, Component], ours: Mapping[str, Component]) -> list[str]:
    found: list[str] = []
    for name, item in theirs.items():
        other = ours.get(name)
        if other is None:
            found.append(name)
        elif other.version != item.version:
            found.append(f"{name} {item.version} (this row's is {other.version})")
        elif other.options != item.options:
            found.append(f"other options of {name}")
    return found


def _each_run_once(records: Sequence[Summary], chooser: Chooser) -> list[Summary]:
    """Keep one record of each seed and task, ours before imported ones.

    Records that differ in nothing that counts may have other run keys all the same, such as those
    whose components stand in another order.
    """
    ordered = sorted(records, key=lambda r: (not chooser.is_ours(r), r.finished, r.key))
    seen: set[tuple[int, str]] = set()
    kept: list[Summary] = []
    for record in ordered:
        runs = {(record.seed, task) for task in record.tasks}
        if not runs & seen:
            seen |= runs
            kept.append(record)
    return kept


def _sources(record: Summary) -> tuple[str, ...]:
    return tuple(c.source for c in record.components if c.kind != "task")


def _by_seed(records: Sequence[Summary]) -> RecordsBySeed:
    # the oldest first, so that a row's figures of one seed do not depend on the files' names
    ordered = sorted(records, key=lambda record: (record.finished, record.key))
    seeds: RecordsBySeed = defaultdict(list)
    for record in ordered:
        seeds[record.seed].append(record)
    return dict(seeds)
