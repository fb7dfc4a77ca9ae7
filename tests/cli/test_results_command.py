"""``benchbed results``: what is there, how large, and removing that says what it removes."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from benchbed.cli import main
from benchbed.records.imports import note_import
from benchbed.records.store import Store
from tests import fakes


@pytest.fixture
def store(tmp_path) -> Store:
    found = Store(tmp_path / "results")
    runs = [*fakes.single(0), fakes.record("hps+equal", 0), fakes.record("hps+equal", 1)]
    begun = fakes.with_key(fakes.record("hps+equal", 2), pretrained="a" * 64)
    for path in fakes.put(found, *runs, begun):
        path.with_suffix(".safetensors").write_bytes(b"w" * 1000)
    fakes.put(found, fakes.failure("hps+mgda", 0), fakes.failure("hps+equal", 3))
    fakes.put(found, fakes.measurement("hps+equal"), fakes.measurement("single-task"))
    note_import(found, runs[-1])
    return found


@pytest.fixture
def call(capsys, store):
    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["results", *map(str, arguments), "--results", str(store.root)])
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def files(store: Store) -> set[Path]:
    return {path for path in store.root.rglob("*") if path.is_file()}


def test_the_list_holds_every_row_with_its_runs_failures_and_size(call):
    status, out, _ = call("list", "--json")
    assert status == 0
    found = {item["row"]: item for item in json.loads(out)}
    assert {row: (item["runs"], item["failed"]) for row, item in found.items()} == {
        "single-task": (3, 0),
        "hps+equal": (2, 1),
        "hps+equal from aaaaaaaa": (1, 0),
        "hps+mgda": (0, 1),
    }
    assert found["hps+equal"]["size"] > 2000
    assert "trio@2 hps+equal: 2 runs, 1 failed, " in call("list")[1]


def test_an_empty_folder_is_said_to_be_empty(call, store, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["results", "list", "--results", str(tmp_path / "none")])
    assert "There are no records in" in capsys.readouterr().out


def test_sizes_are_those_of_the_files(call, store):
    found = json.loads(call("size", "--json")[1])
    assert sum(found.values()) == sum(path.stat().st_size for path in files(store))
    assert found["runs (weights)"] == 6000
    assert "in all" in call("size")[1]


def test_removing_says_what_it_would_remove_and_removes_just_that(call, store):
    before = files(store)
    status, out, _ = call("remove", "trio", "hps+equal")
    assert status == 0
    assert files(store) == before
    named = {Path(line) for line in out.splitlines()[:-1]}
    assert named < before
    # two records and their weights, a failure, a measurement, the note that one was imported
    assert len(named) == 7
    assert "Would remove 7 files of" in out
    status, out, _ = call("remove", "trio@2", "hps+equal", "--yes")
    assert (status, files(store)) == (0, before - named)
    assert "Removed 7 files of" in out
    left = {record.method for record in store.records("trio", 2)[0]}
    assert left == {"single-task", "hps+equal"}  # the one that began with weights


def test_a_whole_protocol_goes(call, store):
    assert call("remove", "trio", "--yes")[0] == 0
    assert store.records("trio", 2) == ([], [])
    assert call("remove", "trio")[0] == 2


def test_failures_are_forgotten_alone(call, store):
    before = files(store)
    assert "Would remove 2 files" in call("forget-failed")[1]
    assert files(store) == before
    assert call("forget-failed", "--yes")[0] == 0
    gone = before - files(store)
    assert all("failed" in path.parts for path in gone)
    assert len(gone) == 2
    assert call("forget-failed")[1] == "There is nothing to remove.\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("remove", "tiro"), "There are no records of 'tiro'. Did you mean"),
        (("remove", "trio", "hps+eqal"), "Did you mean 'hps+equal'?"),
    ],
)
def test_what_is_not_there_is_a_sentence(call, store, arguments, words):
    before = files(store)
    status, _, err = call(*arguments, "--yes")
    assert status == 2
    assert words in err
    assert files(store) == before


def test_links_are_neither_followed_nor_removed(call, store, tmp_path):
    secret = tmp_path / "secret.safetensors"
    secret.write_text("secret")
    (path,) = fakes.put(store, msgspec.structs.replace(fakes.record("hps+dwa", 0)))
    path.with_suffix(".safetensors").symlink_to(secret)
    assert call("remove", "trio", "hps+dwa", "--yes")[0] == 0
    assert secret.read_text() == "secret"
    assert path.with_suffix(".safetensors").is_symlink()
