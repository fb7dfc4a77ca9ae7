"""A method's records summed up to its row of a leaderboard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain

from benchbed.basics.errors import BenchbedError
from benchbed.contracts.delta import Definition
from benchbed.contracts.protocol import Protocol
from benchbed.records.cost_sum import add_costs
from benchbed.records.index import Summary
from benchbed.records.record import Failure, Measurement, Tier
from benchbed.records.verification import Verified, lowest_tier
from benchbed.report.grouping import RecordsBySeed
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
    """The complete seeds of one method: those whose runs together cover every task.

    Attributes:
        method: its name.
        seeds: each seed's records.
        scores: each seed's test scores by task and metric.
    """

    method: str
    seeds: Mapping[int, Sequence[Summary]]
    scores: Mapping[int, Mapping[str, Mapping[str, float]]]

    @property
    def records(self) -> list[Summary]:
        """The records of all seeds."""
        return list(chain.from_iterable(self.seeds.values()))

    def side(self, metrics: Metrics) -> Side:
        """Return its scores as Δm counts them."""
        return Side(self.method, without_details(self.scores, metrics))


@dataclass(frozen=True, slots=True)
class RowBuilder:
    """Sums methods up, one at a time.

    Attributes:
        protocol: of all records.
        groups: each method's records by seed.
        seeds: those of any method.
        failures: runs that failed.
        measurements: each method's newest.
        verified: which records were made again.
        definition: of Δm.
        reference: the method that Δm refers to, instead of the baseline with the same backbone.
    """

    protocol: Protocol
    groups: Mapping[str, RecordsBySeed]
    seeds: frozenset[int]
    failures: Sequence[Failure]
    measurements: Mapping[str, Measurement]
    verified: Verified
    definition: Definition
    reference: str | None
    _runs: dict[str, Runs] = field(default_factory=dict)

    def row(self, method: str) -> Row:
        """Sum one method up."""
        runs = self._runs_of(method)
        reference = self.reference_of(method)
        found, note = self._standing(runs, reference)
        one = next(iter(runs.seeds.values()), [])
        failed = self._failed_seeds(runs)
        measurement = self.measurements.get(method)
        return Row(
            method=method,
            seeds=tuple(runs.seeds),
            tasks=statistics(runs.scores),
            standing=found,
            delta_note=note,
            reference=reference,
            costs=add_costs(record.costs for record in one) if one else None,
            step_ms=measurement.step_ms if measurement else None,
            optimizer_steps=_total(record.budget.optimizer_steps for record in one),
            samples=_total(record.budget.samples for record in one),
            training_macs=_total(record.budget.macs for record in one),
            failed=len(failed),
            missing=len(self.seeds - runs.seeds.keys() - failed),
            step_device=_device(measurement) if measurement else "",
            tier=self._tier(runs),
            cosines=cosine_statistics(runs.seeds.values()),
        )

    def reference_of(self, method: str) -> str:
        """Return the method that a method is compared with: the same backbone's baseline."""
        if self.reference is not None:
            return self.reference
        name = self.protocol.delta_m.baseline
        backbone = self._backbone(method)
        same = [other for other in self._baselines() if self._backbone(other) == backbone]
        if name in same or not backbone:  # a method without a backbone has the protocol's baseline
            return name
        if same:
            return min(same)
        return f"{name} with the same backbone" if name in self.groups else name

    def _baselines(self) -> list[str]:
        """Return the methods that are the protocol's baseline but for their options."""
        wanted = _ids(self.protocol.delta_m.baseline)
        return [method for method in self.groups if _ids(method) == wanted]

    def _backbone(self, method: str) -> list[object] | None:
        """Return what tells backbones apart; ``None`` of a method without records."""
        seeds = self.groups.get(method)
        if not seeds:
            return None
        record = next(iter(seeds.values()))[0]
        bones = [c for c in record.components if c.kind == "backbone"]
        return [(bone.id, bone.version, bone.options) for bone in bones]

    def _runs_of(self, method: str) -> Runs:
        if method not in self._runs:
            self._runs[method] = self._complete_runs(method)
        return self._runs[method]

    def _complete_runs(self, method: str) -> Runs:
        wanted = set(self.protocol.tasks)
        seeds: dict[int, list[Summary]] = {}
        for seed, records in sorted(self.groups.get(method, {}).items()):
            covered = chain.from_iterable(record.tasks for record in records)
            if set(covered) == wanted:
                seeds[seed] = records
        scores = {seed: scores_of(records, self.protocol) for seed, records in seeds.items()}
        return Runs(method, seeds, scores)

    def _failed_seeds(self, runs: Runs) -> set[int]:
        failed = {failure.seed for failure in self.failures if failure.method == runs.method}
        return failed - runs.seeds.keys()

    def _tier(self, runs: Runs) -> Tier | None:
        records = runs.records
        return lowest_tier(records, self.verified) if records else None

    def _standing(self, ours: Runs, reference: str) -> tuple[Standing | None, str]:
        """Return where a method stands, or why that cannot be said."""
        theirs = self._runs_of(reference)
        if not ours.scores:
            return None, "no complete seed"
        if not theirs.scores:
            baseline = reference.partition(" ")[0]
            return None, f"no complete seed of {baseline} with the same backbone"
        metrics = metrics_of([*ours.records, *theirs.records], self.protocol)
        of_metrics = delta_of(metrics, self.definition)
        try:
            found = standing(ours.side(metrics), theirs.side(metrics), of_metrics)
        except BenchbedError as error:
            return None, str(error)
        return found, "the reference" if ours.method == reference else ""


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
