"""The leaderboard: records of one protocol, summed up by method. Derived, never edited."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from benchbed.basics.errors import BenchbedError
from benchbed.contracts.delta import Definition
from benchbed.contracts.protocol import Protocol
from benchbed.records.imports import read_imported
from benchbed.records.index import Index
from benchbed.records.record import Failure, Measurement, MetricInfo
from benchbed.records.row_id import RowId, parse_row
from benchbed.records.source_links import read_source_links
from benchbed.records.store import Store
from benchbed.records.verification import read_verified
from benchbed.report.records.by_row import RecordsBySeed, by_row
from benchbed.report.records.choice import Chooser
from benchbed.report.records.installed import Installed
from benchbed.report.records.of_split import Split, of_split
from benchbed.report.records.one_table import of_one_table
from benchbed.report.records.remarks import remarks
from benchbed.report.records.sources import about_sources
from benchbed.report.records.weights import about_weights
from benchbed.report.row import Row
from benchbed.report.row_builder import RowBuilder
from benchbed.report.scores import metrics_of
from benchbed.report.statistics.comparisons import Pair, Rank, pairwise, ranks
from benchbed.report.statistics.intervals import Estimate


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """A protocol's table, best Δm first.

    Attributes:
        metrics: direction, role and display of every metric.
        notes: what a reader must know: files refused, records left out, mixed versions.
        baseline: the row that Δm refers to, with each row's backbone and weights.
        reference: the row that was chosen instead of the baseline, if one was.
        records: the results folder whose records these are, seen from where the table is written.
        split: whose scores they are.
    """

    protocol: Protocol
    definition: Definition
    baseline: str
    metrics: Mapping[str, Mapping[str, MetricInfo]]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    reference: str | None = None
    records: str = ""
    split: Split = "test"

    @property
    def step_device(self) -> str:
        """The devices on which the rows' step times were measured."""
        return "; ".join(sorted({row.step_device for row in self.rows if row.step_device}))

    def ranks(self) -> dict[str, Rank]:
        """Return the ranks, with ties, of the rows whose Δm has an interval and of the reference.

        One seed says nothing of who is better, and no rank 1 follows from that.
        """
        sure = {
            row.name for row in self.rows if row.standing and row.standing.delta.low is not None
        }
        known = {name: found for name, found in self.estimates().items() if name in sure}
        return ranks(known) if len(known) > 1 else {}

    def pairs(self) -> tuple[Pair, ...]:
        """Return each pair of rows with the difference of their Δm, corrected for all pairs."""
        return pairwise(self.estimates())

    def estimates(self) -> dict[str, Estimate]:
        """Return the rows' Δm with the influence of every run, of those with one reference.

        Δm against another baseline cannot be compared; the protocol's own counts where any row
        refers to it, and else the commonest.
        """
        references = Counter(row.reference for row in self.rows if row.standing is not None)
        usual = self.baseline
        if usual not in references and references:
            usual = references.most_common(1)[0][0]
        return {
            row.name: row.standing.estimate
            for row in self.rows
            if row.standing is not None and row.reference == usual
        }

    def from_records(self, records: str) -> Leaderboard:
        """Return the table as it is written where ``records`` leads to the results folder."""
        return replace(self, records=records)

    def primary(self, task: str) -> str:
        """Return a task's primary metric."""
        return next(name for name, info in self.metrics[task].items() if info.primary)


@dataclass(frozen=True, slots=True)
class _Choice:
    """What is asked for, as of :func:`build_leaderboard`."""

    definition: Definition
    reference: str | None
    methods: Sequence[str] | None
    pretrained: str | None
    split: Split


def build_leaderboard(
    protocol: Protocol,
    store: Store,
    *,
    installed: Installed | None = None,
    definition: Definition | None = None,
    reference: str | None = None,
    methods: Sequence[str] | None = None,
    pretrained: str | None = None,
    split: Split = "test",
) -> Leaderboard:
    """Sum a protocol's records up, or return what they came to as long as no file has changed.

    Args:
        protocol: only records of its very digest count.
        store: the results folder.
        installed: the plugins; where records cannot share a table or a row, those count that these
            would make.
        definition: of Δm; the protocol's own by default.
        reference: row that Δm is relative to, instead of the baseline with the same backbone that
            started from the same.
        methods: canonical names to show; all by default (baselines are always kept).
        pretrained: of these only the rows that began with the weights of this SHA-256; empty: from
            scratch.
        split: whose scores are shown, ``test`` or ``validation``.

    Raises:
        BenchbedError: there are no records, or the reference is not among them.
    """
    index = Index(store, protocol.name, protocol.version)
    choice = _Choice(
        definition or protocol.delta_m.definition, reference, methods, pretrained, split
    )
    plugins = installed.fingerprint() if installed else []
    question = [str(store.root), msgspec.to_builtins((protocol, choice)), plugins]
    return index.answer(
        question, Leaderboard, lambda index: _sum_up(protocol, index, installed, choice)
    )


