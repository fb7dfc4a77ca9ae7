"""What a run leaves that failed: why, and a plugin's own traceback, in the results folder."""

from __future__ import annotations

import contextlib
import traceback

from benchbed.basics.environment import now
from benchbed.basics.errors import (
    BenchbedError,
    NonFiniteLossError,
    PluginError,
    RunError,
    one_line,
)
from benchbed.records.job import Job
from benchbed.records.record import Failure, FailureStatus
from benchbed.records.store import Store


def record_error(job: Job, error: BaseException) -> Failure:
    """Return the failure of a job that raised an error; written where it is a failed run's.

    Of benchbed's own errors only :class:`~benchbed.basics.errors.RunError` says that training
    failed; all others say that something was asked for wrongly, and are marked as ``usage``.
    """
    is_ours = isinstance(error, BenchbedError)
    message = str(error) if is_ours else one_line(error)
    failure = _failure(
        job,
        "non-finite-loss" if isinstance(error, NonFiniteLossError) else "failed",
        _encodable(message),
        _encodable("".join(traceback.format_exception(error))),
        usage=is_ours and not isinstance(error, RunError),
    )
    if isinstance(error, PluginError) or not failure.usage:  # a wrong name is no failed run
        _write(job, failure)
    return failure


def record_killed(job: Job, reason: str) -> Failure:
    """Return the failure of a job whose process died without a word; written where possible."""
    failure = _failure(job, "killed", reason)
    _write(job, failure)
    return failure


def _write(job: Job, failure: Failure) -> None:
    if job.kind != "train":  # a measurement or a trial that failed is no failed run
        return
    # the folder may be what the run failed of; whoever waits for it is told in any case
    with contextlib.suppress(BenchbedError):
        Store(job.results).write("failed", job.place, failure)


def _encodable(text: str) -> str:
    """Return a text as it can be written: names of files may hold bytes that are no UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def _failure(
    job: Job, status: FailureStatus, error: str, text: str = "", *, usage: bool = False
) -> Failure:
    return Failure(
        schema="benchbed.failure/1",
        key=job.key,
        protocol=job.protocol.id,
        protocol_digest=job.protocol.digest,
        method=job.method,
        tasks=job.tasks,
        seed=job.seed,
        status=status,
        error=error,
        traceback=text,
        usage=usage,
        finished=now(),
        pretrained=job.pretrained_digest,
    )
