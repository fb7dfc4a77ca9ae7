"""``benchbed run`` as a process: failures of some runs, hooks, caching, wrong use."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchbed import hookimpl
from benchbed.discovery.catalogue import find_protocol
from benchbed.discovery.registry import discover
from benchbed.execution.executor import Executor, Result
from benchbed.execution.plan import Settings, make_plan
from benchbed.execution.run import Summary, carry_out, measurable
from benchbed.records.record import Failure, Record
from benchbed.records.store import Store
from tests import fakes
from tests.conftest import ROOT, PluginFolder

WATCHER = """
import json, os
from benchbed import hookimpl

def note(**what):
    with open(os.environ["WATCHED"], "a") as file:
        file.write(json.dumps({**what, "pid": os.getpid()}) + "\\n")

@hookimpl
def benchbed_run_started(run):
    note(hook="started", run=run.label)

@hookimpl
def benchbed_epoch_finished(run, epoch, values):
    note(hook="epoch", run=run.label, epoch=epoch, values=dict(values))

@hookimpl
def benchbed_run_finished(run, status, message):
    note(hook="finished", run=run.label, status=status, message=message)

@hookimpl
def benchbed_leaderboard_columns(protocol, methods):
    return {"letters": {method: len(method) for method in methods}}
"""

GRUMBLER = """
from benchbed import hookimpl

@hookimpl
def benchbed_run_started(run):
    raise RuntimeError("grumble")

@hookimpl
def benchbed_epoch_finished(epoch):
    raise RuntimeError("grumble")

@hookimpl
def benchbed_run_finished():
    raise SyntaxError("grumble")
