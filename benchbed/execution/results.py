"""From a finished training to its record and weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import safetensors.torch
import torch
from torch import Tensor

from benchbed.basics.environment import describe, now
from benchbed.basics.errors import RecordError, RunError
from benchbed.contracts.task import Task
from benchbed.engine.cost import costs_or_none, second_opinion, training_macs
from benchbed.engine.layout import memory_format
from benchbed.engine.session import Session
from benchbed.engine.trainer import Outcome
from benchbed.records.cost_sum import EVERYTHING
from benchbed.records.job import Job
from benchbed.records.record import (
    ENGINE,
    Budget,
    MetricInfo,
    Record,
    Scores,
    decode_record,
    finite,
    seal,
)
from benchbed.records.store import write_atomically


def save_weights(path: Path, weights: dict[str, Tensor]) -> None:
    """Write a network's weights as safetensors, atomically.

    Raises:
        StoreError: the folder cannot be written.
    """
    # safetensors takes neither views nor tensors that share their memory, as tied weights do
    plain = {name: value.contiguous().clone() for name, value in weights.items()}
    write_atomically(path, safetensors.torch.save(plain))


def device_name(device: torch.device) -> str:
    """Return the device's kind, and for a GPU its model."""
    if device.type != "cuda":
        return device.type
    return f"cuda ({torch.cuda.get_device_name(device)})"


def make_record(
    job: Job, session: Session, outcome: Outcome, started: str, notes: Sequence[str] = ()
) -> Record:
    """Return the sealed record of a finished run, with notes on how it was started.

    Raises:
        RunError: something cannot stand in a record, or a test metric is not finite, other than
            that of a class or group that the test split lacks, which is left out.
    """
    test = _without_empty_details(outcome.test, session)
    _require_finite(test)
    progress = outcome.progress
    costs, about_costs = costs_or_none(session)
    known = EVERYTHING not in costs.uncounted
    if known:
        about_costs += second_opinion(session, costs)
    environment = describe(device_name(session.device), job.threads)
    environment["memory format"] = memory_format(session.network)
    budget = Budget(
        epochs=progress.epoch,
        optimizer_steps=progress.optimizer_steps,
        samples=progress.samples,
        seconds=round(progress.seconds, 3),
        macs=training_macs(session, progress.efforts) if known else 0,
    )
    record = Record(
        schema="benchbed.record/1",
        key=job.key,
        protocol=job.protocol.id,
        protocol_digest=job.protocol.digest,
        method=job.method,
        tasks=job.tasks,
        seed=job.seed,
        engine=ENGINE,
        components=job.components,
        data_digest=job.data_digest,
        metrics=_metric_infos(session, test),
        test=test,
        validation=finite_scores(outcome.validation),
        selection=str(job.protocol.selection),
        selected_epoch=outcome.selected_epoch,
        curves=progress.curves,
        costs=costs,
        budget=budget,
        environment=environment,
        commit=job.commit,
        dirty=job.dirty,
        started=started,
        finished=now(),
        pretrained=job.pretrained_digest,
        notes=[*notes, *progress.notes, *about_costs],
        lr_factors=outcome.lr_factors,
        gradients=progress.gradients,
    )
    # sealed as it is read: a plugin's whole number is a float there, with another digest
    return seal(_readable(record))


def _without_empty_details(scores: Scores, session: Session) -> Scores:
    """Return scores without those of a class or group that no sample of the split belongs to."""
    kept: Scores = {}
    for task, values in scores.items():
        kept[task] = {}
        for metric, value in values.items():
            is_detail = metric in session.tasks[task].details
            if not is_detail or finite(value) is not None:
                kept[task][metric] = value
    return kept


def _metric_infos(session: Session, scores: Scores) -> dict[str, dict[str, MetricInfo]]:
    """Return what a reader must know of the metrics that were scored, by task."""
    found: dict[str, dict[str, MetricInfo]] = {}
    for name, task in session.tasks.items():
        infos = metric_infos(task)
        found[name] = {key: info for key, info in infos.items() if key in scores[name]}
    return found


def metric_infos(task: Task) -> dict[str, MetricInfo]:
    """Return what a reader must know of a task's metrics."""
    infos: dict[str, MetricInfo] = {}
    for name, metric in task.metrics().items():
        infos[name] = MetricInfo(
            higher_is_better=bool(metric.higher_is_better),
            primary=name == task.primary,
            percent=name in task.percent,
            detail=name in task.details,
        )
    return infos


def _readable(record: Record) -> Record:
    """Return a record that reading will not refuse, as it might for a plugin's odd names."""
    try:
        return decode_record(msgspec.json.encode(record), record.key)
    except RecordError as error:
        raise RunError(f"The run's record could not be read again: {error}.") from error


def _require_finite(scores: Scores) -> None:
    for task, values in scores.items():
        for metric, value in values.items():
            if finite(value) is None:
                raise RunError(
                    f"The test metric '{metric}' of task '{task}' is {value}; a metric must be "
                    "defined for every model."
                )


def finite_scores(scores: Scores) -> Scores:
    """Return scores without those that no record holds; of validation, none is required."""
    kept: Scores = {}
    for task, values in scores.items():
        kept[task] = {name: value for name, value in values.items() if finite(value) is not None}
    return kept
