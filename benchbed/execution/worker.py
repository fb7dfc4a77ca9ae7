"""One job carried out in this process: train or measure, and tell what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchbed.discovery.shipped import install, read_shipped
from benchbed.execution.events import Emit, Event
from benchbed.execution.failures import record_error
from benchbed.execution.lock import only_one
from benchbed.records.job import Job
from benchbed.records.store import Store


class Stopped(SystemExit):
    """The run was asked to stop: no failure, it goes on from its checkpoint the next time."""


def execute(job: Job, emit: Emit, shipped: Sequence[Path] = ()) -> int:
    """Carry a job out, telling its progress as events; return the process's exit status.

    A failure of whatever kind is written to the results folder with its traceback.

    Args:
        job: the job.
        emit: is told.
        shipped: files of code that it needs and that is in no installed package.
    """
    try:
        for path in shipped:
            install(read_shipped(path))
        notes = _carry_out(job, emit)
    except Stopped:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin raises is reported
        failure = record_error(job, error)
        emit(
            {
                "event": "failed",
                "error": failure.error,
                "traceback": failure.traceback,
                "usage": failure.usage,
            }
        )
        return 1
    done: Event = {"event": "done"}
    if notes:
        done["notes"] = notes
    emit(done)
    return 0


def _carry_out(job: Job, emit: Emit) -> list[str]:
    """Carry a job out; return what is to be known of it that no record tells."""
    # Torch is imported here: if it cannot be, that too is a failure of the run, with a traceback.
    import torch

    from benchbed.engine.seeding import seed_everything
    from benchbed.execution.measure import measure
    from benchbed.execution.training import train
    from benchbed.execution.trial import try_out

    torch.set_num_threads(job.threads)
    seed_everything(job.seed)
    store = Store(job.results)
    if job.kind == "preflight":
        return try_out(job)
    if job.kind == "measure":
        store.write("measurements", job.place, measure(job))
        return []
    # Two commands at once may ask for the very same run: the second waits, and finds it made.
    with only_one(store.checkpoint_path(job.key).with_suffix(".lock")):
        train(job, store, emit)
    return []
