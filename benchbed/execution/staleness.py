"""Staleness: a plugin's source has changed, at the same version, since it made a record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchbed.execution.jobs import measurement_key
from benchbed.records.family import family_key
from benchbed.records.job import Job
from benchbed.records.record import Record
from benchbed.records.source_links import SourceLinks, Sources, changed_sources, sources_of


def stale_components(record: Record, job: Job) -> tuple[str, ...]:
    """Return the components whose source differs from the one that made the record.

    Args:
        record: of the job's run key, so that kinds, ids, versions and options are the same.
        job: the run as the installed plugins would make it now.
    """
    return changed_sources(sources_of(record.components), sources_of(job.components))


def gave_same_bits(record: Record, job: Job, links: SourceLinks) -> bool:
    """Tell whether the record's source and the present one were seen to give the same bits.

    Args:
        record: of the job's run key.
        job: the run as the installed plugins would make it now.
        links: of the protocol's results folder.
    """
    before, after = sources_of(record.components), sources_of(job.components)
    return bool(links.between(family_key(record), before, after))


def earlier_keys(job: Job, runs: Sequence[Job], links: SourceLinks) -> Iterator[str]:
    """Yield the keys of measurements that other sources made which gave the same bits.

    A measurement's key holds the sources of all components. Single-task nets are linked task by
    task, so their sources are put together from what is known of each task's run.

    Args:
        job: the measurement.
        runs: what trains the method: one job, or one a task.
        links: of the protocol's results folder.
    """
    present = sources_of(job.components)
    together: list[Sources] = [{}]
    for run in runs:
        own = sources_of(run.components)
        choices: list[Sources] = [own, *links.same(run.family, own)]
        together = list(_joined(together, choices))
    for sources in together:
        if sources != present:
            yield measurement_key(job, sources)


def _joined(begun: Sequence[Sources], choices: Sequence[Sources]) -> Iterator[Sources]:
    """Yield each of the sources begun with, joined with each choice that does not contradict it."""
    for sources in begun:
        for choice in choices:
            shared = sources.keys() & choice.keys()
            if all(sources[name] == choice[name] for name in shared):
                yield {**sources, **choice}
