"""The state of a run: what the results folder holds of it, and whether that counts."""

from __future__ import annotations

from benchbed.execution.planned import PlannedRun, Settings
from benchbed.execution.staleness import stale_components
from benchbed.records.job import Job
from benchbed.records.record import Record, has_gradients
from benchbed.records.store import Refused, Store


def planned_run(
    job: Job, found: Record | Refused | None, store: Store, settings: Settings
) -> PlannedRun:
    """Return a run with its state.

    Args:
        job: the run.
        found: what the store has under its run key.
        store: the results folder.
        settings: whether stale records are kept, and gradients logged.
    """
    if found is None:
        return _without_record(job, store)
    if isinstance(found, Refused):
        return PlannedRun(job, "damaged")
    stale = stale_components(found, job)
    if stale and not settings.accept_stale:
        return PlannedRun(job, "stale", stale)
    # one task alone has no other's gradient to be compared with
    wants_gradients = settings.log_gradients and len(job.tasks) > 1
    return PlannedRun(job, "cached", stale, wants_gradients and not has_gradients(found))


def _without_record(job: Job, store: Store) -> PlannedRun:
    if store.find_failure(job.place, job.key) is None:
        return PlannedRun(job, "new")
    return PlannedRun(job, "failed before")
