"""Loggers as observers: whole curves after a stop, failures of their own, names and options."""

from __future__ import annotations

import csv
import shutil
import warnings
from pathlib import Path

import pytest

from benchbed.basics.errors import BenchbedError, MethodError, PluginError
from benchbed.contracts.logger import Logger, log_name
from benchbed.contracts.protocol import parse_protocol
from benchbed.execution.executor import Result
from benchbed.execution.local import LocalExecutor
from benchbed.execution.loggers import Logging, make_logging
from benchbed.execution.planned import PlannedRun
from benchbed.execution.worker import execute
from benchbed.records.record import Record
from benchbed.records.store import Store
from tests import fakes
from tests.fakes import one_job

EPOCHS = 4


class Noting(Logger):
    """Notes what it is told, and fails where it is asked to."""

    def __init__(self, folder: Path, fails_at: int = 0) -> None:
        super().__init__(folder)
        self.fails_at = fails_at
        self.told: list[object] = []

    def started(self, run):
        self.told.append("started")

    def epoch(self, run, epoch, values):
        if epoch == self.fails_at:
            raise OSError(28, "No space left on device")
        self.told.append((epoch, dict(values)))

    def finished(self, run, status, message, test):
        self.told.append((status, message, dict(test)))

    def close(self):
        self.told.append("closed")


@pytest.fixture
def run(registry, tmp_path) -> PlannedRun:
    protocol = parse_protocol(fakes.write_mini(tmp_path, epochs=EPOCHS).read_text())
    return PlannedRun(one_job(protocol, "hps", registry, tmp_path / "results"), "new")


def record_of(run) -> Record:
    record = Store(run.job.results).find(run.job.place, run.job.key)
    assert isinstance(record, Record)
    return record


