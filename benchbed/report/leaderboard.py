"""The leaderboard: records of one protocol, summed up by method. Derived, never edited."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from benchbed.cost_sum import add_costs
from benchbed.delta import Definition, delta_m
from benchbed.errors import BenchbedError
from benchbed.index import Index, Summary
from benchbed.protocol import Protocol
from benchbed.record import Costs, Failure, Measurement, MetricInfo
from benchbed.report.grouping import Seeds, by_method, of_one_kind, remarks
from benchbed.store import Store

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Stat:
    """Mean, sample standard deviation and number of seeds (no deviation for one seed)."""

    mean: float
    std: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Row:
    """One method's line.

    Attributes:
        seeds: seeds that count, all runs of which exist.
        failed: seeds with a run that failed; ``missing``: other seeds of the table that it lacks.
        delta_m: ``None`` where it cannot be computed; ``delta_note`` then says why.
        cosines: of the tasks' gradients by pair, ``a·b``: each seed's mean over the epochs, where
            runs logged them.
    """

    method: str
    seeds: tuple[int, ...]
    tasks: Mapping[str, Mapping[str, Stat]]
    delta_m: Stat | None
    delta_note: str
    is_baseline: bool
    costs: Costs | None
    step_ms: float | None
    optimizer_steps: int | None
    samples: int | None
    training_macs: int | None
    failed: int
    missing: int
    step_device: str = ""
    cosines: Mapping[str, Stat] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


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
    builder = _Builder(protocol, groups, failures, choice.definition, reference, everyone)
    names = sorted(groups.keys() | {failure.method for failure in failures})
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
    return board.only([*choice.methods, *(builder.baseline(name) for name in choice.methods)])


def _order(row: Row) -> tuple[bool, float, str]:
    value = row.delta_m.mean if row.delta_m else (0.0 if row.is_baseline else -float("inf"))
    return not row.is_baseline, -value, row.method


def _metrics(records: list[Summary], protocol: Protocol) -> dict[str, Mapping[str, MetricInfo]]:
    found: dict[str, Mapping[str, MetricInfo]] = {}
    for record in records:
        for task, infos in record.metrics.items():
            found.setdefault(task, infos)
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
        delta, note = self._delta(method, scores)
        one = next(iter(complete.values()), None)
        return Row(
            method=method,
            seeds=tuple(complete),
            tasks=_statistics(scores),
            delta_m=delta,
            delta_note=note,
            is_baseline=method == self.baseline(method),
            costs=add_costs(record.costs for record in one) if one else None,
            step_ms=measurement.step_ms if measurement else None,
            optimizer_steps=sum(r.budget.optimizer_steps for r in one) if one else None,
            samples=sum(r.budget.samples for r in one) if one else None,
            training_macs=sum(r.budget.macs for r in one) if one else None,
            failed=len(failed),
            missing=len(self.seeds - set(complete) - failed),
            step_device=_device(measurement) if measurement else "",
            cosines=_cosines(records for records in complete.values()),
        )

    def _delta(
        self, method: str, scores: Mapping[int, dict[str, dict[str, float]]]
    ) -> tuple[Stat | None, str]:
        """Return Δm of the mean scores, and its deviation over seeds paired with the baseline's."""
        name = self.baseline(method)
        if method == name:
            return None, "the reference"
        reference = self.scores(name)
        if not scores:
            return None, "no complete seed"
        if not reference:
            return None, f"no complete seed of {name.split()[0]} with the same backbone"
        infos = _metrics([r for rs in self.complete(method).values() for r in rs], self.protocol)
        try:
            mean = self._delta_of(
                _mean(list(scores.values())), _mean(list(reference.values())), infos
            )
            paired = [
                self._delta_of(scores[seed], reference[seed], infos)
                for seed in scores
                if seed in reference
            ]
        except BenchbedError as error:
            return None, str(error)
        if not all(map(math.isfinite, [mean, *paired])):
            return None, "a change beyond all measure against the reference"
        return Stat(mean, _std(paired), len(paired)), ""

    def _delta_of(
        self,
        scores: Mapping[str, Mapping[str, float]],
        baseline: Mapping[str, Mapping[str, float]],
        infos: Mapping[str, Mapping[str, MetricInfo]],
    ) -> float:
        details = {t: {m for m, i in ms.items() if i.detail} for t, ms in infos.items()}

        def counted(
            scores: Mapping[str, Mapping[str, float]],
        ) -> dict[str, Mapping[str, float]]:
            return {
                task: {m: value for m, value in values.items() if m not in details.get(task, ())}
                for task, values in scores.items()
            }

        return delta_m(
            counted(scores),
            counted(baseline),
            {t: {m: i.higher_is_better for m, i in ms.items()} for t, ms in infos.items()},
            definition=self.definition,
            primary={t: m for t, ms in infos.items() for m, i in ms.items() if i.primary},
        )


def _cosines(seeds: Iterable[Sequence[Summary]]) -> dict[str, Stat]:
    found: dict[str, list[float]] = {}
    for records in seeds:
        for record in records:
            for pair, mean in record.cosines.items():
                found.setdefault(pair.replace("/", "·"), []).append(mean)
    return {
        pair: Stat(sum(values) / len(values), _std(values), len(values))
        for pair, values in found.items()
    }


def _mean(items: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    return {
        task: {
            metric: sum(i[task][metric] for i in items) / len(items)
            for metric in metrics
            if all(metric in i[task] for i in items)  # a seed may lack a detail
        }
        for task, metrics in items[0].items()
    }


@lru_cache(maxsize=4096)
def _ids(method: str) -> tuple[str, ...]:
    """Return a method's architecture and weighting without their options."""
    return tuple(part.partition(":")[0] for part in method.split("+"))


def _std(values: Sequence[float]) -> float | None:
    import statistics

    return statistics.stdev(values) if len(values) > 1 else None


def _statistics(
    scores: Mapping[int, Mapping[str, Mapping[str, float]]],
) -> dict[str, dict[str, Stat]]:
    items = list(scores.values())
    if not items:
        return {}
    return {
        task: {
            metric: Stat(mean, _std([item[task][metric] for item in items]), len(items))
            for metric, mean in metrics.items()
        }
        for task, metrics in _mean(items).items()
    }