"""

PLUGINS = "zoo,fakes_plugin,watcher,grumbler"
METHODS = ["slow", "slow:pace=2", "raising", "exiting", "exiting:politely=true", "suicidal"]


@dataclass
class Finished:
    """A finished command: what it printed, and what the watching plugin noted."""

    pid: int
    status: int
    out: str
    err: str
    notes: list[dict]

    def labels(self, hook: str) -> list[str]:
        return [note["run"] for note in self.notes if note["hook"] == hook]


def command(folder: Path, plugins: Path, *arguments: str, **env: str) -> Finished:
    """Run ``benchbed`` in a folder with what is installed in another."""
    watched = folder / "watched"
    watched.write_text("")
    process = subprocess.Popen(
        [sys.executable, "-m", "benchbed", *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(plugins), str(ROOT)]),
            "BENCHBED_PLUGINS": "zoo",
            "COLUMNS": "80",
            "WATCHED": str(watched),
            **env,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    notes = [json.loads(line) for line in watched.read_text().splitlines()]
    return Finished(process.pid, process.returncode, out, err, notes)


@dataclass
class Story:
    """The same command twice: some runs fail for reasons of their own, two at a time."""

    folder: Path
    first: Finished
    second: Finished
    store: Store


@pytest.fixture(scope="module")
def story(tmp_path_factory) -> Story:
    folder = tmp_path_factory.mktemp("story")
    plugins = PluginFolder(folder / "plugins")
    plugins.install("fakes_plugin", "from tests.fakes import *\n")
    plugins.install("watcher", WATCHER)
    plugins.install("grumbler", GRUMBLER)
    fakes.write_mini(folder)
    # tried out, those that die at once would be told before anything is trained
    arguments = (
        "run",
        "mini.toml",
        *METHODS,
        "--seeds",
        "1",
        "--jobs",
        "2",
        "--no-preflight",
        "--notes",
    )
    env = {"BENCHBED_PLUGINS": PLUGINS, "SLOW_MS": "15"}
    first = command(folder, plugins.path, *arguments, "--no-measure", **env)
    second = command(folder, plugins.path, *arguments, **env)
    return Story(folder, first, second, Store(folder / "results"))


FINE = {"single-task/holes seed 0", "single-task/parity seed 0"} | {
    "slow+equal seed 0",
    "slow:pace=2+equal seed 0",
}
FAILED = {
    "raising+equal seed 0": "ZeroDivisionError: the third step is too much",
    "exiting+equal seed 0": "its process ended with status 3 without a record",
    "suicidal+equal seed 0": "its process was killed by signal 9 (out of memory, perhaps)",
}
POLITE = "exiting:politely=true+equal seed 0"


def test_runs_that_fail_leave_the_others_alone_and_the_status_is_one(story):
    assert story.first.status == 1
    records, refused = story.store.records("mini", 1)
    assert {f"{r.method} {'+'.join(r.tasks)}" for r in records} == {
        "single-task holes",
        "single-task parity",
        "slow+equal holes+parity",
        "slow:pace=2+equal holes+parity",
    }
    assert refused == []


def test_each_failure_is_reported_in_one_sentence(story):
    for label, message in FAILED.items():
        assert f"\nFailed: {label}: {message}\n" in story.first.err
        assert f"FAILED {label}" in story.first.err
    assert story.first.err.count("\nFailed: ") == len(FAILED) + 1


def test_a_plugins_traceback_is_shown_and_no_other(story):
    lines = story.first.err.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("Failed: raising"))
    assert lines[start + 1].startswith("Traceback ") or lines[start + 2].startswith("Traceback ")
    stop = next(n for n, line in enumerate(lines) if n > start and "ZeroDivisionError" in line)
    shown = "\n".join(lines[start : stop + 3])
    assert "misfits.py" in shown
    assert "raise ZeroDivisionError" in shown
    for label in ("exiting+equal", "suicidal+equal"):
        n = next(n for n, line in enumerate(lines) if line.startswith(f"Failed: {label}"))
        assert "Traceback" not in "".join(lines[n : n + 2])


def test_a_plugin_that_calls_sys_exit_is_reported_with_its_traceback(story):
    err = story.first.err
    assert f"Failed: {POLITE}: SystemExit: 4" in err
    assert "raise SystemExit(4)" in err


def test_failures_are_kept_with_status_and_traceback(story):
    failures = {f.method: f for f in story.store.others("failed", "mini", 1, Failure)}
    found = {method: failure.status for method, failure in failures.items() if ":" not in method}
    assert found == {
        "raising+equal": "failed",
        "exiting+equal": "killed",
        "suicidal+equal": "killed",
    }
    assert "raise ZeroDivisionError" in failures["raising+equal"].traceback
    assert failures["exiting+equal"].traceback == ""


def test_what_a_run_that_died_printed_is_in_its_log_and_the_log_is_named(story):
    lines = story.first.err.splitlines()
    n = next(n for n, line in enumerate(lines) if line.startswith("Failed: suicidal"))
    assert lines[n + 1].startswith("Its output: ")
    log = story.folder / lines[n + 1].removeprefix("Its output: ")
    assert log.read_text() == "a last word\n"
    fine = {record.key for record in story.store.records("mini", 1)[0]}
    assert not fine & {path.stem for path in log.parent.iterdir()}, "logs of sound runs are removed"


def table(text: str) -> dict[str, str]:
    lines = [re.split(r"\s{2,}", line, maxsplit=1) for line in text.splitlines()]
    return {line[0]: line[1] for line in lines if len(line) == 2}


def test_failed_runs_are_visible_in_the_leaderboard_that_is_shown_and_in_its_files(story):
    assert " ".join(story.first.out.split()).count("1 failed") == 4
    (document,) = (story.folder / "results" / "leaderboards").glob("*.json")
    rows = {row["method"]: row for row in json.loads(document.read_text())["rows"]}
    assert {method for method, row in rows.items() if row["failed"]} == {
        label.removesuffix(" seed 0") for label in [*FAILED, POLITE]
    }
    assert rows["slow+equal"]["failed"] == 0
    assert rows["slow+equal"]["delta_m"] is not None


def test_the_files_that_were_written_are_named(story):
    named = story.first.out.partition("Written:")[2].split("\n")
    paths = [Path(line.split()[0]) for line in named if line.strip()]
    assert [path.name for path in paths] == ["mini@1.md", "mini@1.csv", "mini@1.json", "1"]
    assert all((story.folder / path).exists() for path in paths)


def test_a_second_run_repeats_only_what_failed(story):
    assert story.second.status == 1
    assert "8 runs; 4 cached, 4 to train" in story.second.err
    repeated = set(story.second.labels("finished"))
    assert repeated == {*FAILED, POLITE}


def test_methods_that_failed_are_not_measured_and_the_others_are(story):
    (document,) = (story.folder / "results" / "leaderboards").glob("*.json")
    rows = json.loads(document.read_text())["rows"]
    measured = {row["method"] for row in rows if row["step_ms"]}
    assert measured == {"single-task", "slow+equal", "slow:pace=2+equal"}


def test_hooks_are_called_in_the_parent_with_what_happened(story):
    notes = story.first.notes
    assert {note["pid"] for note in notes} == {story.first.pid}
    assert set(story.first.labels("started")) == {*FINE, *FAILED, POLITE}
    finished = {n["run"]: (n["status"], n["message"]) for n in notes if n["hook"] == "finished"}
    assert len(story.first.labels("finished")) == len(finished) == 8
    assert {label: finished[label] for label in FINE} == dict.fromkeys(FINE, ("ok", ""))
    assert {label: finished[label] for label in FAILED} == {
        label: ("failed", message) for label, message in FAILED.items()
    }
    for label in FINE:
        epochs = [n for n in notes if n["hook"] == "epoch" and n["run"] == label]
        assert [note["epoch"] for note in epochs] == [1, 2, 3, 4]
        assert any(name.startswith("validation/") for name in epochs[0]["values"])


def test_no_more_runs_than_jobs_are_under_way_and_two_are_side_by_side(story):
    running: set[str] = set()
    most = 0
    for note in story.first.notes:
        if note["hook"] == "started":
            running.add(note["run"])
        elif note["hook"] == "finished":
            running.discard(note["run"])
        most = max(most, len(running))
    assert most == 2


def test_a_hook_that_raises_is_named_once_and_does_no_harm(story):
    for hook, error in (
        ("benchbed_run_started", "RuntimeError"),
        ("benchbed_epoch_finished", "RuntimeError"),
        ("benchbed_run_finished", "SyntaxError"),
    ):
        assert story.first.err.count(f"Hook grumbler.{hook} failed: {error}: grumble") == 1


def test_a_plugins_column_stands_in_the_files(story):
    text = (story.folder / "results" / "leaderboards" / "mini@1.md").read_text()
    header, _, *body = [line for line in text.splitlines() if line.startswith("|")]
    column = [cell.strip() for cell in header.split("|")].index("letters")
    for line in body:
        cells = [cell.strip() for cell in line.split("|")]
        assert cells[column] == str(len(cells[1]))


SPY = """
import atexit, json, os, sys

