"""One job in one process: what it leaves when it succeeds, and when it does not."""

from __future__ import annotations

import io
import json
import math
import os
import queue
import subprocess
import sys

import msgspec
import pytest
import safetensors.torch
import torch

from benchbed import worker
from benchbed.contracts.protocol import parse_protocol
from benchbed.engine.evaluation import Evaluator
from benchbed.engine.seeding import seed_everything
from benchbed.engine.session import build_session
from benchbed.engine.trainer import Trainer
from benchbed.execution.failures import record_killed
from benchbed.execution.local import LocalExecutor
from benchbed.execution.plan import PlannedRun, Settings, make_plan
from benchbed.execution.processes import _read_events
from benchbed.execution.worker import execute
from benchbed.records.record import Failure, Record
from benchbed.records.store import Store
from tests import fakes, toys
from tests.conftest import ROOT
from tests.fakes import left_behind, one_job


@pytest.fixture(autouse=True)
def torch_settings():
    """Executing a job sets the threads and the determinism of this process."""
    threads = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


@pytest.fixture
def registry(registry):
    """The toys and the misfits."""
    registry.add_plugin(fakes, "fakes", "fakes", "1.0")
    return registry


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "results")


@pytest.fixture
def job(toy_protocol, registry, store):
    """The job of seed 0 of a method under the toy protocol."""

    def make(method="toy-net", protocol=toy_protocol, **settings):
        return one_job(protocol, method, registry, store.root, **settings)

    return make


def run(job) -> tuple[int, list[dict]]:
    """Execute a job; return its status and events, checked to be JSON."""
    events: list[dict] = []
    status = execute(job, lambda event: events.append(json.loads(json.dumps(event))))
    return status, events


def kinds(events: list[dict]) -> list[str]:
    return [event["event"] for event in events]


def test_a_run_leaves_a_sound_record_and_weights_and_nothing_else(job, store):
    status, events = run(job(commit="c" * 40, dirty=True))
    assert status == 0
    assert kinds(events) == ["started", *["epoch"] * 4, "done"]
    assert [event["epoch"] for event in events[1:-1]] == [1, 2, 3, 4]
    assert all(event["left"] >= 0 for event in events[1:-1])
    assert "train/a/loss" in events[1]["values"]
    made = job()
    record = store.find(made.place, made.key)
    assert isinstance(record, Record)
    assert (record.method, record.seed, record.tasks) == ("toy-net+equal", 0, ["a", "b"])
    assert (record.commit, record.dirty) == ("c" * 40, True)
    assert record.components == made.components
    assert record.budget.epochs == 4
    assert record.budget.optimizer_steps == 16
    assert record.budget.samples == 120
    assert record.metrics["a"]["mae"].primary
    assert not record.metrics["a"]["mae"].higher_is_better
    assert record.started <= record.finished
    assert sorted(path.name for path in store.root.rglob("*") if path.is_file()) == [
        f"{made.key}.json",
        f"{made.key}.safetensors",
    ]


def test_all_numbers_of_a_record_are_finite_and_its_curves_have_a_value_an_epoch(job, store):
    made = job("toy-net+norm-balance")
    assert run(made)[0] == 0
    record = store.find(made.place, made.key)
    for scores in (record.test, record.validation):
        assert set(scores) == {"a", "b"}
        assert all(math.isfinite(v) for metrics in scores.values() for v in metrics.values())
    assert {len(curve) for curve in record.curves.values()} == {4}
    assert {"train/a/loss", "validation/b/loss", "validation/a/mae", "lr"} <= set(record.curves)
    assert all(math.isfinite(v) for curve in record.curves.values() for v in curve)
    assert record.costs.parameters.total > 0
    assert record.costs.macs.all_tasks > 0


def bits(tensors: dict[str, torch.Tensor]) -> dict[str, bytes]:
    return {name: value.contiguous().numpy().tobytes() for name, value in tensors.items()}


def final_network(job):
    """Train the job by itself, without a worker."""
    seed_everything(job.seed)
    session = build_session(job)
    return Trainer(session).run(), session


