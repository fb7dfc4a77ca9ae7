"""``benchbed data``: what it lists, prepares, checks and draws, and what it refuses."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import matplotlib.image
import numpy as np
import pytest
from rich.console import Console

from benchbed import Dataset, Input, Option, Spec, Target, hookimpl
from benchbed.basics.cache import cached
from benchbed.basics.errors import DataError, PluginError
from benchbed.cli import data_command, main
from benchbed.contracts.dataset import silent
from benchbed.discovery.registry import Registry, discover
from benchbed.execution.prepare import progress_bar
from tests.conftest import ROOT


class Scenes(Dataset):
    """Four training and two test images in a folder, copied into the cache."""

    licence = "CC0"
    homepage = "https://example.org/scenes"
    input = Input((3, 4, 6))
    targets: ClassVar[Mapping[str, Target]] = {
        "seg": Target("class", (4, 6), classes=3, names=("wall", "floor", "lamp"), ignore=255),
        "depth": Target("value", (4, 6)),
    }
    splits = ("train", "test")

    def __init__(self, gain=1.0, name="scenes"):
        self.gain, self.name = gain, name

    def load(self, split, root):
        self.prepare(root)
        count = 4 if split == "train" else 2
        seg = np.zeros((count, 4, 6), np.uint8)
        seg[0, 0] = 1
        seg[:, 3] = 255
        return {
            "input": np.full((count, 3, 4, 6), 0.5, np.float32),
            "seg": seg,
            "depth": np.full((count, 4, 6), 2 * self.gain, np.float32),
        }

    def digest(self, root):
        return "scenes 1"

    def prepare(self, root, report=silent):
        problems = self.check(root)
        if problems:
            raise DataError(problems[0])

        def build(folder):
            for done in range(3):
                report(done, 3)
            (folder / "scenes").write_bytes((root / "scenes.bin").read_bytes())

        cached(self.name, build, 10)

    def check(self, root, report=silent):
        if root is None:
            return ["Scenes lie in a folder: name it with --data-root."]
        names = ["scenes.bin", "list.txt"]
        return [f"{root / name} is missing." for name in names if not (root / name).exists()]

    def fixture(self, root):
        for name in ("scenes.bin", "list.txt"):
            (root / name).write_text("x")


@hookimpl
def benchbed_datasets():
    options = {"gain": Option(float, 1.0), "name": Option(str, "scenes")}
    return [
        Spec("scenes", "1.0", "tests.cli.test_data_command:Scenes", summary="few", options=options)
    ]


class Absent:
    """A plugin whose data set cannot be imported."""

    @staticmethod
    @hookimpl
    def benchbed_datasets():
        return [Spec("absent", "1.0", "tests.no_such_module:Absent")]


@pytest.fixture
def plugins() -> Registry:
    """First-party plugins and the scenes."""
    found = discover({"BENCHBED_PLUGINS": "zoo"}, strict=True)
    found.add_plugin(sys.modules[__name__], "scenes", "scenes", "1.0")
    return found


@pytest.fixture
def run(capsys, monkeypatch, tmp_path, plugins):
    """Run ``benchbed data`` in this process, in an empty folder: status, output, error output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCHBED_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("BENCHBED_DATA", raising=False)
    monkeypatch.setattr(data_command, "open_registry", lambda *, strict: plugins)

    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(["data", *map(str, arguments)])
        return (stop.value.code, *capsys.readouterr())

    return call


@pytest.fixture
def root(tmp_path) -> Path:
    """A folder with the files of the scenes."""
    folder = tmp_path / "data"
    folder.mkdir()
    Scenes().fixture(folder)
    return folder


def is_drawn(path: Path) -> bool:
    image = matplotlib.image.imread(path)
    return image.ndim == 3 and min(image.shape[:2]) > 100 and float(image.std()) > 0.01


