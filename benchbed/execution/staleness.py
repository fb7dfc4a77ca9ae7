"""Staleness: a plugin's source has changed, at the same version, since it made a record."""

from __future__ import annotations

from benchbed.records.job import Job
from benchbed.records.record import Record


def stale_components(record: Record, job: Job) -> tuple[str, ...]:
    """Return the components whose source differs from the one that made the record.

    Args:
        record: of the job's run key, so that kinds, ids, versions and options are the same.
        job: the run as the installed plugins would make it now.
    """
    before = {(part.kind, part.id): part.source for part in record.components}
    stale: list[str] = []
    for part in job.components:
        made_by = before.get((part.kind, part.id))
        if part.source != made_by:
            stale.append(f"{part.kind} {part.id}")
    return tuple(stale)