@pytest.mark.parametrize("rule", ["last", "best-validation"])
def test_the_weights_are_those_of_the_selected_network_to_the_bit(tmp_path, job, store, rule):
    path = toys.write_protocol(tmp_path, rule=f'"{rule}"', lr="2.0", epochs="6")
    made = job("toy-net+toy-average", parse_protocol(path.read_text()))
    assert run(made)[0] == 0
    record = store.find(made.place, made.key)
    weights = safetensors.torch.load_file(store.weights_path(made.place, made.key))
    torch.set_num_threads(made.threads)
    outcome, session = final_network(made)
    assert outcome.selected_epoch == record.selected_epoch
    assert (record.selected_epoch < 6) == (rule == "best-validation"), "the rules must differ here"
    assert bits(weights) == bits(outcome.weights)
    session.network.load_state_dict(weights)
    evaluator = Evaluator(session.tasks, made.protocol.batch_size, session.device)
    assert evaluator(session.network, session.split("test")).scores == record.test


def test_the_same_job_gives_the_same_record_but_for_times(job, toy_protocol, registry, tmp_path):
    made = job()
    other = one_job(toy_protocol, "toy-net", registry, tmp_path / "other")
    torch.rand(3)
    assert (run(made)[0], run(other)[0]) == (0, 0)
    one, two = (Store(j.results).find(j.place, j.key) for j in (made, other))
    assert (one.test, one.curves, one.validation) == (two.test, two.curves, two.validation)
    weights = [Store(j.results).weights_path(j.place, j.key).read_bytes() for j in (made, other)]
    assert weights[0] == weights[1]


def test_a_plugins_error_is_kept_with_its_traceback_and_is_never_a_hit(job, store, registry):
    made = job("raising")
    status, events = run(made)
    assert status == 1
    assert kinds(events) == ["started", "failed"]
    message = "ZeroDivisionError: the third step is too much"
    assert events[-1]["error"] == message
    assert not events[-1]["usage"]
    failure = store.find_failure(made.place, made.key)
    assert (failure.status, failure.error, failure.usage) == ("failed", message, False)
    assert (failure.method, failure.seed, failure.tasks) == ("raising+equal", 0, ["a", "b"])
    assert "misfits.py" in failure.traceback
    assert "raise ZeroDivisionError" in failure.traceback
    assert events[-1]["traceback"] == failure.traceback
    assert store.find(made.place, made.key) is None
    assert store.records("toy", 1) == ([], [])
    plan = make_plan(made.protocol, ["raising"], registry, Settings(store.root), [0])
    assert plan.runs[-1].state == "failed before"


def test_success_discards_the_failure(job, store, monkeypatch):
    made = job("raising")
    assert run(made)[0] == 1
    monkeypatch.setenv("MENDED", "1")
    assert run(made)[0] == 0
    assert store.find_failure(made.place, made.key) is None
    assert isinstance(store.find(made.place, made.key), Record)
    assert left_behind(store.root) == []


def test_an_error_message_that_is_no_unicode_text_is_still_reported(job, store, monkeypatch):
    """As of a file name that is no UTF-8: Python keeps its bytes as lone surrogates."""
    monkeypatch.setenv("WORDS", "no file \udcff\udcfe")
    made = job("raising")
    status, events = run(made)
    assert status == 1
    assert kinds(events) == ["started", "failed"]
    assert store.find_failure(made.place, made.key) is not None


def test_a_plugin_that_cannot_be_loaded_is_wrong_use(job, store):
    made = job("absent")
    status, events = run(made)
    assert status == 1
    assert kinds(events) == ["failed"]
    assert events[0]["usage"]
    assert events[0]["error"].startswith("Cannot load tests.misfits:NoSuchNet")
    assert store.find_failure(made.place, made.key).usage


def test_a_loss_that_is_not_finite_has_a_status_of_its_own_and_names_task_and_epoch(job, store):
    made = job("infinite")
    status, _ = run(made)
    assert status == 1
    failure = store.find_failure(made.place, made.key)
    assert failure.status == "non-finite-loss"
    assert "The training loss of task 'a' became " in failure.error
    assert "in epoch 1, optimiser step 1" in failure.error
    assert not failure.usage


def test_a_test_metric_that_is_not_finite_is_a_failure_and_no_record(job, store):
    made = job("infinite:where=evaluation")
    status, events = run(made)
    assert status == 1
    assert "test metric 'mae' of task 'a' is inf" in events[-1]["error"]
    assert store.find(made.place, made.key) is None
    assert store.find_failure(made.place, made.key).status == "failed"


