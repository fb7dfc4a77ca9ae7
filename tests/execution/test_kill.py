"""Whenever and wherever a run is killed, nothing is half-written and it goes on from its epoch."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import torch

from benchbed.contracts.protocol import parse_protocol
from benchbed.discovery.registry import discover
from benchbed.engine.checkpoint import checkpoint_identity, load_checkpoint
from benchbed.execution import forkserver
from benchbed.execution.worker import execute
from benchbed.records.job import Job
from benchbed.records.record import Record
from benchbed.records.store import Store
from tests import fakes
from tests.conftest import ROOT
from tests.fakes import left_behind, one_job

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="finds processes by Linux' /proc"
)
EPOCHS = 6
MARK = "BENCHBED_TEST_MARK"


@pytest.fixture(scope="module", autouse=True)
def torch_settings():
    """Executing a job sets the threads and the determinism of this process."""
    threads = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


@pytest.fixture(scope="module")
def make_job(tmp_path_factory) -> Callable[..., Job]:
    registry = discover({"BENCHBED_PLUGINS": "zoo"}, strict=True)
    registry.add_plugin(fakes, "fakes", "fakes", "1.0")
    text = fakes.write_mini(tmp_path_factory.mktemp("protocol"), epochs=EPOCHS).read_text()
    protocol = parse_protocol(text)

    def make(results: Path, seed: int = 0) -> Job:
        return one_job(protocol, "slow", registry, results, seed)

    return make


def essence(job: Job) -> dict[str, object]:
    """What must not depend on interruptions: the whole record but for times, and the weights."""
    store = Store(job.results)
    record = store.find(job.place, job.key)
    assert isinstance(record, Record), record
    plain = msgspec.to_builtins(record)
    for name in ("started", "finished", "commit", "dirty", "components", "environment", "content"):
        del plain[name]
    del plain["budget"]["seconds"]
    weights = store.weights_path(job.place, job.key).read_bytes()
    return {**plain, "weights": weights}


@pytest.fixture(scope="module")
def reference(make_job, tmp_path_factory) -> dict[int, dict[str, object]]:
    """The essence of uninterrupted runs, by seed."""
    found = {}
    for seed in (0, 1):
        job = make_job(tmp_path_factory.mktemp("reference"), seed)
        assert execute(job, lambda event: None) == 0
        found[seed] = essence(job)
    assert found[0] != found[1]
    return found


def resume(job: Job) -> list[int]:
    """Finish a run in this process; return the epochs that were still to be trained."""
    epochs = []
    assert execute(job, lambda e: epochs.append(e["epoch"]) if e["event"] == "epoch" else None) == 0
    return epochs


def assert_nothing_half_written(results: Path) -> None:
    """Every record that is there is sound, and every checkpoint can be loaded."""
    _, refused = Store(results).records("mini", 1)
    assert refused == []
    for path in results.rglob("*.pt"):
        head, _, content = path.read_bytes().partition(b"\n")
        assert head.split()[1].decode() == hashlib.sha256(content).hexdigest()
        torch.load(io.BytesIO(content), weights_only=True)


KILLER = """
import json, os, signal, sys, time
from pathlib import Path
import msgspec
from benchbed.execution import forkserver
from benchbed.execution.worker import execute
from benchbed.records.job import read_job