def test_list_tells_what_each_data_set_holds_and_needs(run):
    status, output, error = run("list", "--json")
    assert (status, error) == (0, "")
    rows = {row["id"]: row for row in json.loads(output)}
    assert list(rows) == sorted(rows)
    assert rows["scenes"] == {
        "id": "scenes",
        "summary": "few",
        "input": [3, 4, 6],
        "splits": ["train", "test"],
        "targets": ["seg", "depth"],
        "needs_folder": True,
        "licence": "CC0",
        "homepage": "https://example.org/scenes",
    }
    assert rows["digits"]["needs_folder"] is False
    assert rows["digits"]["licence"]


def test_list_prints_what_its_json_says_within_80_columns(run):
    status, output, error = run("list")
    assert (status, error) == (0, "")
    assert max(map(len, output.splitlines())) <= 80
    for row in json.loads(run("list", "--json")[1]):
        for text in (row["id"], row["licence"], row["homepage"], ", ".join(row["targets"])):
            assert text in output


def test_list_names_a_data_set_that_cannot_be_used_and_goes_on(run, plugins):
    plugins.add_plugin(Absent, "absent", "absent", "1.0")
    status, output, error = run("list", "--json")
    assert status == 0
    ids = {row["id"] for row in json.loads(output)}
    assert {"digits", "scenes"} <= ids
    assert "absent" not in ids
    assert error.startswith("Note: left out data set 'absent': ")
    status, output, error = run("list", "--strict-plugins")
    assert (status, output) == (2, "")
    assert "no_such_module" in error


def test_list_check_and_prepare_import_no_deep_learning_library(tmp_path):
    source = """
import sys
from benchbed.cli import cli, guarded
for words in (["list"], ["check", "digits"], ["prepare", "digits"]):
    assert guarded(lambda: cli.main(["data", *words], standalone_mode=False)) == 0
assert not {"torch", "torchvision", "matplotlib", "pandas"} & set(sys.modules)
"""
    path = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])
    environment = {**os.environ, "PYTHONPATH": path, "BENCHBED_PLUGINS": "zoo"}
    subprocess.run([sys.executable, "-c", source], check=True, cwd=tmp_path, env=environment)


def test_check_finds_nothing_wrong(run, root):
    assert run("check", "scenes", "--data-root", root) == (0, "scenes: nothing wrong.\n", "")
    assert run("check", "digits")[0] == 0


def test_check_prints_a_problem_a_line_and_ends_with_status_2(run, tmp_path):
    status, output, error = run("check", "scenes", "--data-root", tmp_path)
    assert (status, error) == (2, "")
    assert output.splitlines() == [
        f"{tmp_path / 'scenes.bin'} is missing.",
        f"{tmp_path / 'list.txt'} is missing.",
    ]
    status, output, _ = run("check", "scenes", "--json")
    assert status == 2
    assert json.loads(output) == {"dataset": "scenes", "problems": Scenes().check(None)}


def test_the_folder_may_stand_in_the_environment(run, root, monkeypatch):
    monkeypatch.setenv("BENCHBED_DATA", str(root))
    assert run("check", "scenes")[0] == 0
    assert run("check", "scenes", "--data-root", root.parent)[0] == 2


def test_prepare_works_once_and_says_where(run, root, tmp_path):
    status, output, error = run("prepare", "scenes", "--data-root", root)
    assert (status, error) == (0, "")
    first, second, third, last = output.splitlines()
    assert first == "Licence: CC0"
    assert second == "Home page: https://example.org/scenes"
    assert third.startswith("scenes: prepared in ")
    assert last == f"The cache is {tmp_path / 'cache'}."
    assert (tmp_path / "cache" / "scenes" / "scenes").is_file()
    again = run("prepare", "scenes", "--data-root", root)[1].splitlines()
    assert again == [first, second, "scenes: prepared already.", last]


def test_prepare_has_nothing_to_do_where_the_data_set_has_not(run):
    output = run("prepare", "digits")[1]
    assert output.splitlines()[-1] == "digits: nothing to prepare."