@atexit.register
def tell():
    heavy = {"torch", "torchvision", "torchmetrics", "timm", "fvcore"}
    with open(os.environ["WATCHED"], "w") as file:
        file.write(json.dumps({"heavy": sorted(heavy & set(sys.modules)), "pid": os.getpid()}))
"""


@pytest.mark.parametrize("style", ["terminal", "json"])
def test_a_run_that_is_all_cached_ends_well_and_imports_no_torch(tmp_path, plugin_folder, style):
    plugin_folder.install("spy", SPY)
    zoo = discover({"BENCHBED_PLUGINS": "zoo"}, strict=True)
    plan = make_plan(
        find_protocol("digits", zoo), ["hps", "hps+mgda"], zoo, Settings(tmp_path / "results")
    )
    fakes.fill(plan, tmp_path / "results")
    arguments = (
        ("run", "digits", "hps", "hps+mgda")
        if style == "terminal"
        else ("report", "digits", "--format", "json")
    )
    done = command(tmp_path, plugin_folder.path, *arguments, BENCHBED_PLUGINS="zoo,spy")
    assert done.status == 0, done.err
    assert done.notes == [{"heavy": [], "pid": done.pid}]
    if style == "terminal":
        assert "15 runs; 15 cached, 0 to train" in done.err
        assert set(table(done.out)) >= {"single-task", "hps+equal", "hps+mgda"}
        assert sorted(p.name for p in (tmp_path / "results").iterdir()) == [
            "leaderboards",
            "measurements",
            "runs",
        ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("digits hps+dwaa", "There is no weighting 'dwaa'. Did you mean 'dwa'?"),
        ("digits hsp", "There is no architecture 'hsp'. Did you mean 'hps'?"),
        ("digits hps+dwa:t=2", "dwa: no option 't'."),
        ("digits hps+dwa:T=two", "dwa: option 'T' wants a finite number, and 'two' is none."),
        ("digits hps+dwa:T=nan", "dwa: option 'T' wants a finite number, and 'nan' is none."),
        ("digits hps+dwa+mgda", "must be one architecture and at most one '+weighting'"),
        ("digits hps+dwa hps+mgda:", "must look like option=value"),
        ("digitz hps", "There is no protocol 'digitz'. Did you mean 'digits'?"),
        ("nowhere.toml hps", "Cannot read nowhere.toml"),
        ("--suite digitz", "There is no suite 'digitz'. Did you mean 'digits'?"),
        ("digits hps --seeds many", "--seeds many: give a number of seeds such as 5"),
        ("digits hps --seeds 0", "--seeds 0: give a number of seeds such as 5"),
        ("digits hps --seeds -1", "--seeds -1: give a number of seeds such as 5"),
        ("digits hps --jobs 0", "Invalid value for '--jobs'"),
        ("digits hps --colour", "No such option"),
    ],
)
def test_wrong_use_is_one_sentence_and_status_two_before_anything_is_trained(
    tmp_path, arguments, words
):
    done = command(tmp_path, tmp_path, "run", *arguments.split())
    assert done.status == 2, done.err
    assert words in done.err
    assert "Traceback" not in done.err
    assert done.out == ""
    assert not (tmp_path / "results").exists()


def test_an_unwritable_results_folder_is_refused_before_anything_is_trained(tmp_path):
    (tmp_path / "file").touch()
    places = ["file/results", "file"]
    if Path("/proc/self").exists():
        places.append("/proc/benchbed-results")
    for place in places:
        done = command(tmp_path, tmp_path, "run", "digits", "hps", "--results", place)
        assert done.status == 2, done.err
        (line,) = done.err.strip().splitlines()
        assert line.startswith("Error: Cannot ")
        assert place in line
        assert "--results" in line, "the remedy"


def results_of(tmp_path, **usage: bool) -> list[Result]:
    zoo = discover({"BENCHBED_PLUGINS": "zoo"}, strict=True)
    methods = list(usage)
    plan = make_plan(find_protocol("digits", zoo), ["hps"], zoo, Settings(tmp_path), [0])
    run = plan.runs[-1]
    return [Result(run, "failed", m, usage=usage[m]) for m in methods] + [Result(run, "ok")]


def test_the_status_is_two_when_all_failures_are_wrong_use_and_one_otherwise(tmp_path):
    assert Summary(results_of(tmp_path)).exit_code == 0
    assert Summary(results_of(tmp_path, one=True, two=True)).exit_code == 2
    assert Summary(results_of(tmp_path, one=True, two=False)).exit_code == 1
    assert Summary([], results_of(tmp_path, one=False)).exit_code == 1


class Pretended(Executor):
    """Says that every run went through two epochs."""

    def execute(self, runs, observer):
        results = []
        for run in runs:
            observer.started(run)
            for epoch in (1, 2):
                observer.epoch(run, epoch, 1.0, {"train/a/loss": 0.5 / epoch})
            results.append(Result(run, "failed" if "mgda" in run.job.method else "ok", "why"))
            observer.finished(results[-1])
        return results


class Silent:
    """A display that shows nothing."""

    def started(self, run):
        pass

    def resumed(self, run, earlier):
        pass

    def epoch(self, run, epoch, seconds_left, values):
        pass

    def finished(self, result):
        pass


class Bad:
    @hookimpl
    def benchbed_epoch_finished(self, values):
        raise ValueError("two\nlines")


class Good:
    def __init__(self):
        self.seen = []

    @hookimpl
    def benchbed_epoch_finished(self, epoch):
        self.seen.append(epoch)

    @hookimpl
    def benchbed_run_finished(self, status, message):
        self.seen.append((status, message))


def test_hooks_take_the_arguments_they_name_and_one_that_raises_warns_once(tmp_path, registry):
    good = Good()
    registry.add_plugin(Bad(), "bad", "bad", "1.0")
    registry.add_plugin(good, "good", "good", "1.0")
    plan = make_plan(find_protocol("digits", registry), ["hps"], registry, Settings(tmp_path), [0])
    with pytest.warns(UserWarning, match=r"failed: ValueError: two lines$") as caught:
        carry_out(plan.runs[:2], Pretended(), registry, Silent())
    assert len(caught) == 1
    assert good.seen == [1, 2, ("ok", "why")] * 2


def test_only_methods_none_of_whose_runs_failed_are_measured(tmp_path, registry):
    protocol = find_protocol("digits", registry)
    plan = make_plan(protocol, ["hps", "hps+mgda"], registry, Settings(tmp_path), [0, 1])
    results = carry_out(plan.runs, Pretended(), registry, Silent())
    left = [run.job.method for run in measurable(plan, results)]
    assert left == ["single-task", "hps+equal"]


def test_records_of_the_story_say_how_they_were_made(story):
    records, _ = story.store.records("mini", 1)
    for record in records:
        assert isinstance(record, Record)
        assert record.environment["threads"] == "1"
        assert record.environment["device"]
        assert record.environment["torch"]
        assert record.budget.epochs == 4
        assert not any(str(story.folder) in value for value in record.environment.values())