def lines_of(run) -> list[dict[str, str]]:
    folder = Path(run.job.results, "curves", "csv", run.protocol_id)
    with (folder / f"{log_name(run)}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def assert_logged(run) -> None:
    """The CSV logger's file has the record's curves, to the last bit, and nothing else."""
    lines = lines_of(run)
    curves = record_of(run).curves
    assert set(lines[0]) == {"epoch", *curves}
    assert [line["epoch"] for line in lines] == [str(n + 1) for n in range(EPOCHS)]
    for name, curve in curves.items():
        assert [float(line[name]) if line[name] else None for line in lines] == curve


def stop_after(job, last: int) -> None:
    """Train a job as far as an epoch, and leave it there."""

    class Stop(BaseException):
        pass

    def emit(event):
        if event.get("epoch") == last:
            raise Stop

    with pytest.raises(Stop):
        execute(job, emit)


@pytest.mark.parametrize("last", [0, 1, 3])
def test_a_log_is_whole_where_a_run_goes_on_from_a_checkpoint(run, registry, last):
    if last:
        stop_after(run.job, last)
    logging = make_logging(["csv"], registry, Path(run.job.results))
    noting = Noting(Path(run.job.results, "noting"))
    (result,) = LocalExecutor().execute([run], Logging({"noting": noting, **logging._loggers}))
    assert result.status == "ok"
    assert_logged(run)
    assert noting.told[0] == "started"
    assert [epoch for epoch, _ in noting.told[1:-1]] == [1, 2, 3, 4]
    test = record_of(run).test
    scores = {f"{task}/{name}": v for task, found in test.items() for name, v in found.items()}
    assert noting.told[-1] == ("ok", "", scores)


def test_what_has_a_record_is_told_from_it_once(run, registry, tmp_path):
    (result,) = LocalExecutor().execute([run], Logging({}))
    assert result.status == "ok"
    first, second = Noting(tmp_path / "noting"), Noting(tmp_path / "noting")
    logging = make_logging(["csv"], registry, Path(run.job.results))
    Logging({"noting": first, **logging._loggers}).catch_up([run])
    assert_logged(run)
    assert len(first.told) == 1 + EPOCHS + 1
    curves = record_of(run).curves
    assert first.told[2] == (2, {name: c[1] for name, c in curves.items() if c[1] is not None})
    assert first.told[-1][0] == "ok"

    Logging({"noting": second}).catch_up([run])
    assert second.told == []


def test_a_run_that_begins_again_is_told_again(run, tmp_path):
    LocalExecutor().execute([run], Logging({"noting": Noting(tmp_path / "noting")}))
    noting = Noting(tmp_path / "noting")
    logging = Logging({"noting": noting})
    logging.started(run)  # and is killed
    logging.catch_up([run])
    assert noting.told[:2] == ["started", "started"]


def test_one_that_raises_is_named_once_and_told_no_more_and_the_others_go_on(run):
    bad, good = Noting(Path(), fails_at=2), Noting(Path())
    logging = Logging({"bad": bad, "good": good})
    logging.started(run)
    logging.epoch(run, 1, 0.0, {"lr": 1.0})
    with pytest.warns(UserWarning, match=r"^Logger bad failed and logs nothing more: OSError"):
        logging.epoch(run, 2, 0.0, {"lr": 1.0})
    logging.epoch(run, 3, 0.0, {"lr": 1.0})
    logging.finished(Result(run, "failed", "why"))
    logging.close()
    assert bad.told == ["started", (1, {"lr": 1.0})]
    assert good.told[-2:] == [("failed", "why", {}), "closed"]
    assert len(good.told) == 6


def test_nothing_is_told_after_the_end(run):
    noting = Noting(Path())
    logging = Logging({"noting": noting})
    logging.close()
    logging.started(run)
    assert noting.told == ["closed"]


@pytest.mark.parametrize(
    ("names", "kind", "sentence"),
    [
        (["cvs"], PluginError, "There is no logger 'cvs'. Did you mean 'csv'?"),
        (["csv", "csv"], MethodError, "The logger 'csv' is named twice."),
        (["csv:x=1"], MethodError, "csv: no option 'x'"),
        (["csv:x"], MethodError, "In logger 'csv:x', 'x' must look like option=value."),
        ([""], MethodError, "Logger '' must look like name[:option=value]."),
        (["wandb:mode=on"], MethodError, "wandb: option 'mode' cannot be 'on'."),
    ],
)
def test_a_wrong_name_or_option_is_one_sentence(registry, tmp_path, names, kind, sentence):
    with pytest.raises(kind) as caught:
        make_logging(names, registry, tmp_path)
    assert sentence in str(caught.value)
    assert caught.value.exit_code == 2
    assert isinstance(caught.value, BenchbedError)


def test_names_of_logs_fit_any_file_system_and_differ_where_keys_do(run):
    assert log_name(run) == f"hps+equal-seed-0-{run.key[:8]}"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        name = log_name(Long())
    assert len(name) < 150
    assert not set(name) & set('/\\:*?"<>| ')


class Long:
    key = "0123456789abcdef"
    label = "hps:backbone=mlp,backbone.width=2/ü " * 20


MINE = """
import benchbed

class Lines(benchbed.Logger):
    def __init__(self, folder, *, end="."):
        super().__init__(folder)
        self.end = end

    def epoch(self, run, epoch, values):
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lines").open("a") as file:
            file.write(f"{run.method} {epoch}{self.end}\\n")
"""


def test_the_command_logs_what_is_trained_with_loggers_of_plugins_and_of_a_file(bench):
    fakes.write_mini(bench.folder, epochs=EPOCHS)
    (bench.folder / "mine.py").write_text(MINE)
    words = ("run", "mini.toml", "hps", "--seeds", "1", "--no-measure", "--no-preflight")
    words += ("--plugin", "mine.py", "--log", "csv")
    first = bench(*words, "--log", "lines:end=!")
    assert first.returncode == 0, first.stderr
    assert "  results/curves/csv  (curves)\n  results/curves/lines  (curves)\n" in first.stdout
    lines = (bench.folder / "results/curves/lines/lines").read_text().splitlines()
    assert lines.count("hps+equal 4!") == 1
    files = list((bench.folder / "results/curves/csv/mini@1").iterdir())
    assert len(files) == 3  # and of the baseline, one for each of two tasks

    again = bench(*words, "--log", "lines")
    assert "3 cached, 0 to train" in again.stderr
    assert (bench.folder / "results/curves/lines/lines").read_text().splitlines() == lines

    shutil.rmtree(bench.folder / "results/curves")
    third = bench(*words, "--log", "lines:end=!")
    assert "3 cached, 0 to train" in third.stderr
    from_records = (bench.folder / "results/curves/lines/lines").read_text().splitlines()
    assert sorted(from_records) == sorted(lines)
    assert len(list((bench.folder / "results/curves/csv/mini@1").iterdir())) == 3


def test_a_logger_that_cannot_write_is_a_warning_and_runs_go_on(bench):
    fakes.write_mini(bench.folder, epochs=1)
    (bench.folder / "results").mkdir()
    (bench.folder / "results/curves").write_text("a file")
    words = ("--seeds", "1", "--no-measure", "--no-preflight", "--log", "csv")
    done = bench("run", "mini.toml", "hps", *words)
    assert done.returncode == 0
    (line,) = [line for line in done.stderr.splitlines() if "Logger csv" in line]
    assert line.startswith("Warning: Logger csv failed and logs nothing more: NotADirectoryError")
    assert "hps+equal" in done.stdout


def test_a_wrong_logger_is_told_before_anything_is_trained(bench):
    done = bench("run", "digits", "hps", "--log", "cvs")
    assert done.returncode == 2
    assert done.stderr.startswith("Error: There is no logger 'cvs'.")
    assert not (bench.folder / "results").exists()
