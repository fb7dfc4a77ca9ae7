"""A process with torch imported that forks one child a job: 0.2 s a run where a new one takes 3.

Started by the local executor as ``python -m benchbed.execution.forkserver``. Requests come on
standard input, one JSON object a line (``{"id": 1, "job": "/path.json"}``); events go to standard
output the same way. When standard input closes, also because the parent died, the children are
stopped and the server ends.

It is a process of its own because forking is safe only as long as a process has one thread, and
the one that waits for the runs has several.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import json
import os
import selectors
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchbed.execution.events import Event
from benchbed.execution.worker import Stopped, execute
from benchbed.records.job import read_job
from benchbed.records.store import Store

PRELOAD = (
    "torch",
    "torch._dynamo",
    "safetensors.torch",
    "torchmetrics.classification",
    "benchbed.execution.measure",
    "benchbed.execution.training",
    "benchbed.execution.trial",
)


GRACE = 10.0
"""Seconds that children get to end by themselves when the server stops."""


def _preload() -> None:
    """Import what every run needs, so that children have it from the start.

    What cannot be imported is passed over: the run that needs it fails and says so.
    """
    for name in PRELOAD:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    with contextlib.suppress(ImportError):
        from benchbed.engine.second_count import flop_analysis

        flop_analysis()


class Server:
    """Forks children and reaps them.

    Args:
        requests: the file descriptor that requests are read from.
        events: the file descriptor that events are written to.
    """

    def __init__(self, requests: int, events: int) -> None:
        self.requests = requests
        self.events = events
        self.children: dict[int, int] = {}
        self.lock = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the server

    def serve(self) -> None:
        """Serve until standard input closes."""
        ended = _pipe_of_ended_children()
        self.emit({"event": "ready"})
        selector = selectors.DefaultSelector()
        selector.register(self.requests, selectors.EVENT_READ)
        selector.register(ended, selectors.EVENT_READ)
        pending = b""
        while True:
            for key, _ in selector.select():
                if key.fd == ended:
                    os.read(ended, 4096)
                    self.reap()
                    continue
                data = os.read(self.requests, 65536)
                if not data:
                    self.stop()
                    return
                # a line may come in several pieces: the last one waits for its end
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    self.fork(json.loads(line))

    def fork(self, request: dict[str, Any]) -> None:
        """Start a job in a child."""
        pid = os.fork()
        if pid:
            self.children[pid] = request["id"]
            return
        status = 1
        try:
            self._become_child()
            status = self.child(request)
        except SystemExit:
            status = 143
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            # not sys.exit: the frames above and the exit handlers are the server's
            os._exit(status)

    def _become_child(self) -> None:
        """Undo in a child what belongs to the server."""
        # processes that a data loader starts in the child are none of the server's children
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # a run that is stopped must leave through its `finally` clauses: half-written files go
        signal.signal(signal.SIGTERM, _exit_on_signal)
        # with the server dead, a request has to fail; a child that holds the pipe would keep it up
        os.close(self.requests)

    def child(self, request: dict[str, Any]) -> int:
        """Carry the job out, its output going to its log."""
        number = request["id"]
        job = read_job(Path(request["job"]))
        _redirect_output(Store(job.results).log_path(job.key))
        shipped = [Path(path) for path in request.get("shipped", ())]
        return execute(job, lambda event: self.emit({**event, "id": number}), shipped)

    def emit(self, event: Event) -> None:
        """Write one event as one line; the lock keeps lines of several children apart."""
        # a child that was killed while writing may have left half a line: begin a new one
        line = b"\n" + json.dumps(event).encode() + b"\n"
        fcntl.lockf(self.lock, fcntl.LOCK_EX)
        try:
            while line:
                line = line[os.write(self.events, line) :]
        finally:
            fcntl.lockf(self.lock, fcntl.LOCK_UN)

    def reap(self) -> None:
        """Tell of children that have ended."""
        # one byte in the pipe may stand for several of them
        while self.children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            number = self.children.pop(pid)
            self.emit({"event": "exit", "id": number, "code": os.waitstatus_to_exitcode(status)})

    def stop(self) -> None:
        """Stop all children, gently so that none leaves a half-written file behind."""
        deadline = time.monotonic() + GRACE
        self.signal(signal.SIGTERM)
        while self.children:
            time.sleep(0.05)
            for pid in list(self.children):
                if os.waitpid(pid, os.WNOHANG)[0]:
                    del self.children[pid]
            # one stuck in a native call does not notice SIGTERM: Python's handlers do not run there
            if time.monotonic() > deadline:
                self.signal(signal.SIGKILL)

    def signal(self, number: int) -> None:
        """Send all children a signal."""
        for pid in self.children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def _pipe_of_ended_children() -> int:
    """Return a pipe that can be read from whenever a child has ended; ``select`` waits for it."""
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write)
    # only signals that have a Python handler are written to the pipe, so this one does nothing
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return wake_read


def _redirect_output(log: Path) -> None:
    """Let what this process prints go to a file, or nowhere if that cannot be written."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    except OSError:
        handle = os.open(os.devnull, os.O_WRONLY)
    os.dup2(handle, 1)
    os.dup2(handle, 2)


def _exit_on_signal(number: int, frame: object) -> None:
    raise Stopped(128 + number)


def main() -> None:
    """Serve on the standard streams; what plugins print must not reach them."""
    requests, events = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)
    _preload()
    # the parent is gone, and with it whoever the events are for
    with contextlib.suppress(BrokenPipeError):
        Server(requests, events).serve()


if __name__ == "__main__":
    main()
