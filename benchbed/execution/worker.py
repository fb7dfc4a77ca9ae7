"""One job carried out in this process: train or measure, then write what it leaves."""

from __future__ import annotations

import contextlib
import os
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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

Emit = Callable[[dict[str, Any]], None]


class Stopped(SystemExit):
    """The run was asked to stop: no failure, it goes on from its checkpoint the next time."""


def execute(job: Job, emit: Emit) -> int:
    """Carry a job out, telling its progress as events; return the process's exit status.

    A failure of whatever kind is written to the results folder with its traceback.
    """
    store = Store(job.results)
    try:
        _prepare(job)
        if job.kind == "measure":
            from benchbed.execution.measure import measure

            store.write("measurements", job.place, measure(job))
        else:
            with _only_one(store.checkpoint_path(job.key).with_suffix(".lock")):
                _train(job, store, emit)
    except Stopped:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin raises is reported
        return _fail(job, store, error, emit)
    emit({"event": "done"})
    return 0


def _prepare(job: Job) -> None:
    import torch

    from benchbed.engine.seeding import seed_everything

    torch.set_num_threads(job.threads)
    seed_everything(job.seed)


def _train(job: Job, store: Store, emit: Emit) -> None:
    from benchbed.engine.pretrained import load_pretrained
    from benchbed.engine.session import build_session
    from benchbed.engine.trainer import Trainer
    from benchbed.execution.inputs import require_unchanged
    from benchbed.execution.results import make_record, save_weights

    if _made_meanwhile(job, store):
        return
    started = now()
    session = build_session(job)
    require_unchanged(job, session.dataset)
    notes = load_pretrained(session) if job.pretrained else []
    checkpoint = store.checkpoint_path(job.key)
    emit({"event": "started", "epochs": job.protocol.epochs})
    begin = time.perf_counter()
    done = 0

    def on_epoch(epoch: int, values: dict[str, float]) -> None:
        nonlocal done
        done += 1
        speed = (time.perf_counter() - begin) / done
        left = speed * (job.protocol.epochs - epoch)
        emit({"event": "epoch", "epoch": epoch, "left": left, "values": values})

    outcome = Trainer(session, checkpoint).run(on_epoch)
    require_unchanged(job, session.dataset)
    record = make_record(job, session, outcome, started, notes)
    if store.find(job.place, job.key) is not None:
        store.supersede(job.place, job.key)
    save_weights(store.weights_path(job.place, job.key), outcome.weights)
    store.write("runs", job.place, record)
    store.discard_failure(job.place, job.key)
    checkpoint.unlink(missing_ok=True)


def _made_meanwhile(job: Job, store: Store) -> bool:
    """Tell whether another process has finished this very run while we waited for its lock."""
    from benchbed.execution.staleness import stale_components
    from benchbed.records.record import Record

    found = store.find(job.place, job.key)
    return isinstance(found, Record) and not stale_components(found, job)


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Hold a run's lock, waiting for whoever has it; where there is no flock, go on."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    from benchbed.basics.errors import StoreError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StoreError(
            f"Cannot write {path}: {error.strerror}; choose a writable folder with --results."
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
        path.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _fail(job: Job, store: Store, error: BaseException, emit: Emit) -> int:
    text = _encodable(traceback.format_exc())
    known = isinstance(error, BenchbedError)
    message = _encodable(str(error) if known else one_line(error))
    failure = _failure(
        job,
        "non-finite-loss" if isinstance(error, NonFiniteLossError) else "failed",
        message,
        text,
        usage=known and not isinstance(error, RunError),
    )
    if isinstance(error, PluginError) or not failure.usage:  # a wrong name is no failed run
        _write(store, job, failure)
    emit({"event": "failed", "error": message, "traceback": text, "usage": failure.usage})
    return 1


def record_killed(job: Job, reason: str) -> Failure:
    """Return the failure of a job whose process died without a word; written where possible."""
    failure = _failure(job, "killed", reason)
    _write(Store(job.results), job, failure)
    return failure


def _write(store: Store, job: Job, failure: Failure) -> None:
    if job.kind == "train":  # a measurement that failed is no failed run
        with contextlib.suppress(BenchbedError):
            store.write("failed", job.place, failure)


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
    )
