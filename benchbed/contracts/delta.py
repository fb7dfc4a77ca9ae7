"""Δm, the mean relative change against a baseline, in the three definitions that papers use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from benchbed.basics.errors import BenchbedError

Definition = Literal["primary", "per-task-mean", "flat"]
DEFINITIONS: Final[Mapping[Definition, str]] = {
    "primary": "mean over tasks of the primary metric's relative change",
    "per-task-mean": "mean over tasks of the mean over the task's metrics",
    "flat": "mean over all metrics of all tasks",
}
Scores = Mapping[str, float | Mapping[str, float]]
Directions = Mapping[str, bool | Mapping[str, bool]]


def relative_gain(value: float, baseline: float, *, higher_is_better: bool) -> float:
    """Return (−1)^l·(M − B)/|B| with l = 1 where lower is better: positive is better.

    Args:
        value: the method's metric, M.
        baseline: the baseline's, B.
        higher_is_better: the metric's direction.

    Raises:
        BenchbedError: the baseline is 0, which has no relative change.
    """
    if baseline == 0:
        raise BenchbedError(
            "Δm is not defined where the baseline's metric is 0; choose another primary metric or "
            "another reference."
        )
    change = (value - baseline) / abs(baseline)
    return change if higher_is_better else -change


def delta_m(
    scores: Scores,
    baseline: Scores,
    higher_is_better: Directions,
    *,
    definition: Definition = "primary",
    primary: Mapping[str, str] | None = None,
) -> float:
    """Return Δm in percent; positive is better.

    Δm = 1/T Σ_i (−1)^{l_i}·(M_i − B_i)/|B_i|·100 (K.-K. Maninis, I. Radosavovic, I. Kokkinos:
    Attentive Single-Tasking of Multiple Tasks, CVPR 2019, eq. 3, whose tables print the opposite
    sign, a drop). ``per-task-mean`` is LibMTL's definition, ``flat`` Nash-MTL's.

    ::

        delta_m({"seg": 0.75}, {"seg": 0.5}, {"seg": True})  # 50.0

    Args:
        scores: the method's metrics, ``{task: value}`` or ``{task: {metric: value}}``.
        baseline: those of the baseline, in the same form.
        higher_is_better: the metrics' directions, in the same form.
        definition: which Δm.
        primary: each task's primary metric, for ``primary`` where a task has several.

    Raises:
        BenchbedError: a baseline of 0 in a metric that counts, tasks or metrics that differ, or no
            primary metric named.
    """
    if definition not in DEFINITIONS:
        raise BenchbedError(f"Δm has no definition '{definition}'; use {', '.join(DEFINITIONS)}.")
    if not scores or set(scores) != set(baseline):
        raise BenchbedError("Δm needs the same tasks, at least one, on both sides.")
    counted: list[float] = []
    for task, value in scores.items():
        ours, theirs = _by_metric(value), _by_metric(baseline[task])
        if ours.keys() != theirs.keys():
            raise BenchbedError(f"Δm needs the same metrics on both sides for task '{task}'.")
        metrics = list(ours)
        if definition == "primary":
            metrics = [_primary(task, ours, primary)]
        gains: list[float] = []
        for metric in metrics:
            higher = _direction(task, metric, higher_is_better)
            gains.append(relative_gain(ours[metric], theirs[metric], higher_is_better=higher))
        if definition == "per-task-mean":
            gains = [sum(gains) / len(gains)]
        counted += gains
    return 100 * sum(counted) / len(counted)


def _by_metric(value: float | Mapping[str, float]) -> Mapping[str, float]:
    # reports come here once for each record: of the two types, dict is found faster
    if isinstance(value, (dict, Mapping)):
        return value
    return {"": value}


def _direction(task: str, metric: str, directions: Directions) -> bool:
    higher = directions.get(task)
    if isinstance(higher, (dict, Mapping)):
        higher = higher.get(metric)
    if higher is None:
        raise BenchbedError(f"Δm needs the direction of '{metric or task}' of task '{task}'.")
    return higher


def _primary(task: str, scores: Mapping[str, float], primary: Mapping[str, str] | None) -> str:
    if len(scores) == 1:
        return next(iter(scores))
    name = (primary or {}).get(task)
    if name is None or name not in scores:
        raise BenchbedError(f"Δm needs to know the primary metric of task '{task}'.")
    return name