def test_an_unwritable_results_folder_is_a_failure_with_a_sentence(job, tmp_path):
    (tmp_path / "file").touch()
    made = msgspec.structs.replace(job(), results=str(tmp_path / "file" / "results"))
    status, events = run(made)
    assert status == 1
    assert kinds(events) == ["failed"]
    assert "Cannot " in events[0]["error"]
    assert "--results" in events[0]["error"]


def test_a_disk_that_fills_while_training_is_a_failure_with_the_remedy(job, store, monkeypatch):
    import errno

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    made = job()
    monkeypatch.setattr(os, "fsync", full)
    status, events = run(made)
    assert status == 1
    assert "No space left on device; free some space" in events[-1]["error"]
    assert store.records("toy", 1) == ([], [])
    monkeypatch.undo()
    assert run(made)[0] == 0


def test_a_run_that_has_a_sound_record_is_not_repeated(job, store):
    made = job()
    assert run(made)[0] == 0
    path = store.path("runs", made.place, made.key)
    before = path.read_bytes()
    assert run(made) == (0, [{"event": "done"}])
    assert path.read_bytes() == before


@pytest.mark.parametrize("reason", ["stale", "damaged"])
def test_a_stale_or_damaged_record_is_replaced_and_kept_as_superseded(job, store, reason):
    made = job()
    record = fakes.record_of_job(made)
    if reason == "stale":
        older = [msgspec.structs.replace(c, source="older") for c in made.components]
        record = msgspec.structs.replace(record, components=older)
    path = store.write("runs", made.place, record)
    if reason == "damaged":
        path.write_bytes(path.read_bytes()[:-9])
    before = path.read_bytes()
    assert run(made)[0] == 0
    assert store.find(made.place, made.key).components == made.components
    assert path.with_name(f"{made.key}.superseded-1.json").read_bytes() == before
    assert store.records("toy", 1)[1] == []


def test_a_failed_run_goes_on_from_its_last_epoch(job, store, monkeypatch):
    made = job()

    class Stop(RuntimeError):
        pass

    def stop_after_two(event):
        if event.get("epoch") == 2:
            raise Stop

    assert execute(made, stop_after_two) == 1
    assert store.checkpoint_path(made.key).exists()
    status, events = run(made)
    assert status == 0
    assert [event["epoch"] for event in events if event["event"] == "epoch"] == [3, 4]
    assert left_behind(store.root) == []


def test_a_measurement_has_positive_times_and_is_found_again(toy_protocol, registry, store):
    plan = make_plan(toy_protocol, ["toy-net"], registry, Settings(store.root), [0])
    for made in plan.measurements:
        assert run(made) == (0, [{"event": "done"}])
        found = store.find_measurement(made.place, made.key)
        assert found.method == made.method
        assert 0 < found.latency_ms < found.step_ms
        assert found.peak_memory_mb >= 0
    again = make_plan(toy_protocol, ["toy-net"], registry, Settings(store.root), [0])
    assert (again.measurements, again.measured) == ((), 2)


def test_a_measurement_that_fails_is_reported(toy_protocol, registry, store):
    plan = make_plan(toy_protocol, ["raising"], registry, Settings(store.root), [0])
    status, events = run(plan.measurements[-1])
    assert status == 1
    assert kinds(events) == ["failed"]
    assert store.find_measurement(plan.measurements[-1].place, plan.measurements[-1].key) is None


def test_a_process_that_died_leaves_a_failure_without_a_traceback(job, store):
    made = job()
    assert record_killed(made, "gone") == store.find_failure(made.place, made.key)
    failure = store.find_failure(made.place, made.key)
    assert isinstance(failure, Failure)
    assert (failure.status, failure.error, failure.traceback) == ("killed", "gone", "")


def write(path, job):
    path.write_bytes(msgspec.json.encode(job))
    return str(path)


