"""Training one run: from its job to its record and weights in the results folder."""

from __future__ import annotations

import time

from benchbed.basics.environment import now
from benchbed.engine.pretrained import load_pretrained
from benchbed.engine.session import build_session
from benchbed.engine.trainer import Trainer
from benchbed.execution.events import Emit
from benchbed.execution.inputs import require_unchanged
from benchbed.execution.results import make_record, save_weights
from benchbed.execution.staleness import stale_components
from benchbed.records.job import Job
from benchbed.records.record import Record
from benchbed.records.store import Store


def train(job: Job, store: Store, emit: Emit) -> None:
    """Train a run, from its checkpoint on where there is one; the caller holds its lock.

    Raises:
        BenchbedError: something does not exist, makes no sense, or cannot be written.
        RunError: training came to no record.
    """
    if _made_meanwhile(job, store):
        return
    started = now()
    session = build_session(job)
    require_unchanged(job, session.dataset)
    notes = load_pretrained(session) if job.pretrained else []
    checkpoint = store.checkpoint_path(job.key)

    emit({"event": "started", "epochs": job.protocol.epochs})

    def tell_resumed(earlier: list[dict[str, float]]) -> None:
        emit({"event": "resumed", "earlier": earlier})

    on_epoch = _EpochTeller(job.protocol.epochs, emit)
    outcome = Trainer(session, checkpoint).run(on_epoch, tell_resumed)

    # once more: the files may have changed while they were being read
    require_unchanged(job, session.dataset)
    record = make_record(job, session, outcome, started, notes)
    if store.find(job.place, job.key) is not None:
        store.supersede(job.place, job.key)
    # The record comes after its weights and the checkpoint goes last: a run killed between any two
    # of these steps is repeated from its last epoch, and comes to the same record.
    save_weights(store.weights_path(job.place, job.key), outcome.weights)
    store.write("runs", job.place, record)
    store.discard_failure(job.place, job.key)
    checkpoint.unlink(missing_ok=True)


def _made_meanwhile(job: Job, store: Store) -> bool:
    """Tell whether another process has finished this very run while we waited for its lock."""
    found = store.find(job.place, job.key)
    return isinstance(found, Record) and not stale_components(found, job)


class _EpochTeller:
    """Emits each epoch that ends, with the seconds left at the speed so far.

    A run that goes on from a checkpoint has fewer epochs behind it in this process than in all.
    """

    def __init__(self, epochs: int, emit: Emit) -> None:
        self._epochs = epochs
        self._emit = emit
        self._begin = time.perf_counter()
        self._done = 0

    def __call__(self, epoch: int, values: dict[str, float]) -> None:
        self._done += 1
        seconds_per_epoch = (time.perf_counter() - self._begin) / self._done
        left = seconds_per_epoch * (self._epochs - epoch)
        self._emit({"event": "epoch", "epoch": epoch, "left": left, "values": values})