def _sum_up(
    protocol: Protocol, index: Index, installed: Installed | None, choice: _Choice
) -> Leaderboard:
    store = index.store
    found, refused = index.summaries()
    imported = read_imported(store, protocol.name, protocol.version)
    chooser = Chooser(imported, protocol.delta_m.baseline)
    records, about_records = of_one_table(found, protocol, chooser, installed)
    records = of_split(records, choice.split, protocol)
    about_files = [f"Skipped {item}" for item in refused]
    failures = _failures(store, protocol)
    if not records and not failures:
        raise _nothing(protocol, store, [*about_files, *about_records])

    groups, about_rows = by_row(records, protocol, chooser, installed)
    reference = _reference(choice.reference, groups)
    builder = RowBuilder(
        protocol=protocol,
        groups=groups,
        seeds=_seeds(groups, chooser),
        failures=failures,
        measurements=_measurements(store, protocol),
        verified=read_verified(store, protocol.name, protocol.version),
        definition=choice.definition,
        reference=reference,
        ours={row for row, seeds in groups.items() if _has_ours(seeds, chooser)},
    )
    shown = _shown(builder, choice, store)
    in_rows = [record for record in records if RowId.of(record) in shown]
    notes = [
        *about_files,
        *about_records,
        *[note for row, note in about_rows if row in shown],
        *remarks(in_rows, records, chooser),
        *about_sources(in_rows, read_source_links(store, protocol.name, protocol.version)),
        *about_weights(shown),
    ]
    rows = map(builder.row, sorted(shown))
    return Leaderboard(
        protocol=protocol,
        definition=choice.definition,
        baseline=reference.name if reference else protocol.delta_m.baseline,
        metrics=metrics_of(records, protocol),
        rows=tuple(sorted(rows, key=_order)),
        notes=tuple(notes),
        reference=reference.name if reference else None,
        split=choice.split,
    )


def _reference(name: str | None, groups: Collection[RowId]) -> RowId | None:
    """Return the row that is asked for as the reference.

    Raises:
        BenchbedError: there are no records of it, or several rows of its name.
    """
    if name is None:
        return None
    wanted = parse_row(name)
    found = [
        row
        for row in groups
        if row.method == wanted.method
        and row.pretrained.startswith(wanted.pretrained)
        and bool(row.pretrained) == bool(wanted.pretrained)
    ]
    if len(found) == 1:
        return found[0]
    there = ", ".join(row.name for row in groups)
    problem = "there are several such rows" if found else "there are no records of it"
    raise BenchbedError(f"--reference {name}: {problem}; there are {there}.")


def _has_ours(seeds: RecordsBySeed, chooser: Chooser) -> bool:
    return any(chooser.is_ours(record) for records in seeds.values() for record in records)


def _seeds(groups: Mapping[RowId, RecordsBySeed], chooser: Chooser) -> dict[str, set[int]]:
    """Return the seeds of any row, by what it started from; imported ones say nothing of ours."""
    ours: dict[str, set[int]] = {}
    everything: dict[str, set[int]] = {}
    for row, seeds in groups.items():
        everything.setdefault(row.pretrained, set()).update(seeds)
        own = {seed for seed, records in seeds.items() if any(map(chooser.is_ours, records))}
        ours.setdefault(row.pretrained, set()).update(own)
    return {begun: ours[begun] or seeds for begun, seeds in everything.items()}


def _shown(builder: RowBuilder, choice: _Choice, store: Store) -> set[RowId]:
    """Return the rows that are asked for, and the rows that they are compared with.

    Raises:
        BenchbedError: there is none of those asked for.
    """
    known = {*builder.groups, *builder.failures}
    if choice.methods is None:
        return known
    asked = [row for row in known if _is_asked(row, choice)]
    if not asked:
        listed = ", ".join(sorted(row.name for row in known))
        raise BenchbedError(
            f"There are no records of these methods under {builder.protocol.id} in {store.root}; "
            f"there are of {listed}."
        )
    # those asked for that have no records have a row too, which says so
    present = {row.method for row in asked}
    absent = [name for name in choice.methods if name not in present]
    asked += [RowId(name, choice.pretrained or "") for name in absent]
    references = {builder.reference_of(row)[0] for row in asked}
    return {*asked, *(references & known)}


def _is_asked(row: RowId, choice: _Choice) -> bool:
    if choice.pretrained is not None and row.pretrained != choice.pretrained:
        return False
    return row.method in (choice.methods or ())


def _nothing(protocol: Protocol, store: Store, notes: Sequence[str]) -> BenchbedError:
    """Return the error that says that no record counts, and why."""
    message = (
        f"There are no records of {protocol.id} in {store.root}; run `benchbed run "
        f"{protocol.name}` first, or name the folder with --results."
    )
    return BenchbedError(" ".join([message, *notes]))


def _failures(store: Store, protocol: Protocol) -> dict[RowId, set[int]]:
    """Return the seeds that failed, by row."""
    found: dict[RowId, set[int]] = {}
    for failure in store.others("failed", protocol.name, protocol.version, Failure):
        if failure.protocol_digest == protocol.digest:
            found.setdefault(RowId.of(failure), set()).add(failure.seed)
    return found


def _measurements(store: Store, protocol: Protocol) -> dict[str, Measurement]:
    """Return each method's newest measurement."""
    digest = protocol.digest
    found = store.others("measurements", protocol.name, protocol.version, Measurement)
    current = [item for item in found if item.protocol_digest == digest]
    by_age = sorted(current, key=lambda item: item.finished)
    return {item.method: item for item in by_age}


def _order(row: Row) -> tuple[bool, float, str]:
    """Return what sorts rows: baselines first, then the best Δm."""
    if row.delta_m is not None:
        value = row.delta_m.mean
    else:
        value = 0.0 if row.is_baseline else -float("inf")
    return not row.is_baseline, -value, row.name
