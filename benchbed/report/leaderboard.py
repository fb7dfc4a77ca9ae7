"""The leaderboard: records of one protocol, summed up by method. Derived, never edited."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from benchbed.basics.errors import BenchbedError
from benchbed.contracts.delta import Definition, delta_m
from benchbed.contracts.protocol import Protocol
from benchbed.records.cost_sum import add_costs
from benchbed.records.index import Index, Summary
from benchbed.records.record import Costs, Failure, Measurement, MetricInfo, Tier
from benchbed.records.store import Store
from benchbed.records.verification import Verified, lowest_tier, read_verified
from benchbed.report.grouping import Seeds, by_method, of_one_kind, remarks
from benchbed.report.standing import Standing, standing
from benchbed.report.statistics.comparisons import Pair, Rank, pairwise, ranks
from benchbed.report.statistics.gains import DeltaOf, Scores
from benchbed.report.statistics.intervals import Difference, Estimate, interval

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Stat:
    """Mean, sample deviation and number of seeds; one seed has no deviation.

    ``low``, ``high``: the 95 % t interval of the mean, where there are two seeds or more.
    """

    mean: float
    std: float | None
    n: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One method's line.

    Attributes:
        seeds: seeds that count, all runs of which exist.
        failed: seeds with a run that failed; ``missing``: other seeds of the table that it lacks.
        standing: what follows from Δm, also of the reference itself; ``None`` where it cannot be
            computed, and ``delta_note`` then says why.
        reference: the method that Δm refers to: the baseline with the same backbone, or the one
            chosen; its own name for such a baseline.
        tier: the lowest trust tier of its records.
        cosines: of the tasks' gradients by pair, ``a·b``: each seed's mean over the epochs, where
            runs logged them.
    """

    method: str
    seeds: tuple[int, ...]
    tasks: Mapping[str, Mapping[str, Stat]]
    standing: Standing | None
    delta_note: str
    reference: str
    costs: Costs | None
    step_ms: float | None
    optimizer_steps: int | None
    samples: int | None
    training_macs: int | None
    failed: int
    missing: int
    step_device: str = ""
    tier: Tier | None = None
    cosines: Mapping[str, Stat] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_baseline(self) -> bool:
        """Whether Δm refers to the method itself."""
        return self.reference == self.method

    @property
    def delta_m(self) -> Difference | None:
        """Δm with its interval; ``None`` for the reference and where there is none."""
        return None if self.is_baseline or self.standing is None else self.standing.delta


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
        found = [row for row in self.rows if row.standing is not None]
        usual = Counter(row.reference for row in found).most_common(1)
        return {
            row.method: row.standing.estimate
            for row in found
            if row.standing is not None and row.reference == usual[0][0]
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

    def frame(self) -> pd.DataFrame:
        """Return the table as a DataFrame, one row a method."""
        from benchbed.report.writers import to_frame

        return to_frame(self)


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


@dataclass(frozen=True, slots=True)
class _Choice:
    definition: Definition
    reference: str | None
    methods: Sequence[str] | None


def _sum_up(protocol: Protocol, index: Index, choice: _Choice) -> Leaderboard:
    store, reference = index.store, choice.reference
    records, refused = index.summaries()
    notes = [f"Skipped {item}" for item in refused]
    records = of_one_kind(records, protocol, notes)
    digest = protocol.digest
    failures = [
        failure
        for failure in store.others("failed", protocol.name, protocol.version, Failure)
        if failure.protocol_digest == digest
    ]
    if not records and not failures:
        hint = " ".join(notes)
        raise BenchbedError(
            f"There are no records of {protocol.id} in {store.root}; run `benchbed run "
            f"{protocol.name}` first, or name the folder with --results. {hint}".strip()
        )
    groups = by_method(records, notes)
    baseline = reference or protocol.delta_m.baseline
    if reference is not None and reference not in groups:
        raise BenchbedError(
            f"--reference {reference}: there are no records of it; there are {', '.join(groups)}."
        )
    everyone = frozenset(seed for seeds in groups.values() for seed in seeds)
    verified = read_verified(store, protocol.name, protocol.version)
    builder = _Builder(protocol, groups, failures, choice.definition, reference, everyone, verified)
    known = groups.keys() | {failure.method for failure in failures}
    asked = set(choice.methods or ())
    names = sorted(known | asked if asked & known else known)
    measurements = _measurements(store, protocol)
    rows = [builder.row(name, measurements.get(name)) for name in names]
    rows.sort(key=_order)
    notes += remarks(records)
    metrics = _metrics(records, protocol)
    board = Leaderboard(
        protocol, choice.definition, baseline, metrics, tuple(rows), tuple(notes), reference
    )
    if choice.methods is None:
        return board
    chosen = board.only([*choice.methods, *(builder.baseline(name) for name in choice.methods)])
    if not chosen.rows:
        raise BenchbedError(
            f"There are no records of these methods under {protocol.id} in {store.root}; there are "
            f"of {', '.join(names)}."
        )
    return chosen


def _order(row: Row) -> tuple[bool, float, str]:
    value = row.delta_m.mean if row.delta_m else (0.0 if row.is_baseline else -float("inf"))
    return not row.is_baseline, -value, row.method


def _metrics(records: list[Summary], protocol: Protocol) -> dict[str, Mapping[str, MetricInfo]]:
    found: dict[str, dict[str, MetricInfo]] = {}
    for record in records:
        for task, infos in record.metrics.items():
            known = found.setdefault(task, {})
            for name, info in infos.items():  # a record may lack a detail that another has
                known.setdefault(name, info)
    return {task: found[task] for task in protocol.tasks if task in found}


def _measurements(store: Store, protocol: Protocol) -> dict[str, Measurement]:
    found: dict[str, Measurement] = {}
    digest = protocol.digest
    for item in store.others("measurements", protocol.name, protocol.version, Measurement):
        known = found.get(item.method)
        if item.protocol_digest == digest and (known is None or item.finished >= known.finished):
            found[item.method] = item
    return found


def _device(measurement: Measurement) -> str:
    environment = measurement.environment
    device = environment.get("device", "")
    name = environment.get("cpu", "") if device == "cpu" else device
    return f"{name}, threads: {measurement.threads}"


@dataclass(frozen=True, slots=True)
class _Builder:
    protocol: Protocol
    groups: Mapping[str, Seeds]
    failures: Sequence[Failure]
    definition: Definition
    reference: str | None
    seeds: frozenset[int]
    verified: Verified

    def complete(self, method: str) -> dict[int, list[Summary]]:
        """Return the seeds whose runs together cover every task."""
        wanted = set(self.protocol.tasks)
        return {
            seed: records
            for seed, records in sorted(self.groups.get(method, {}).items())
            if {task for record in records for task in record.tasks} == wanted
        }

    def scores(self, method: str) -> dict[int, dict[str, dict[str, float]]]:
        """Return test scores by seed, task and metric."""
        return {
            seed: {
                task: record.test[task]
                for task in self.protocol.tasks
                for record in records
                if task in record.test
            }
            for seed, records in self.complete(method).items()
        }

    def baseline(self, method: str) -> str:
        """Return the method that a method is compared with: the same backbone's baseline."""
        if self.reference is not None:
            return self.reference
        wanted = self._backbone(method)
        name = self.protocol.delta_m.baseline
        same = [
            other
            for other in self.groups
            if _ids(other) == _ids(name) and self._backbone(other) == wanted
        ]
        if name in same or not wanted:  # a method without a backbone has the protocol's baseline
            return name
        if same:
            return min(same)
        return f"{name} with the same backbone" if name in self.groups else name

    def _backbone(self, method: str) -> object:
        for records in self.groups.get(method, {}).values():
            bones = [c for c in records[0].components if c.kind == "backbone"]
            return [(c.id, c.version, c.options) for c in bones]
        return None

    def row(self, method: str, measurement: Measurement | None) -> Row:
        """Sum one method up."""
        scores = self.scores(method)
        complete = self.complete(method)
        failed = {f.seed for f in self.failures if f.method == method} - set(complete)
        found, note = self._standing(method, scores)
        one = next(iter(complete.values()), None)
        return Row(
            method=method,
            seeds=tuple(complete),
            tasks=_statistics(scores),
            standing=found,
            delta_note=note,
            reference=self.baseline(method),
            costs=add_costs(record.costs for record in one) if one else None,
            step_ms=measurement.step_ms if measurement else None,
            optimizer_steps=sum(r.budget.optimizer_steps for r in one) if one else None,
            samples=sum(r.budget.samples for r in one) if one else None,
            training_macs=sum(r.budget.macs for r in one) if one else None,
            failed=len(failed),
            missing=len(self.seeds - set(complete) - failed),
            step_device=_device(measurement) if measurement else "",
            tier=self._tier(complete.values()),
            cosines=_cosines(records for records in complete.values()),
        )

    def _tier(self, seeds: Iterable[Sequence[Summary]]) -> Tier | None:
        records = [record for records in seeds for record in records]
        return lowest_tier(records, self.verified) if records else None

    def _standing(
        self, method: str, scores: Mapping[int, dict[str, dict[str, float]]]
    ) -> tuple[Standing | None, str]:
        """Return where a method stands, or why that cannot be said."""
        name = self.baseline(method)
        reference = self.scores(name)
        if not scores:
            return None, "no complete seed"
        if not reference:
            return None, f"no complete seed of {name.split()[0]} with the same backbone"
        both = [*self.complete(method).values(), *self.complete(name).values()]
        infos = _metrics([record for records in both for record in records], self.protocol)
        delta_of = _delta_of(infos, self.definition)
        try:
            found = standing(
                method, _plain(scores, infos), name, _plain(reference, infos), delta_of
            )
        except BenchbedError as error:
            return None, str(error)
        return found, "the reference" if method == name else ""


def _delta_of(infos: Mapping[str, Mapping[str, MetricInfo]], definition: Definition) -> DeltaOf:
    """Return Δm of metrics as a function of scores and the reference's; it is asked often."""
    directions = {t: {m: i.higher_is_better for m, i in ms.items()} for t, ms in infos.items()}
    primary = {t: m for t, ms in infos.items() for m, i in ms.items() if i.primary}

    def delta_of(scores: Scores, baseline: Scores) -> float:
        found = delta_m(scores, baseline, directions, definition=definition, primary=primary)
        if not math.isfinite(found):
            raise BenchbedError("a change beyond all measure against the reference")
        return found

    return delta_of


def _plain(
    scores: Mapping[int, Mapping[str, Mapping[str, float]]],
    infos: Mapping[str, Mapping[str, MetricInfo]],
) -> dict[int, dict[str, dict[str, float]]]:
    """Return scores without details, which no Δm counts and a seed may lack."""
    details = {task: {m for m, info in ms.items() if info.detail} for task, ms in infos.items()}
    return {
        seed: {
            task: {m: v for m, v in values.items() if m not in details.get(task, ())}
            for task, values in by_task.items()
        }
        for seed, by_task in scores.items()
    }


def _cosines(seeds: Iterable[Sequence[Summary]]) -> dict[str, Stat]:
    found: dict[str, list[float]] = {}
    for records in seeds:
        for record in records:
            for pair, mean in record.cosines.items():
                found.setdefault(pair.replace("/", "·"), []).append(mean)
    return {pair: _stat(values) for pair, values in found.items()}


@lru_cache(maxsize=4096)
def _ids(method: str) -> tuple[str, ...]:
    """Return a method's architecture and weighting without their options."""
    return tuple(part.partition(":")[0] for part in method.split("+"))


def _stat(values: Sequence[float]) -> Stat:
    found = interval(values)
    return Stat(found.mean, found.std, found.n, found.low, found.high)


def _statistics(
    scores: Mapping[int, Mapping[str, Mapping[str, float]]],
) -> dict[str, dict[str, Stat]]:
    items = list(scores.values())
    if not items:
        return {}
    return {
        task: {
            metric: _stat([item[task][metric] for item in items])
            for metric in metrics
            if all(metric in item[task] for item in items)  # a seed may lack a detail
        }
        for task, metrics in items[0].items()
    }
