"""Δm, the mean relative change against a baseline, in the three definitions that papers use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from benchbed.errors import BenchbedError

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

    Args:
        scores: the method's metrics, ``{task: value}`` or ``{task: {metric: value}}``.
        baseline: those of the baseline, in the same form.
        higher_is_better: the metrics' directions, in the same form.
        definition: which Δm.
        primary: each task's primary metric, for ``primary`` where a task has several.

    Raises:
        BenchbedError: a baseline of 0, tasks or metrics that differ, or no primary metric named.
    """
    if definition not in DEFINITIONS:
        raise BenchbedError(f"Δm has no definition '{definition}'; use {', '.join(DEFINITIONS)}.")
    if not scores or set(scores) != set(baseline):
        raise BenchbedError("Δm needs the same tasks, at least one, on both sides.")
    gains = {
        task: _gains(task, _by_metric(scores[task]), _by_metric(baseline[task]), higher_is_better)
        for task in scores
    }
    if definition == "flat":
        everything = [gain for values in gains.values() for gain in values.values()]
        return 100 * sum(everything) / len(everything)
    if definition == "per-task-mean":
        means = [sum(values.values()) / len(values) for values in gains.values()]
        return 100 * sum(means) / len(means)
    chosen = [values[_primary(task, values, primary)] for task, values in gains.items()]
    return 100 * sum(chosen) / len(chosen)


def _by_metric(value: float | Mapping[str, float]) -> Mapping[str, float]:
    return value if isinstance(value, Mapping) else {"": value}


def _gains(
    task: str, scores: Mapping[str, float], baseline: Mapping[str, float], directions: Directions
) -> dict[str, float]:
    if set(scores) != set(baseline):
        raise BenchbedError(f"Δm needs the same metrics on both sides for task '{task}'.")
    direction = directions.get(task)
    gains: dict[str, float] = {}
    for metric, value in scores.items():
        higher = direction.get(metric) if isinstance(direction, Mapping) else direction
        if higher is None:
            raise BenchbedError(f"Δm needs the direction of '{metric or task}' of task '{task}'.")
        gains[metric] = relative_gain(value, baseline[metric], higher_is_better=higher)
    return gains


def _primary(task: str, gains: Mapping[str, float], primary: Mapping[str, str] | None) -> str:
    if len(gains) == 1:
        return next(iter(gains))
    name = (primary or {}).get(task)
    if name is None or name not in gains:
        raise BenchbedError(f"Δm needs to know the primary metric of task '{task}'.")
    return name
