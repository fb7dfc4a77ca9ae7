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
from benchbed.engine.cost import static_costs, training_macs
from benchbed.engine.layout import memory_format
from benchbed.engine.session import Session
from benchbed.engine.trainer import Outcome
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
        validation=_finite_scores(outcome.validation),
        selection=str(job.protocol.selection),
        selected_epoch=outcome.selected_epoch,
        curves=progress.curves,
        costs=static_costs(session),
        budget=Budget(
            progress.epoch,
            progress.optimizer_steps,
            progress.samples,
            round(progress.seconds, 3),
            training_macs(session, progress.efforts),
        ),
        environment=describe(device_name(session.device), job.threads)
        | {"memory format": memory_format(session.network)},
        commit=job.commit,
        dirty=job.dirty,
        started=started,
        finished=now(),
        pretrained=job.pretrained_digest,
        notes=[*notes, *progress.notes],
        lr_factors=outcome.lr_factors,
        gradients=progress.gradients,
    )
    return _readable(seal(record))


def _without_empty_details(scores: Scores, session: Session) -> Scores:
    return {
        task: {
            metric: value
            for metric, value in values.items()
            if metric not in session.tasks[task].details or finite(value) is not None
        }
        for task, values in scores.items()
    }


def _metric_infos(session: Session, scores: Scores) -> dict[str, dict[str, MetricInfo]]:
    return {
        name: {key: info for key, info in metric_infos(task).items() if key in scores[name]}
        for name, task in session.tasks.items()
    }


def metric_infos(task: Task) -> dict[str, MetricInfo]:
    """Return what a reader must know of a task's metrics."""
    return {
        key: MetricInfo(
            bool(metric.higher_is_better),
            key == task.primary,
            key in task.percent,
            key in task.details,
        )
        for key, metric in task.metrics().items()
    }


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


def _finite_scores(scores: Scores) -> Scores:
    return {
        task: {metric: value for metric, value in values.items() if finite(value) is not None}
        for task, values in scores.items()
    }