forkserver._preload()

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def patch(case):
    '''Die at the n-th time that a file is about to get, or has just got, its name or content.'''
    counts = {"fsync": 0, "replace": 0}
    fsync, replace = os.fsync, Path.replace

    def my_fsync(handle):
        counts["fsync"] += 1
        if case["point"] == "half" and counts["fsync"] == case["number"]:
            os.ftruncate(handle, os.fstat(handle).st_size // 2)
            die()
        fsync(handle)

    def my_replace(self, target):
        counts["replace"] += 1
        last = counts["replace"] == case.get("number")
        if last and case["point"] == "before":
            die()
        result = replace(self, target)
        if last and case["point"] == "after":
            die()
        return result

    os.fsync, Path.replace = my_fsync, my_replace

def note(case, event):
    if event["event"] == "epoch":
        with open(case["results"] + ".epochs", "a") as file:
            file.write(f"{event['epoch']}\\n")

job = read_job(Path(sys.argv[1]))
for line in sys.stdin:
    case = json.loads(line)
    one = msgspec.structs.replace(job, results=case["results"])
    pid = os.fork()
    if pid == 0:
        os.environ["SLOW_MS"] = str(case.get("slow", 0))
        patch(case)
        os._exit(execute(one, lambda event: note(case, event)))
    if case["point"] == "time":
        time.sleep(case["seconds"])
        os.kill(pid, signal.SIGKILL)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


class Killer:
    """A process with torch imported that runs a job in children and kills them."""

    def __init__(self, job: Job, folder: Path) -> None:
        path = folder / "job.json"
        path.write_bytes(msgspec.json.encode(job))
        self.process = subprocess.Popen(
            [sys.executable, "-c", KILLER, str(path)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, **case: object) -> int:
        self.process.stdin.write(json.dumps(case) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def killer(make_job, tmp_path_factory):
    folder = tmp_path_factory.mktemp("killer")
    made = Killer(make_job(folder / "unused"), folder)
    yield made
    made.close()


WRITES = (EPOCHS - 1) + 2
"""A checkpoint after each epoch but the last, then weights, then the record."""


@pytest.mark.parametrize("point", ["half", "before", "after"])
def test_a_run_killed_while_writing_any_of_its_files_goes_on_to_the_very_same_record(
    killer, make_job, reference, tmp_path, point
):
    for number in range(1, WRITES + 1):
        results = tmp_path / f"{number}"
        assert killer(results=str(results), point=point, number=number) == -9
        assert_nothing_half_written(results)
        job = make_job(results)
        written = number if point == "after" else number - 1
        found = Store(results).find(job.place, job.key)
        assert (found is None) == (written < WRITES), "a record, once written, is there"
        resumed = resume(job)
        saved = min(written, EPOCHS - 1)
        assert resumed == ([] if written == WRITES else list(range(saved + 1, EPOCHS + 1)))
        assert essence(job) == reference[0], (point, number)
    results = tmp_path / "one more"
    assert killer(results=str(results), point=point, number=WRITES + 1) == 0, "all were counted"


def test_a_run_killed_again_and_again_at_any_moment_comes_to_the_very_same_record(
    killer, make_job, reference, tmp_path
):
    results = tmp_path / "results"
    kills = 0
    epochs_file = Path(f"{results}.epochs")
    for attempt in range(100):
        seconds = 0.04 + 0.03 * attempt
        status = killer(results=str(results), point="time", seconds=seconds, slow=8)
        assert_nothing_half_written(results)
        if status == 0:
            break
        kills += 1
    assert status == 0
    assert kills >= 4, "or the moments were not several"
    epochs = [int(line) for line in epochs_file.read_text().split()]
    lasting = [epoch for epoch in epochs if epoch < EPOCHS]
    assert lasting == sorted(set(lasting)), "no epoch that was saved is trained again"
    assert essence(make_job(results)) == reference[0]


def test_a_run_that_is_finished_leaves_no_checkpoint_lock_or_temporary_file(
    killer, make_job, tmp_path
):
    results = tmp_path / "results"
    assert killer(results=str(results), point="none") == 0
    assert left_behind(results) == []
    assert essence(make_job(results))["seed"] == 0


def stop_at(job: Job, epoch: int) -> Path:
    """Train up to an epoch; return the checkpoint."""

    def stop(event):
        if event.get("epoch") == epoch:
            raise RuntimeError("stop here")

    assert execute(job, stop) == 1
    return Store(job.results).checkpoint_path(job.key)


def test_a_checkpoint_damaged_in_any_way_starts_the_run_over(make_job, reference, tmp_path):
    job = make_job(tmp_path / "results")
    checkpoint = stop_at(job, 2)
    content = checkpoint.read_bytes()
    identity = checkpoint_identity(job)
    assert load_checkpoint(checkpoint, identity) is not None
    step = max(1, len(content) // 150)
    damaged = [content[:length] for length in [*range(300), *range(300, len(content), step)]]
    damaged += [
        b"",
        b"\0" * 1000,
        b"text",
        b"\x80\x02]",
        content[::-1],
        content[len(content) // 2 :],
    ]
    for start in range(0, len(content) - 64, step):
        damaged.append(content[:start] + b"\0" * 64 + content[start + 64 :])
    for piece in damaged:
        checkpoint.write_bytes(piece)
        state = load_checkpoint(checkpoint, identity)
        assert state is None or "progress" in state
    checkpoint.write_bytes(content[: len(content) // 2])
    assert resume(job) == list(range(1, EPOCHS + 1))
    assert essence(job) == reference[0]


def test_a_checkpoint_of_another_run_or_another_source_is_not_gone_on_from(
    make_job, reference, tmp_path
):
    job = make_job(tmp_path / "results")
    other = stop_at(make_job(tmp_path / "results", seed=1), 3)
    shutil.copy(other, Store(job.results).checkpoint_path(job.key))
    assert resume(job) == list(range(1, EPOCHS + 1))
    assert essence(job) == reference[0]

    job = make_job(tmp_path / "again")
    edited = msgspec.structs.replace(job.architecture, source="before an edit")
    stop_at(msgspec.structs.replace(job, architecture=edited), 3)
    assert resume(job) == list(range(1, EPOCHS + 1))
    assert essence(job) == reference[0]


WATCHER = """
import json, os
from benchbed import hookimpl

@hookimpl
def benchbed_epoch_finished(run, epoch):
    with open(os.environ["WATCHED"], "a") as file:
        file.write(json.dumps([run.job.method, run.job.seed, epoch]) + "\\n")
"""


class Command:
    """``benchbed run mini.toml slow`` in a folder, its processes known by a mark."""

    def __init__(self, bench, plugin_folder, tmp_path: Path) -> None:
        plugin_folder.install("fakes_plugin", "from tests.fakes import *\n")
        plugin_folder.install("watcher", WATCHER)
        fakes.write_mini(bench.folder, epochs=EPOCHS)
        self.bench = bench
        self.results = bench.folder / "results"
        self.watched = tmp_path / "watched"
        self.mark = uuid.uuid4().hex
        self.environment = {
            "BENCHBED_PLUGINS": "zoo,fakes_plugin,watcher",
            "WATCHED": str(self.watched),
            MARK: self.mark,
        }

    def start(self, jobs: int = 1, slow: int = 40) -> subprocess.Popen:
        """Start it with nothing noted yet, so many milliseconds a training step."""
        self.watched.write_text("")
        arguments = ("run", "mini.toml", "slow", "--jobs", str(jobs), "--no-measure")
        return self.bench(*arguments, env={**self.environment, "SLOW_MS": str(slow)}, start=True)

    def epochs(self, seed: int, method: str = "slow+equal") -> list[int]:
        """The epochs that were noted since the start."""
        lines = [json.loads(line) for line in self.watched.read_text().splitlines(keepends=True)
                 if line.endswith("\n")]  # fmt: skip
        return [epoch for m, s, epoch in lines if (m, s) == (method, seed)]

    def processes(self, words: str = "") -> list[int]:
        """All living processes that stem from it, those with words in their command line."""
        found = []
        for folder in Path("/proc").iterdir():
            try:
                if not folder.name.isdecimal():
                    continue
                environ = (folder / "environ").read_bytes().split(b"\0")
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if f"{MARK}={self.mark}".encode() in environ and words in line:
                found.append(int(folder.name))
        return sorted(found)

    def children(self) -> list[int]:
        """The processes in which runs are carried out."""
        servers = self.processes("forkserver")
        parents = {pid: _parent(pid) for pid in servers}
        return [pid for pid, parent in parents.items() if parent in servers]

    def kill_all(self) -> None:
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


@pytest.fixture
def command(bench, plugin_folder, tmp_path):
    made = Command(bench, plugin_folder, tmp_path)
    yield made
    made.kill_all()


def until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} took too long"
        time.sleep(0.01)


def finish(process: subprocess.Popen, seconds: float = 60) -> str:
    """Wait for the end of a command; return its standard error."""
    _, err = process.communicate(timeout=seconds)
    return err


def assert_the_same_command_goes_on(command: Command, make_job, reference, gone_on: dict) -> None:
    """It ends well, trains no saved epoch again, and leaves what an uninterrupted run leaves."""
    process = command.start(jobs=2, slow=0)
    err = finish(process)
    assert process.returncode == 0, err
    for seed, epoch in gone_on.items():
        assert command.epochs(seed)[0] > epoch, "it goes on from the checkpoint"
        assert command.epochs(seed)[-1] == EPOCHS
    for seed in (0, 1):
        assert essence(make_job(command.results, seed)) == reference[seed]
    assert left_behind(command.results) == []
    assert Store(command.results).records("mini", 1)[1] == []
    assert command.processes() == []


def test_a_worker_that_is_killed_fails_alone_and_goes_on_the_next_time(
    command, make_job, reference
):
    process = command.start()
    until(lambda: len(command.epochs(0)) >= 2, "training")
    (child,) = command.children()
    os.kill(child, signal.SIGKILL)
    err = finish(process)
    assert "Failed: slow+equal seed 0: its process was killed by signal 9" in err
    assert command.epochs(1) == list(range(1, EPOCHS + 1)), "the next run is carried out"
    assert command.processes() == []
    assert_nothing_half_written(command.results)
    assert essence(make_job(command.results, 1)) == reference[1]
    job = make_job(command.results)
    assert Store(command.results).find(job.place, job.key) is None
    assert Store(command.results).find_failure(job.place, job.key).status == "killed"
    assert_the_same_command_goes_on(command, make_job, reference, {0: 2})
    assert Store(command.results).find_failure(job.place, job.key) is None


def test_when_everything_is_killed_at_its_root_no_process_is_left_and_both_runs_go_on(
    command, make_job, reference
):
    process = command.start(jobs=2)
    until(lambda: command.epochs(0) and command.epochs(1), "training side by side")
    assert len(command.children()) == 2
    process.kill()
    finish(process)
    seen = {seed: max(command.epochs(seed)) for seed in (0, 1)}
    until(lambda: not command.processes(), "ending of the children", 20)
    assert_nothing_half_written(command.results)
    records, _ = Store(command.results).records("mini", 1)
    assert {record.method for record in records} == {"single-task"}
    assert [name for name in left_behind(command.results) if name.endswith(".tmp")] == []
    assert_the_same_command_goes_on(command, make_job, reference, seen)


def test_an_interrupt_stops_every_process_says_so_and_both_runs_go_on(command, make_job, reference):
    process = command.start(jobs=2)
    until(lambda: len(command.epochs(0)) >= 3 and command.epochs(1), "training side by side")
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    err = finish(process)
    assert command.processes() == []
    assert "Interrupted. Finished runs are kept" in err
    assert "Traceback" not in err
    seen = {seed: max(command.epochs(seed)) for seed in (0, 1)}
    assert_nothing_half_written(command.results)
    assert [name for name in left_behind(command.results) if name.endswith(".tmp")] == []
    assert not (command.results / "failed").exists(), "an interrupted run has not failed"
    assert_the_same_command_goes_on(command, make_job, reference, seen)
    assert process.returncode == 130


def test_when_the_server_of_the_workers_is_killed_it_is_said_and_no_process_is_left(command):
    process = command.start(jobs=2)
    until(lambda: command.epochs(0) and command.epochs(1), "training side by side")
    (server,) = set(command.processes("forkserver")) - set(command.children())
    os.kill(server, signal.SIGKILL)
    err = finish(process)
    assert "Error: The process that starts the runs died" in err
    assert process.returncode == 1
    until(lambda: not command.processes(), "ending of the children", 20)
    assert_nothing_half_written(command.results)


def test_an_interrupt_before_the_first_run_starts_leaves_no_process(command):
    process = command.start()
    until(lambda: command.processes("forkserver"), "starting")
    os.killpg(process.pid, signal.SIGINT)
    err = finish(process)
    assert "Interrupted." in err
    assert "Traceback" not in err
    until(lambda: not command.processes(), "ending of the server", 20)
    assert process.returncode == 130


CHILD = """
import signal, sys, time
from pathlib import Path
from benchbed.execution import forkserver

folder, stubborn = Path(sys.argv[1]), sys.argv[2] == "stubborn"
signal.signal(signal.SIGTERM, signal.SIG_IGN if stubborn else forkserver._exit_on_signal)
try:
    folder.joinpath("ready").touch()
    time.sleep(60)
finally:
    time.sleep(0.4)
    folder.joinpath("tidy").touch()
"""


def stop_a_child(tmp_path: Path, kind: str) -> float:
    """Let the server stop one child; return how long that took."""
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path), kind],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )
    until(tmp_path.joinpath("ready").exists, "starting")
    server = forkserver.Server(-1, -1)
    server.children[process.pid] = 1
    start = time.monotonic()
    try:
        server.stop()
        assert not Path(f"/proc/{process.pid}").exists(), "it has ended and was waited for"
    finally:
        server.lock.close()
        process.kill()
        process.wait()
    return time.monotonic() - start


def test_a_run_that_is_stopped_has_the_time_to_remove_what_it_was_writing(tmp_path):
    stop_a_child(tmp_path, "tidy")
    assert tmp_path.joinpath("tidy").exists()


def test_a_run_that_takes_no_notice_is_stopped_before_the_parent_loses_patience(
    tmp_path, monkeypatch
):
    """As one stuck in a native call, where Python's signal handlers cannot run."""
    assert forkserver.GRACE < 15, "the parent waits for 20 s"
    monkeypatch.setattr(forkserver, "GRACE", 0.5)
    assert stop_a_child(tmp_path, "stubborn") >= 0.5
    assert not tmp_path.joinpath("tidy").exists()
