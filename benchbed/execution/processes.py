"""Processes that carry jobs out: forked from one server, or an interpreter each."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final, Protocol

from benchbed.execution.events import Event

WORKER_ENV: Final = {"OMP_WAIT_POLICY": "PASSIVE"}
"""With active waiting, two busy processes on two cores can be ten times slower than one."""

PATIENCE: Final = 20
"""Seconds that the server gets to stop its children; more than it gives them."""


class Processes(Protocol):
    """Starts jobs and yields their events."""

    def submit(self, number: int, job: Path, shipped: Sequence[Path] = ()) -> None:
        """Start a job; its events will have the number as their ``id``.

        Args:
            number: of the job.
            job: its file.
            shipped: files of code that it needs and that is in no installed package.
        """
        ...

    def next_event(self) -> Event:
        """Wait for the next event."""
        ...

    def close(self) -> None:
        """Stop whatever runs."""
        ...


class ForkedProcesses:
    """Children forked from one server that has torch imported already."""

    def __init__(self) -> None:
        self._events: queue.Queue[Event] = queue.Queue()
        # A session of its own: an interrupt at the terminal reaches this process alone, which
        # then stops the server and waits until no child is left.
        self._server = subprocess.Popen(
            _python("benchbed.execution.forkserver"),
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

    def submit(self, number: int, job: Path, shipped: Sequence[Path] = ()) -> None:
        """Ask for a job."""
        request = {"id": number, "job": str(job), "shipped": [str(path) for path in shipped]}
        assert self._server.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the reader tells that the server is gone
            self._server.stdin.write(json.dumps(request).encode() + b"\n")
            self._server.stdin.flush()

    def next_event(self) -> Event:
        """Wait for the next event."""
        return self._events.get()

    def close(self) -> None:
        """Stop whatever runs, and the server."""
        assert self._server.stdin is not None
        # the end of its input is what tells the server to stop
        with contextlib.suppress(BrokenPipeError):
            self._server.stdin.close()
        try:
            self._server.wait(timeout=PATIENCE)
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

    def submit(self, number: int, job: Path, shipped: Sequence[Path] = ()) -> None:
        """Start a job."""
        process = subprocess.Popen(
            [*_python("benchbed.worker"), str(job), *map(str, shipped)],
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


def environment() -> dict[str, str]:
    """Return the environment of worker processes, which find the same modules as this one."""
    path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    return {**WORKER_ENV, **os.environ, "PYTHONPATH": path}


def _python(module: str) -> list[str]:
    """Return the command of a module; modules come from ``PYTHONPATH``, not from where we are."""
    return [sys.executable, "-P", "-m", module]


def _read_events(stream: IO[bytes], events: queue.Queue[Event], number: int | None = None) -> None:
    """Pass events on until the stream ends, with the number as their id where one is given."""
    for line in stream:
        with contextlib.suppress(ValueError):  # a process killed while writing leaves half a line
            event: Event = json.loads(line)
            if not isinstance(event, dict) or "event" not in event:  # a plugin may print
                continue
            if number is not None:
                event["id"] = number
            events.put(event)