def test_prepare_tells_what_is_missing(run):
    status, _, error = run("prepare", "scenes")
    assert (status, error) == (2, f"Error: {Scenes().check(None)[0]}\n")


def test_fixture_writes_a_miniature_that_passes_the_check(run, tmp_path):
    folder = tmp_path / "some" / "where"
    assert run("fixture", "scenes", folder) == (0, f"{folder}\n", "")
    assert run("check", "scenes", "--data-root", folder)[0] == 0


def test_show_draws_samples_evenly_spread_over_the_first_split(run, root, tmp_path):
    status, output, error = run("show", "scenes", "--data-root", root)
    assert (status, output, error) == (0, "scenes-train.png\n", "")
    assert is_drawn(tmp_path / "scenes-train.png")
    facts = json.loads(run("show", "digits", "--samples", "3", "--json")[1])
    assert facts == {
        "dataset": "digits",
        "split": "train",
        "length": 1078,
        "samples": [0, 538, 1077],
        "figure": "digits-train.png",
    }


@pytest.mark.parametrize(
    ("text", "samples"),
    [("1", [0]), ("2", [0, 3]), ("9", [0, 1, 2, 3]), ("3,1", [3, 1]), ("2,", [2])],
)
def test_show_takes_how_many_samples_or_which(run, root, text, samples):
    output = run("show", "scenes", "--data-root", root, "--samples", text, "--json")[1]
    assert json.loads(output)["samples"] == samples


def test_show_takes_a_split_options_and_a_file(run, root, tmp_path):
    words = ["show", "scenes:gain=2.5,name=other", "--split", "test", "--data-root", root]
    assert run(*words)[1] == "scenes-test.png\n"
    assert (tmp_path / "cache" / "other").is_dir()
    output = run(*words, "--output", "new/folder/mine.png")[1]
    assert output == f"{Path('new/folder/mine.png')}\n"
    assert is_drawn(tmp_path / "new/folder/mine.png")


def test_a_figure_is_drawn_anew_over_the_old_one(run, root, tmp_path):
    first = run("show", "scenes", "--data-root", root)
    old = (tmp_path / "scenes-train.png").read_bytes()
    assert run("show", "scenes", "--data-root", root, "--samples", "1")[1] == first[1]
    assert (tmp_path / "scenes-train.png").read_bytes() != old


def test_show_prepares_first_behind_a_bar(run, root, monkeypatch):
    calls = []
    monkeypatch.setattr(Scenes, "prepare", lambda self, root, *report: calls.append(len(report)))
    run("show", "scenes", "--data-root", root)
    assert calls == [1, 0], "by the command, which reports, and again by load"


def test_stats_draws_and_counts_the_whole_split(run, root, tmp_path):
    status, output, error = run("show", "scenes:gain=2", "--stats", "--data-root", root, "--json")
    assert (status, error) == (0, "")
    facts = json.loads(output)
    assert facts["figure"] == "scenes-train-stats.png"
    assert is_drawn(tmp_path / "scenes-train-stats.png")
    assert facts["length"] == 4
    seg, depth = facts["targets"]["seg"], facts["targets"]["depth"]
    assert seg["names"] == ["wall", "floor", "lamp"]
    assert seg["presence"] == [1.0, 0.25, 0.0]
    assert seg["area"] == pytest.approx([66 / 72, 6 / 72, 0])
    assert seg["ignored"] == 0.25
    assert depth["invalid"] == 0
    assert max(depth["shares"][0]) == 1
    at = int(np.argmax(depth["shares"][0]))
    assert depth["edges"][at] <= 4 <= depth["edges"][at + 1]


