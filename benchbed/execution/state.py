"""The state of a run: what the results folder holds of it, and whether that counts."""

from __future__ import annotations

from collections.abc import Sequence

from benchbed.execution.planned import PlannedRun, Settings
from benchbed.execution.staleness import earlier_keys, gave_same_bits, stale_components
from benchbed.records.job import Job
from benchbed.records.record import Record, has_gradients
from benchbed.records.source_links import SourceLinks
from benchbed.records.store import Refused, Store


def planned_run(
    job: Job,
    found: Record | Refused | None,
    store: Store,
    settings: Settings,
    links: SourceLinks,
) -> PlannedRun:
    """Return a run with its state.

    Args:
        job: the run.
        found: what the store has under its run key.
        store: the results folder.
        settings: whether stale records are kept, and gradients logged.
        links: between sources that gave the same bits.
    """
    if found is None:
        return _without_record(job, store)
    if isinstance(found, Refused):
        return PlannedRun(job, "damaged")
    stale = stale_components(found, job)
    linked = bool(stale) and gave_same_bits(found, job, links)
    if stale and not linked and not settings.accept_stale:
        return PlannedRun(job, "stale", stale)
    # one task alone has no other's gradient to be compared with
    wants_gradients = settings.log_gradients and len(job.tasks) > 1
    unlogged = wants_gradients and not has_gradients(found)
    return PlannedRun(job, "cached", stale, unlogged, linked)


def is_measured(job: Job, runs: Sequence[Job], store: Store, links: SourceLinks) -> bool:
    """Tell whether a method was measured, by this source or by one that gave the same bits.

    Args:
        job: the measurement.
        runs: what trains the method: one job, or one a task.
        store: the results folder.
        links: between sources that gave the same bits.
    """
    if store.find_measurement(job.place, job.key) is not None:
        return True
    earlier = earlier_keys(job, runs, links)
    return any(store.find_measurement(job.place, key) is not None for key in earlier)


def _without_record(job: Job, store: Store) -> PlannedRun:
    if store.find_failure(job.place, job.key) is None:
        return PlannedRun(job, "new")
    return PlannedRun(job, "failed before")
