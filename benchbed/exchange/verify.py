"""Making a record's run again, in a process and a folder of its own."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchbed.basics.errors import DataError, RecordError, RunError
from benchbed.contracts.dataset import Dataset
from benchbed.contracts.protocol import Protocol
from benchbed.discovery.loading import load, make_component
from benchbed.discovery.registry import Registry
from benchbed.execution.executor import Executor, Observer
from benchbed.execution.inputs import file_digest, require_data
from benchbed.execution.jobs import record_job
from benchbed.execution.plan import PlannedRun
from benchbed.records.family import family_key
from benchbed.records.index import Index
from benchbed.records.job import Job
from benchbed.records.record import ENGINE, Record, Scores, has_gradients
from benchbed.records.store import Place, Store


@dataclass(frozen=True, slots=True)
class Means:
    """What a record does not tell: where the data and the weights are that a run begins with.

    ``device``: the record's kind of device if ``None``.
    """

    data_root: Path | None = None
    pretrained: Path | None = None
    device: str | None = None


def job_again(record: Record, protocol: Protocol, registry: Registry, means: Means) -> Job:
    """Return the job that makes a record's run again, with as many threads.

    Raises:
        PluginError: the components that made the record are not what is installed.
        DataError: the data or the pretrained weights are missing, or others than the record's.
        RecordError: another version of benchbed's trainer made it.
    """
    if record.engine != ENGINE:
        raise RecordError(
            f"The record was made by version {record.engine} of benchbed's trainer and this one "
            f"has {ENGINE}; install the benchbed that the record's environment names "
            f"({record.environment.get('benchbed', 'it does not say')})."
        )
    if file_digest(means.pretrained) != record.pretrained:
        wanted = "no weights"
        if record.pretrained:
            wanted = f"the file of SHA-256 {record.pretrained[:12]}"
        raise DataError(f"The record's run began with {wanted}; give --pretrained accordingly.")
    recorded_device, _, _ = record.environment.get("device", "auto").partition(" ")
    job = record_job(
        record,
        protocol,
        registry,
        data_root=str(means.data_root or ""),
        threads=_threads(record),
        device=means.device or recorded_device,
        pretrained=str(means.pretrained.absolute()) if means.pretrained else "",
        pretrained_digest=record.pretrained,
        log_gradients=has_gradients(record),
    )
    require_data(job, make_component(job.dataset, Dataset).digest(means.data_root))
    return job


def _threads(record: Record) -> int:
    """Return a record's number of threads; 1 where a stranger wrote anything else than that."""
    text = record.environment.get("threads", "1")
    if not text.isdecimal() or len(text) > 3:
        return 1
    return max(1, int(text))


def run_again(job: Job, registry: Registry, observer: Observer) -> Record:
    """Carry a job out in a folder that is removed afterwards; return its record.

    Raises:
        RunError: it failed.
    """
    with tempfile.TemporaryDirectory(prefix="benchbed-") as folder:
        return run_in(Path(folder), job, registry, observer)


def run_in(folder: Path, job: Job, registry: Registry, observer: Observer) -> Record:
    """Carry a job out in a results folder; return its record.

    Raises:
        RunError: it failed.
    """
    executor = load(registry.get("executor", "local").spec.target, Executor)(1)
    job = msgspec.structs.replace(job, results=str(folder))
    run = PlannedRun(job, "new", shipped=tuple(registry.shipped.values()))
    (result,) = executor.execute([run], observer)
    found = Store(folder).find(job.place, job.key)
    if result.status == "failed" or not isinstance(found, Record):
        raise RunError(f"The run could not be made again: {result.message or found}")
    return found


def other_seeds(record: Record, store: Store) -> list[Scores]:
    """Return the test metrics of the same run with other seeds in a results folder."""
    place = Place.of(record)
    found, _ = Index(store, place.protocol, place.version).summaries()
    others = [item for item in found if item.method == record.method and item.seed != record.seed]
    wanted = family_key(record)
    return [
        item.test
        for item in others
        if item.metrics == record.metrics and family_key(item) == wanted
    ]