def test_stats_prints_the_figures_file(run):
    assert run("show", "digits", "--stats") == (0, "digits-train-stats.png\n", "")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["show", "digist"], ["There is no dataset 'digist'", "Did you mean 'digits'?"]),
        (["check", "digits:size=3"], ["no option 'size'"]),
        (["check", "scenes:gain"], ["'gain' must look like option=value"]),
        (["check", "scenes:gain=1,gain=2"], ["'gain' is given twice"]),
        (["check", "scenes:gain=x"], ["finite number"]),
        (["show", "scenes"], ["name it with --data-root"]),
        (["show", "digits", "--split", "tset"], ["no split 'tset'", "Did you mean 'test'?"]),
        (["show", "digits", "--samples", "0"], ["--samples 0", "from 1 to 40"]),
        (["show", "digits", "--samples", "41"], ["--samples 41", "from 1 to 40"]),
        (["show", "digits", "--samples", "-3"], ["--samples -3"]),
        (["show", "digits", "--samples", ""], ["such as 3,17,5"]),
        (["show", "digits", "--samples", "1,x"], ["--samples 1,x"]),
        (["show", "digits", "--samples", "1,-2"], ["--samples 1,-2"]),
        (["show", "digits", "--samples", ",".join(["1"] * 41)], ["at most 40"]),
        (["show", "digits", "--samples", "3,5000"], ["no sample 5000", "0 to 1077"]),
        (["show", "digits", "--samples", "3", "--stats"], ["leave out --samples"]),
        (["show", "digits", "--output", "a.pdf"], ["a.pdf", "must end with .png"]),
        (["show", "digits", "--output", "taken/a.png"], ["Cannot write taken/a.png", "--output"]),
        (["show", "digits", "--output", "folder.png"], ["Cannot write folder.png", "--output"]),
        (["fixture", "digits", "x"], ["'digits' needs no files"]),
        (["fixture", "scenes", "folder.png"], ["folder.png is not empty", "new folder"]),
        (["fixture", "scenes", "taken/x"], ["Cannot write taken/x", "another folder"]),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else None,
)
def test_a_mistake_is_one_sentence_with_the_remedy_and_status_2(run, tmp_path, words, parts):
    (tmp_path / "taken").write_text("")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "folder.png" / "x").write_text("")
    status, output, error = run(*words)
    assert (status, output) == (2, "")
    (sentence,) = error.splitlines()
    assert sentence.startswith("Error: ")
    for part in parts:
        assert part in sentence
    assert "--results" not in sentence
    assert sorted(path.name for path in tmp_path.glob("*")) in (
        ["folder.png", "taken"],
        ["cache", "folder.png", "taken"],
    )


def test_without_matplotlib_the_remedy_is_told(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    status, _, error = run("show", "digits")
    assert status == 2
    assert "pip install 'benchbed[plots]'" in error
    assert len(error.splitlines()) == 1


def test_a_column_that_breaks_the_contract_is_named(run, root, monkeypatch):
    monkeypatch.setattr(Scenes, "load", lambda self, split, root: {"input": np.zeros((1, 3, 4, 6))})
    status, _, error = run("show", "scenes", "--data-root", root)
    assert (status, error) == (
        2,
        "Error: Scenes.load('train') returned no column for target 'seg'.\n",
    )


def test_progress_is_shown_on_a_terminal_within_80_columns():
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80, color_system=None)
    with progress_bar("preparing rooms:height=288,width=384", console) as report:
        report(30, 120)
    text = screen.getvalue()
    assert "preparing rooms:height=288,width=384" in text
    assert "30/120" in text


def test_strict_plugins_reaches_the_registry(run, monkeypatch):
    asked = []

    def open_registry(*, strict):
        asked.append(strict)
        raise PluginError("broken.")

    monkeypatch.setattr(data_command, "open_registry", open_registry)
    for words in (["list"], ["check", "x"], ["prepare", "x"], ["fixture", "x", "y"], ["show", "x"]):
        assert run(*words, "--strict-plugins")[0] == 2
    assert asked == [True] * 5
