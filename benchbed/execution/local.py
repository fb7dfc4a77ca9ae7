"""The local executor: this machine, several runs side by side, one process each."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, Protocol

import msgspec

from benchbed.basics.errors import RunError
from benchbed.execution.executor import Executor, Observer, Result
from benchbed.execution.plan import PlannedRun
from benchbed.execution.worker import record_killed
from benchbed.records.store import Store

Event = dict[str, Any]
WORKER_ENV: Final = {"OMP_WAIT_POLICY": "PASSIVE"}
"""With active waiting, two busy processes on two cores can be ten times slower than one."""


class _Processes(Protocol):
    """Starts jobs and yields their events."""

    def submit(self, number: int, job: Path) -> None: ...

    def next_event(self) -> Event: ...

    def close(self) -> None: ...


def environment() -> dict[str, str]:
    """Return the environment of worker processes, which find the same modules as this one."""
    path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    return {**WORKER_ENV, **os.environ, "PYTHONPATH": path}


def _read_events(stream: IO[bytes], events: queue.Queue[Event], number: int | None = None) -> None:
    for line in stream:
        with contextlib.suppress(ValueError):  # a process killed while writing leaves half a line
            event: Event = json.loads(line)
            if isinstance(event, dict) and "event" in event:  # a plugin may print
                events.put(event if number is None else {**event, "id": number})


class ForkedProcesses:
    """Children forked from one server that has torch imported already."""

    def __init__(self) -> None:
        self._events: queue.Queue[Event] = queue.Queue()
        self._server = subprocess.Popen(
            [sys.executable, "-P", "-m", "benchbed.execution.forkserver"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
            start_new_session=True,
        )
        assert self._server.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self._server.stdout,), daemon=True)
        self._reader.start()

    def _read(self, stream: IO[bytes]) -> None:
        _read_events(stream, self._events)
        self._events.put({"event": "gone"})

    def submit(self, number: int, job: Path) -> None:
        """Ask for a job."""
        assert self._server.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the reader tells that the server is gone
            self._server.stdin.write(json.dumps({"id": number, "job": str(job)}).encode() + b"\n")
            self._server.stdin.flush()

    def next_event(self) -> Event:
        """Wait for the next event."""
        return self._events.get()

    def close(self) -> None:
        """Stop whatever runs, and the server."""
        assert self._server.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._server.stdin.close()
        try:
            self._server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._reader.join(timeout=5)
        if self._server.stdout is not None:
            self._server.stdout.close()


class SpawnedProcesses:
    """A new interpreter for each job, where there is no fork."""

    def __init__(self) -> None:
        self._events: queue.Queue[Event] = queue.Queue()
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    def submit(self, number: int, job: Path) -> None:
        """Start a job."""
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "benchbed.worker", str(job)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
        )
        self._running[number] = process
        threading.Thread(target=self._follow, args=(number, process), daemon=True).start()

    def _follow(self, number: int, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout as stream:
            _read_events(stream, self._events, number)
        self._events.put({"event": "exit", "id": number, "code": process.wait()})

    def next_event(self) -> Event:
        """Wait for the next event."""
        return self._events.get()

    def close(self) -> None:
        """Stop whatever runs."""
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            process.wait()


class LocalExecutor(Executor):
    """Runs side by side on this machine.

    Args:
        jobs: how many at once.
        fork: fork from a server with torch imported; by default where the system can.
    """

    def __init__(self, jobs: int = 1, *, fork: bool | None = None) -> None:
        super().__init__(jobs)
        self.fork = hasattr(os, "fork") if fork is None else fork

    def execute(self, runs: Sequence[PlannedRun], observer: Observer) -> list[Result]:
        """Carry out all runs."""
        if not runs:
            return []
        processes: _Processes = ForkedProcesses() if self.fork else SpawnedProcesses()
        with tempfile.TemporaryDirectory(prefix="benchbed-") as folder:
            try:
                return list(self._results(runs, observer, processes, Path(folder)))
            finally:
                processes.close()

    def _results(
        self, runs: Sequence[PlannedRun], observer: Observer, processes: _Processes, folder: Path
    ) -> Iterator[Result]:
        waiting = dict(enumerate(runs))
        running: dict[int, PlannedRun] = {}
        outcomes: dict[int, Event] = {}
        while waiting or running:
            while waiting and len(running) < self.jobs:
                number = next(iter(waiting))
                running[number] = waiting.pop(number)
                path = folder / f"{number}.json"
                path.write_bytes(msgspec.json.encode(running[number].job))
                processes.submit(number, path)
            event = processes.next_event()
            kind = event["event"]
            if kind == "gone":
                raise RunError(
                    "The process that starts the runs died; run `benchbed doctor` to see whether "
                    "torch can be imported."
                )
            run = running.get(event.get("id", -1))
            if run is None:
                continue
            if kind == "started":
                observer.started(run)
            elif kind == "epoch":
                observer.epoch(run, event["epoch"], event["left"], event["values"])
            elif kind in {"done", "failed"}:
                outcomes[event["id"]] = event
            elif kind == "exit":
                del running[event["id"]]
                result = _result(run, outcomes.pop(event["id"], None), event["code"])
                observer.finished(result)
                yield result


def _result(run: PlannedRun, outcome: Mapping[str, Any] | None, code: int) -> Result:
    store = Store(run.job.results)
    if outcome is None:
        reason = (
            f"its process was killed by signal {-code}"
            + (" (out of memory, perhaps)" if code == -9 else "")
            if code < 0
            else f"its process ended with status {code} without a record"
        )
        record_killed(run.job, reason)
        return Result(run, "failed", reason)
    if outcome["event"] == "failed":
        return Result(run, "failed", outcome["error"], outcome["traceback"], bool(outcome["usage"]))
    store.log_path(run.job.key).unlink(missing_ok=True)
    return Result(run, "ok")
