"""Stale records: sources that changed nothing are linked, others stay stale."""

from __future__ import annotations

import json
import os
import subprocess

import msgspec
import pytest

from benchbed.records.record import Record, decode_record, seal
from benchbed.records.store import Store

MANIFEST = """
from benchbed import Spec, hookimpl

@hookimpl
def benchbed_weightings():
    return [Spec("mine", "1.0", "mine_of_stale_tests.method:Mine")]
"""

METHOD = """
from benchbed import Weighting

class Mine(Weighting):
    level = "loss"

    def combine(self, losses):
        {body}
"""

SUM = "return sum(losses.values())"
LOOP = """total = 0
        for loss in losses.values():
            total = total + loss
        return total"""
HALF = "return sum(losses.values()) / 2"


class Repository:
    """A plugin under git, imported from its work tree."""

    def __init__(self, folder, plugin_folder, bench):
        self.folder = folder
        self._bench = bench
        package = folder / "mine_of_stale_tests"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(MANIFEST)
        self._method = package / "method.py"
        info = plugin_folder.path / "mine_of_stale_tests-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: mine_of_stale_tests\nVersion: 1.0\n"
        )
        (info / "entry_points.txt").write_text("[benchbed]\nmine = mine_of_stale_tests\n")
        self._git("init", "--quiet")
        paths = [str(plugin_folder.path), str(folder), os.environ["PYTHONPATH_OF_TESTS"]]
        self._path = {"PYTHONPATH": os.pathsep.join(paths)}

    def commit(self, body: str) -> str:
        self._method.write_text(METHOD.format(body=body))
        self._git("add", ".")
        self._git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "a")
        return self._git("rev-parse", "HEAD")

    def bench(self, *arguments):
        return self._bench(*arguments, env=self._path)

    def states(self) -> set[str]:
        planned = self.bench("plan", "toy.toml", "toy-net+mine", "--json")
        runs = json.loads(planned.stdout)[0]["runs"]
        return {run["state"] for run in runs if run["method"] == "toy-net+mine"}

    def _git(self, *arguments) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()


@pytest.fixture
def repository(bench, plugin_folder, monkeypatch):
    from tests.conftest import ROOT

    monkeypatch.setenv("PYTHONPATH_OF_TESTS", str(ROOT))
    return Repository(bench.folder, plugin_folder, bench)


def records_of(folder, method) -> list[tuple[object, Record]]:
    found = [(path, decode_record(path.read_bytes())) for path in folder.rglob("runs/**/*.json")]
    return [(path, record) for path, record in found if record.method == method]


def made_elsewhere(folder):
    """Give the records other curves, as another machine would."""
    for path, record in records_of(folder, "toy-net+mine"):
        curves = {name: [0.123, *values[1:]] for name, values in record.curves.items()}
        other = seal(msgspec.structs.replace(record, content="", curves=curves))
        path.write_bytes(msgspec.json.encode(other))


def test_records_of_a_source_that_changed_nothing_are_not_trained_again(repository, bench):
    first = repository.commit(SUM)
    assert repository.bench("run", "toy.toml", "toy-net+mine", "--no-measure").returncode == 0
    assert repository.states() == {"cached"}

    repository.commit(LOOP)
    assert repository.states() == {"stale"}
    done = repository.bench("verify", "--stale", "toy.toml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "seed 0 has the same bits as the record; 2 records count" in done.stdout
    assert repository.states() == {"cached"}
    assert not (bench.folder / "results" / "again").exists()
    assert "No record is stale" in repository.bench("verify", "--stale", "toy.toml").stdout

    repository.commit(HALF)
    done = repository.bench("verify", "--stale", "toy.toml")
    assert done.returncode == 1
    assert "seed 0 differs from the record" in done.stdout
    assert first[:10] in done.stdout
    done = repository.bench("verify", "--stale", "toy.toml", "--against", first)
    assert done.returncode == 1
    assert f"differs from what commit {first} gives here" in done.stdout
    assert "2 records stay stale (weighting mine)" in done.stdout
    assert repository.states() == {"stale"}


def test_bits_of_another_machine_are_told_from_those_of_another_source(repository, bench):
    first = repository.commit(SUM)
    assert repository.bench("run", "toy.toml", "toy-net+mine", "--no-measure").returncode == 0
    made_elsewhere(bench.folder)
    second = repository.commit(LOOP)
    assert repository.bench("verify", "--stale", "toy.toml").returncode == 1

    done = repository.bench("verify", "--stale", "toy.toml", "--against", second)
    assert done.returncode == 1
    assert f"Commit {second} does not hold the source that made toy-net+mine" in done.stderr

    done = repository.bench("verify", "--stale", "toy.toml", "--against", "recorded")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"seed 0 has the same bits as commit {first}" in done.stdout
    assert repository.states() == {"cached"}
    board = repository.bench("report", "toy.toml", "--format", "json")
    assert json.loads(board.stdout)["rows"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["verify"], "Name a record, or give --stale."),
        (["verify", "380257", "--against", "HEAD"], "--against and --work go with --stale."),
        (["verify", "--stale", "--tolerance", "0.1"], "takes neither --protocol nor --tolerance"),
        (["verify", "--stale", "no-such-protocol"], "There is no protocol 'no-such-protocol'"),
    ],
)
def test_wrong_use_gets_a_sentence(bench, arguments, said):
    done = bench(*arguments)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_commit_that_is_not_there_is_named(repository, bench):
    repository.commit(SUM)
    assert repository.bench("run", "toy.toml", "toy-net+mine", "--no-measure").returncode == 0
    made_elsewhere(bench.folder)
    repository.commit(LOOP)
    done = repository.bench("verify", "--stale", "toy.toml", "--against", "0123456")
    assert done.returncode == 1
    assert "There is no commit '0123456'" in done.stderr
    assert Store(bench.folder / "results").root.is_dir()
