"""The local executor: this machine, several runs side by side, one process each."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Self

import msgspec

from benchbed.basics.errors import RunError
from benchbed.discovery.shipped import write_shipped
from benchbed.execution.events import Event
from benchbed.execution.executor import Executor, Observer, Result
from benchbed.execution.failures import record_killed
from benchbed.execution.planned import PlannedRun
from benchbed.execution.processes import ForkedProcesses, Processes, SpawnedProcesses
from benchbed.records.store import Store

MOST_OUTPUT: Final = 1_000_000
"""Bytes of what a run printed that are kept beside its record."""


class LocalExecutor(Executor):
    """Runs side by side on this machine.

    Args:
        jobs: how many at once.
        fork: fork from a server with torch imported; by default where the system can.
    """

    def __init__(self, jobs: int = 1, *, fork: bool | None = None) -> None:
        super().__init__(jobs)
        self.fork = hasattr(os, "fork") if fork is None else fork
        self._entered = False
        self._kept: Processes | None = None

    def __enter__(self) -> Self:
        """Keep the server that runs are forked from until the end."""
        self._entered = True
        return self

    def __exit__(self, *raised: object) -> None:
        """Stop whatever runs, and the server."""
        self._entered = False
        self._close()

    def execute(self, runs: Sequence[PlannedRun], observer: Observer) -> list[Result]:
        """Carry out all runs."""
        if not runs:
            return []
        if self._kept is None:
            self._kept = ForkedProcesses() if self.fork else SpawnedProcesses()
        done = False
        with tempfile.TemporaryDirectory(prefix="benchbed-") as folder:
            try:
                results = list(self._results(runs, observer, self._kept, Path(folder)))
                done = True
            finally:
                # what was interrupted may still run, and would speak to the next call
                if not (done and self._entered):
                    self._close()
        return results

    def _close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _results(
        self, runs: Sequence[PlannedRun], observer: Observer, processes: Processes, folder: Path
    ) -> Iterator[Result]:
        """Yield each result as its run ends; the next run starts at once."""
        waiting = deque(enumerate(runs))
        running: dict[int, PlannedRun] = {}
        outcomes: dict[int, Event] = {}
        while waiting or running:
            while waiting and len(running) < self.jobs:
                number, run = waiting.popleft()
                running[number] = run
                path = folder / f"{number}.json"
                path.write_bytes(msgspec.json.encode(run.job))
                shipped = [write_shipped(each, folder) for each in run.shipped]
                processes.submit(number, path, shipped)

            event = processes.next_event()
            kind = event["event"]
            if kind == "gone":
                raise RunError(
                    "The process that starts the runs died; run `benchbed doctor` to see whether "
                    "torch can be imported."
                )
            number = event.get("id", -1)
            if number not in running:  # the server is ready, or a plugin has printed an event
                continue
            run = running[number]
            if kind == "started":
                observer.started(run)
            elif kind == "resumed":
                observer.resumed(run, event["earlier"])
            elif kind == "epoch":
                observer.epoch(run, event["epoch"], event["left"], event["values"])
            elif kind in {"done", "failed"}:
                # only at its exit has a process nothing more to say and its place is free
                outcomes[number] = event
            elif kind == "exit":
                del running[number]
                result = _result(run, outcomes.pop(number, None), event["code"])
                observer.finished(result)
                yield result


def _result(run: PlannedRun, outcome: Event | None, code: int) -> Result:
    if outcome is None:
        reason = _how_it_died(code)
        record_killed(run.job, reason)
        return Result(run, "failed", reason)
    if outcome["event"] == "failed":
        return Result(run, "failed", outcome["error"], outcome["traceback"], bool(outcome["usage"]))
    _keep_output(run)
    return Result(run, "ok", " ".join(outcome.get("notes", ())))


def _keep_output(run: PlannedRun) -> None:
    """Move what a run's plugins printed beside its record; of much, keep the end."""
    store = Store(run.job.results)
    log = store.log_path(run.job.key)
    kept = store.path("runs", run.job.place, run.job.key).with_suffix(".log")
    with contextlib.suppress(OSError):
        if run.job.kind == "train":
            kept.unlink(missing_ok=True)  # of a run that this one repeats
        if run.job.kind != "train" or not log.stat().st_size:
            log.unlink(missing_ok=True)
            return
        if log.stat().st_size > MOST_OUTPUT:
            log.write_bytes(log.read_bytes()[-MOST_OUTPUT:])
        log.replace(kept)


def _how_it_died(code: int) -> str:
    """Return why a process ended that had told no outcome; negative codes are signals'."""
    if code >= 0:
        return f"its process ended with status {code} without a record"
    if code == -9:
        return "its process was killed by signal 9 (out of memory, perhaps)"
    return f"its process was killed by signal {-code}"