def test_the_worker_by_hand_prints_events_and_leaves_a_record(job, store, tmp_path, capsys):
    made = job()
    assert worker.main([write(tmp_path / "job.json", made)]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert kinds(events) == ["started", *["epoch"] * 4, "done"]
    assert isinstance(store.find(made.place, made.key), Record)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "Cannot read job file .*: No such file or directory"),
        (b"", "is not a job file of this benchbed"),
        (b"{", "is not a job file of this benchbed"),
        (b'{"key": "k"}', "is not a job file of this benchbed: .*missing required field"),
        (b"\xff\xfe\x00", "is not a job file of this benchbed"),
        (b'{"key": "\xff"}', "is not a job file of this benchbed"),
        (b"[" * 100_000, "is not a job file of this benchbed"),
    ],
)
def test_a_bad_job_file_is_a_sentence_and_wrong_use(tmp_path, capsys, content, words):
    import re

    path = tmp_path / "job.json"
    if content is not None:
        path.write_bytes(content)
    assert worker.main([str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.search("^Error: .*" + words, captured.err, re.DOTALL)
    assert str(path) in captured.err


def test_a_job_file_with_a_field_of_another_version_is_refused(job, tmp_path, capsys):
    plain = msgspec.to_builtins(job())
    (tmp_path / "job.json").write_text(json.dumps({**plain, "colour": "red"}))
    assert worker.main([str(tmp_path / "job.json")]) == 2
    assert "unknown field `colour`" in capsys.readouterr().err


def test_the_worker_without_a_job_file_says_how_it_is_used(capsys):
    assert worker.main([]) == 2
    assert "Usage: python -m benchbed.worker JOB.json" in capsys.readouterr().err


def test_the_worker_with_code_that_is_none_says_so(job, tmp_path, capsys):
    (tmp_path / "job.json").write_bytes(msgspec.json.encode(job()))
    assert worker.main([str(tmp_path / "job.json"), str(tmp_path / "absent.json")]) == 1
    assert "Cannot read the plugin" in capsys.readouterr().out


def test_two_processes_with_the_very_same_job_leave_one_record_and_no_error(
    registry, store, tmp_path
):
    """The second waits for the first's lock, then finds the record and has nothing to do."""
    protocol = parse_protocol(fakes.write_mini(tmp_path).read_text())
    made = one_job(protocol, "slow", registry, store.root)
    path = write(tmp_path / "job.json", made)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SLOW_MS": "40"}
    both = [
        subprocess.Popen(
            [sys.executable, "-m", "benchbed.worker", path],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert [err for _, err in outputs] == ["", ""]
    seen = sorted(kinds([json.loads(line) for line in out.splitlines()]) for out, _ in outputs)
    assert seen == [["done"], ["started", *["epoch"] * 4, "done"]]
    assert isinstance(store.find(made.place, made.key), Record)
    assert sorted(path.name for path in store.root.rglob("*") if path.is_file()) == [
        f"{made.key}.json",
        f"{made.key}.safetensors",
    ]


def test_output_of_a_plugin_among_a_workers_events_is_passed_over():
    lines = [b"a print", b"5", b"null", b'"text"', b"[1]", b"{}", b'{"a": 1}', b'{"event": "done"}']
    events: queue.Queue = queue.Queue()
    _read_events(io.BytesIO(b"\n".join(lines) + b"\n{"), events, 3)
    assert [events.get_nowait() for _ in range(events.qsize())] == [{"event": "done", "id": 3}]


class Quiet:
    """An observer that keeps what it is told."""

    def __init__(self):
        self.seen = []

    def started(self, run):
        self.seen.append("started")

    def epoch(self, run, epoch, seconds_left, values):
        self.seen.append(epoch)

    def finished(self, result):
        self.seen.append(result.status)


def test_where_there_is_no_fork_each_run_has_an_interpreter_of_its_own(
    registry, store, tmp_path, monkeypatch
):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    protocol = parse_protocol(fakes.write_mini(tmp_path).read_text())
    jobs = [one_job(protocol, name, registry, store.root) for name in ("plain", "exiting")]
    observer = Quiet()
    executor = LocalExecutor(2, fork=False)
    results = executor.execute([PlannedRun(job, "new") for job in jobs], observer)
    found = {result.run.job.method: (result.status, result.message) for result in results}
    assert found == {
        "plain+equal": ("ok", ""),
        "exiting+equal": ("failed", "its process ended with status 3 without a record"),
    }
    assert sorted(map(str, observer.seen)) == ["1", "2", "3", "4", "failed", "ok", *["started"] * 2]
    assert isinstance(store.find(jobs[0].place, jobs[0].key), Record)
    assert store.find_failure(jobs[1].place, jobs[1].key).status == "killed"
