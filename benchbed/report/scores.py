"""Test scores of records, by task and metric: which metrics there are, means, Δm of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from benchbed.basics.errors import BenchbedError
from benchbed.contracts.delta import Definition, delta_m
from benchbed.contracts.protocol import Protocol
from benchbed.records.index import Summary
from benchbed.records.record import MetricInfo
from benchbed.report.row import Stat
from benchbed.report.statistics.gains import DeltaOf, Scores, Seeds
from benchbed.report.statistics.intervals import interval

Metrics = Mapping[str, Mapping[str, MetricInfo]]
"""Direction, role and display of every metric, by task."""


def metrics_of(records: Iterable[Summary], protocol: Protocol) -> dict[str, dict[str, MetricInfo]]:
    """Return the metrics that records have, by task; one may lack a detail that another has."""
    found: dict[str, dict[str, MetricInfo]] = {}
    for record in records:
        for task, infos in record.metrics.items():
            known = found.setdefault(task, {})
            for name, info in infos.items():
                known.setdefault(name, info)
    return {task: found[task] for task in protocol.tasks if task in found}


def scores_of(records: Iterable[Summary], protocol: Protocol) -> dict[str, dict[str, float]]:
    """Return the test scores of one seed's records, by task in the protocol's order."""
    found: dict[str, dict[str, float]] = {}
    for record in records:
        found |= record.test
    return {task: found[task] for task in protocol.tasks if task in found}


def without_details(seeds: Seeds, metrics: Metrics) -> dict[int, dict[str, dict[str, float]]]:
    """Return scores by seed without details, which no Δm counts and a seed may lack."""
    return {seed: _without_details(scores, metrics) for seed, scores in seeds.items()}


def _without_details(scores: Scores, metrics: Metrics) -> dict[str, dict[str, float]]:
    kept: dict[str, dict[str, float]] = {}
    for task, values in scores.items():
        details = {name for name, info in metrics.get(task, {}).items() if info.detail}
        kept[task] = {name: value for name, value in values.items() if name not in details}
    return kept


def delta_of(metrics: Metrics, definition: Definition) -> DeltaOf:
    """Return Δm of metrics as a function of scores and the reference's; it is asked often."""
    directions: dict[str, dict[str, bool]] = {}
    primary: dict[str, str] = {}
    for task, infos in metrics.items():
        directions[task] = {name: info.higher_is_better for name, info in infos.items()}
        for name, info in infos.items():
            if info.primary:
                primary[task] = name

    def found(scores: Scores, baseline: Scores) -> float:
        value = delta_m(scores, baseline, directions, definition=definition, primary=primary)
        if not math.isfinite(value):
            raise BenchbedError("a change beyond all measure against the reference")
        return value

    return found


# Over seeds -------------------------------------------------------------------------------------


def statistics(seeds: Seeds) -> dict[str, dict[str, Stat]]:
    """Return the statistics over seeds of every metric that all seeds have, by task."""
    runs = list(seeds.values())
    if not runs:
        return {}
    return {task: _statistics_of_task(task, runs) for task in runs[0]}


def _statistics_of_task(task: str, runs: Sequence[Scores]) -> dict[str, Stat]:
    found: dict[str, Stat] = {}
    for metric in runs[0][task]:
        if all(metric in run[task] for run in runs):  # a seed may lack a detail
            found[metric] = stat([run[task][metric] for run in runs])
    return found


def cosine_statistics(seeds: Iterable[Sequence[Summary]]) -> dict[str, Stat]:
    """Return the statistics over seeds of the gradients' cosines, by pair of tasks, ``a·b``."""
    found: dict[str, list[float]] = {}
    for records in seeds:
        for record in records:
            for pair, mean in record.cosines.items():
                found.setdefault(pair.replace("/", "·"), []).append(mean)
    return {pair: stat(values) for pair, values in found.items()}


def stat(values: Sequence[float]) -> Stat:
    """Return the statistics of one value a seed."""
    found = interval(values)
    return Stat(found.mean, found.std, found.n, found.low, found.high)
