"""The leaderboard: records of one protocol, summed up by method. Derived, never edited."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace

import msgspec

from benchbed.basics.errors import BenchbedError
from benchbed.contracts.delta import Definition
from benchbed.contracts.protocol import Protocol
from benchbed.records.index import Index
from benchbed.records.record import Failure, Measurement, MetricInfo
from benchbed.records.source_links import read_source_links
from benchbed.records.store import Store
from benchbed.records.verification import read_verified
from benchbed.report.grouping import by_method, of_one_kind, remarks
from benchbed.report.row import Row
from benchbed.report.row_builder import RowBuilder
from benchbed.report.scores import metrics_of
from benchbed.report.sources import about_sources
from benchbed.report.statistics.comparisons import Pair, Rank, pairwise, ranks
from benchbed.report.statistics.intervals import Estimate


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """A protocol's table, best Δm first.

    Attributes:
        metrics: direction, role and display of every metric.
        notes: what a reader must know: files refused, records left out, mixed versions.
        reference: the method that was chosen instead of the baseline, if one was.
        records: the results folder whose records these are, seen from where the table is written.
    """

    protocol: Protocol
    definition: Definition
    baseline: str
    metrics: Mapping[str, Mapping[str, MetricInfo]]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    reference: str | None = None
    records: str = ""

    @property
    def step_device(self) -> str:
        """The devices on which the rows' step times were measured."""
        return "; ".join(sorted({row.step_device for row in self.rows if row.step_device}))

    def ranks(self) -> dict[str, Rank]:
        """Return the ranks, with ties, of the rows whose Δm has an interval and of the reference.

        One seed says nothing of who is better, and no rank 1 follows from that.
        """
        sure = {
            row.method for row in self.rows if row.standing and row.standing.delta.low is not None
        }
        known = {name: found for name, found in self.estimates().items() if name in sure}
        return ranks(known) if len(known) > 1 else {}

    def pairs(self) -> tuple[Pair, ...]:
        """Return each pair of rows with the difference of their Δm, corrected for all pairs."""
        return pairwise(self.estimates())

    def estimates(self) -> dict[str, Estimate]:
        """Return the rows' Δm with the influence of every run, of those with one reference.

        Δm against another backbone's baseline cannot be compared; the commonest reference counts.
        """
        references = Counter(row.reference for row in self.rows if row.standing is not None)
        usual = [reference for reference, _ in references.most_common(1)]
        return {
            row.method: row.standing.estimate
            for row in self.rows
            if row.standing is not None and row.reference in usual
        }

    def only(self, methods: Iterable[str]) -> Leaderboard:
        """Return the table with the rows of some methods, by their canonical names."""
        keep = set(methods)
        return replace(self, rows=tuple(row for row in self.rows if row.method in keep))

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


def build_leaderboard(
    protocol: Protocol,
    store: Store,
    *,
    definition: Definition | None = None,
    reference: str | None = None,
    methods: Sequence[str] | None = None,
) -> Leaderboard:
    """Sum a protocol's records up, or return what they came to as long as no file has changed.

    Args:
        protocol: only records of its very digest count.
        store: the results folder.
        definition: of Δm; the protocol's own by default.
        reference: method that Δm is relative to, instead of the baseline with the same backbone.
        methods: canonical names to show; all by default (baselines are always kept).

    Raises:
        BenchbedError: there are no records, or the reference is not among them.
    """
    index = Index(store, protocol.name, protocol.version)
    choice = _Choice(definition or protocol.delta_m.definition, reference, methods)
    question = [str(store.root), msgspec.to_builtins((protocol, choice))]
    return index.answer(question, Leaderboard, lambda index: _sum_up(protocol, index, choice))


def _sum_up(protocol: Protocol, index: Index, choice: _Choice) -> Leaderboard:
    store, reference = index.store, choice.reference
    found, refused = index.summaries()
    records, about_records = of_one_kind(found, protocol)
    notes = [*(f"Skipped {item}" for item in refused), *about_records]
    failures = _failures(store, protocol)
    if not records and not failures:
        raise _nothing(protocol, store, notes)
    groups, about_methods = by_method(records)
    links = read_source_links(store, protocol.name, protocol.version)
    if reference is not None and reference not in groups:
        raise BenchbedError(
            f"--reference {reference}: there are no records of it; there are {', '.join(groups)}."
        )
    builder = RowBuilder(
        protocol=protocol,
        groups=groups,
        seeds=frozenset().union(*groups.values()),
        failures=failures,
        measurements=_measurements(store, protocol),
        verified=read_verified(store, protocol.name, protocol.version),
        definition=choice.definition,
        reference=reference,
    )
    known = groups.keys() | {failure.method for failure in failures}
    names = sorted(_with_asked(known, choice.methods or ()))
    board = Leaderboard(
        protocol=protocol,
        definition=choice.definition,
        baseline=reference or protocol.delta_m.baseline,
        metrics=metrics_of(records, protocol),
        rows=tuple(sorted(map(builder.row, names), key=_order)),
        notes=(*notes, *about_methods, *remarks(records), *about_sources(records, links)),
        reference=reference,
    )
    if choice.methods is None:
        return board
    references = map(builder.reference_of, choice.methods)
    chosen = board.only([*choice.methods, *references])
    if not chosen.rows:
        raise BenchbedError(
            f"There are no records of these methods under {protocol.id} in {store.root}; there are "
            f"of {', '.join(names)}."
        )
    return chosen


def _with_asked(known: Set[str], asked: Iterable[str]) -> Set[str]:
    """Return the methods that have records, and where some of those asked do, the others too."""
    return known | set(asked) if known & set(asked) else known


def _nothing(protocol: Protocol, store: Store, notes: Sequence[str]) -> BenchbedError:
    """Return the error that says that no record counts, and why."""
    message = (
        f"There are no records of {protocol.id} in {store.root}; run `benchbed run "
        f"{protocol.name}` first, or name the folder with --results."
    )
    return BenchbedError(" ".join([message, *notes]))


def _failures(store: Store, protocol: Protocol) -> list[Failure]:
    digest = protocol.digest
    found = store.others("failed", protocol.name, protocol.version, Failure)
    return [failure for failure in found if failure.protocol_digest == digest]


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
    return not row.is_baseline, -value, row.method
