"""A row's records summed up to what stands in a leaderboard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain

from benchbed.basics.errors import BenchbedError
from benchbed.contracts.delta import Definition
from benchbed.contracts.protocol import Protocol
from benchbed.records.cost_sum import add_costs
from benchbed.records.index import Summary
from benchbed.records.record import Measurement, Tier
from benchbed.records.row_id import RowId
from benchbed.records.verification import Verified, lowest_tier
from benchbed.report.records.by_row import RecordsBySeed
from benchbed.report.row import Row
from benchbed.report.scores import (
    Metrics,
    cosine_statistics,
    delta_of,
    metrics_of,
    scores_of,
    statistics,
    without_details,
)
from benchbed.report.standing import Side, Standing, standing


@dataclass(frozen=True, slots=True)
class Runs:
    """The complete seeds of one row: those whose runs together cover every task, each once.

    Attributes:
        row: whose they are.
        seeds: each seed's records.
        scores: each seed's test scores by task and metric.
    """

    row: RowId
    seeds: Mapping[int, Sequence[Summary]]
    scores: Mapping[int, Mapping[str, Mapping[str, float]]]

    @property
    def records(self) -> list[Summary]:
        """The records of all seeds."""
        return list(chain.from_iterable(self.seeds.values()))

    def side(self, metrics: Metrics) -> Side:
        """Return its scores as Δm counts them."""
        return Side(self.row.name, without_details(self.scores, metrics))


@dataclass(frozen=True, slots=True)
class RowBuilder:
    """Sums rows up, one at a time.

    Attributes:
        protocol: of all records.
        groups: each row's records by seed.
        seeds: by what rows started from, those of any such row.
        failures: runs that failed.
        measurements: each method's newest.
        verified: which records were made again.
        definition: of Δm.
        reference: the row that Δm refers to, instead of the baseline with the same backbone that
            started from the same.
        ours: rows with records that were not imported, which are references before others.
    """

    protocol: Protocol
    groups: Mapping[RowId, RecordsBySeed]
    seeds: Mapping[str, Set[int]]
    failures: Mapping[RowId, Set[int]]
    measurements: Mapping[str, Measurement]
    verified: Verified
    definition: Definition
    reference: RowId | None
    ours: Set[RowId] = frozenset()
    _runs: dict[RowId, Runs] = field(default_factory=dict)

    def row(self, row: RowId) -> Row:
        """Sum one row up."""
        runs = self._runs_of(row)
        reference, is_there = self.reference_of(row)
        found, note = self._standing(runs, reference, is_there=is_there)
        one = next(iter(runs.seeds.values()), [])
        failed = self.failures.get(row, frozenset()) - runs.seeds.keys()
        measurement = self.measurements.get(row.method)
        return Row(
            method=row.method,
            seeds=tuple(runs.seeds),
            tasks=statistics(runs.scores),
            standing=found,
            delta_note=note,
            reference=reference.name if is_there else _absent(reference),
            costs=add_costs(record.costs for record in one) if one else None,
            step_ms=measurement.step_ms if measurement else None,
            optimizer_steps=_total(record.budget.optimizer_steps for record in one),
            samples=_total(record.budget.samples for record in one),
            training_macs=_total(record.budget.macs for record in one),
            failed=len(failed),
            missing=len(self.seeds.get(row.pretrained, frozenset()) - runs.seeds.keys() - failed),
            step_device=_device(measurement) if measurement else "",
            tier=self._tier(runs),
            cosines=cosine_statistics(runs.seeds.values()),
            pretrained=row.pretrained,
        )

    def reference_of(self, row: RowId) -> tuple[RowId, bool]:
        """Return what a row is compared with, and whether its backbone is the row's.

        That is the protocol's baseline with the same backbone that started from the same.
        """
        if self.reference is not None:
            return self.reference, True
        usual = RowId(self.protocol.delta_m.baseline, row.pretrained)
        backbone = self._backbone(row)
        same = [other for other in self._baselines(row) if self._backbone(other) == backbone]
        if usual in same or not backbone:  # a method without a backbone has the usual baseline
            return usual, True
        if same:
            return min(same, key=lambda other: (other not in self.ours, other)), True
        return usual, usual not in self.groups

    def _baselines(self, row: RowId) -> list[RowId]:
        """Return the rows of the protocol's baseline, with any options, that started as a row."""
        wanted = _ids(self.protocol.delta_m.baseline)
        return [
            other
            for other in self.groups
            if other.pretrained == row.pretrained and _ids(other.method) == wanted
        ]

    def _backbone(self, row: RowId) -> list[object] | None:
        """Return what tells backbones apart; ``None`` of a row without records."""
        seeds = self.groups.get(row)
        if not seeds:
            return None
        record = next(iter(seeds.values()))[0]
        bones = [c for c in record.components if c.kind == "backbone"]
        return [(bone.id, bone.version, bone.options) for bone in bones]

    def _runs_of(self, row: RowId) -> Runs:
        if row not in self._runs:
            self._runs[row] = self._complete_runs(row)
        return self._runs[row]

    def _complete_runs(self, row: RowId) -> Runs:
        wanted = sorted(self.protocol.tasks)
        seeds: dict[int, list[Summary]] = {}
        for seed, records in sorted(self.groups.get(row, {}).items()):
            covered = chain.from_iterable(record.tasks for record in records)
            if sorted(covered) == wanted:
                seeds[seed] = records
        scores = {seed: scores_of(records, self.protocol) for seed, records in seeds.items()}
        return Runs(row, seeds, scores)

    def _tier(self, runs: Runs) -> Tier | None:
        records = runs.records
        return lowest_tier(records, self.verified) if records else None

    def _standing(
        self, ours: Runs, reference: RowId, *, is_there: bool
    ) -> tuple[Standing | None, str]:
        """Return where a row stands, or why that cannot be said."""
        theirs = self._runs_of(reference)
        if not ours.scores:
            return None, "no complete seed"
        if not theirs.scores or not is_there:
            return None, f"no complete seed of {reference.name} with the same backbone"
        metrics = metrics_of([*ours.records, *theirs.records], self.protocol)
        of_metrics = delta_of(metrics, self.definition)
        try:
            found = standing(ours.side(metrics), theirs.side(metrics), of_metrics)
        except BenchbedError as error:
            return None, str(error)
        return found, "the reference" if ours.row == reference else ""


def _absent(reference: RowId) -> str:
    """Return what stands for a baseline that is there, but not with a row's backbone."""
    return f"{reference.name} with the same backbone"


@lru_cache(maxsize=4096)
def _ids(method: str) -> tuple[str, ...]:
    """Return a method's architecture and weighting without their options."""
    return tuple(part.partition(":")[0] for part in method.split("+"))


def _total(counts: Iterable[int]) -> int | None:
    """Return the sum; ``None`` of nothing."""
    found = list(counts)
    return sum(found) if found else None


def _device(measurement: Measurement) -> str:
    environment = measurement.environment
    device = environment.get("device", "")
    name = environment.get("cpu", "") if device == "cpu" else device
    return f"{name}, threads: {measurement.threads}"
