"""The cache: entries appear whole or not at all, are made once, and failures name the remedy."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import pytest
from platformdirs import user_cache_path

from benchbed.basics.cache import cache_folder, cached
from benchbed.basics.errors import DataError
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """The cache of each test."""
    monkeypatch.setenv("BENCHBED_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def two_files(parts: Path) -> None:
    (parts / "a").write_text("1")
    (parts / "b").write_text("2")


def refuse(parts: Path) -> None:
    raise AssertionError("nothing was to be built")


def content(entry: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in entry.iterdir()}


def left_behind(folder: Path) -> list[str]:
    """Names of what lies in a folder besides entries and locks."""
    return [path.name for path in folder.rglob("*") if path.suffix == ".part"]


def test_an_entry_is_made_once(folder):
    entry = cached("rooms/1", two_files, 0)
    assert entry == folder / "rooms" / "1"
    assert cached("rooms/1", refuse, 0) == entry
    assert content(entry) == {"a": "1", "b": "2"}
    assert left_behind(folder) == []


def test_entries_of_other_keys_are_made_by_themselves():
    cached("one", two_files, 0)
    other = cached("two", lambda parts: (parts / "c").write_text("3"), 0)
    assert content(other) == {"c": "3"}


def test_while_it_is_made_an_entry_is_not_there(folder):
    seen = []

    def build(parts: Path) -> None:
        two_files(parts)
        seen.append((folder / "key").exists())

    cached("key", build, 0)
    assert seen == [False]


@pytest.mark.parametrize(
    "error", [ValueError("x"), KeyboardInterrupt(), SystemExit(3), DataError("mine")], ids=repr
)
def test_an_entry_whose_making_fails_is_not_there_and_can_be_made_again(folder, error):
    def build(parts: Path) -> None:
        two_files(parts)
        raise error

    with pytest.raises(type(error)) as raised:
        cached("key", build, 0)
    assert raised.value is error
    assert not (folder / "key").exists()
    assert left_behind(folder) == []
    assert content(cached("key", two_files, 0)) == {"a": "1", "b": "2"}


def test_a_full_disk_is_told_with_the_file_and_the_remedy(folder):
    def build(parts: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(parts / "a"))

    with pytest.raises(DataError, match=r"No space left .*key\.part/a.*set BENCHBED_CACHE to"):
        cached("key", build, 0)
    assert left_behind(folder) == []


def test_a_source_that_cannot_be_read_is_named(tmp_path):
    missing = tmp_path / "missing.png"
    with pytest.raises(DataError, match=r"No such file.*missing\.png"):
        cached("key", lambda parts: missing.read_bytes(), 0)


@pytest.mark.parametrize("below", [".", "deeper"])
def test_a_folder_that_cannot_be_written_is_told_with_the_remedy(folder, monkeypatch, below):
    folder.write_text("a file stands where the folder should be")
    monkeypatch.setenv("BENCHBED_CACHE", str(folder / below))
    with pytest.raises(DataError, match=r"Cannot make the cache .*; set BENCHBED_CACHE to") as told:
        cached("key", refuse, 0)
    assert str(told.value).count("\n") == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write and search any folder")
@pytest.mark.parametrize("mode", [0o500, 0o000])
def test_a_folder_without_permission_is_told_with_the_remedy(folder, mode):
    folder.mkdir(mode)
    try:
        with pytest.raises(DataError, match=r"Permission denied.*set BENCHBED_CACHE to"):
            cached("key", refuse, 0)
    finally:
        folder.chmod(0o700)


def test_a_folder_that_cannot_even_be_searched_is_told_with_the_remedy(monkeypatch):
    """As root meets it: the look for the entry itself may fail."""

    def is_dir(path: Path) -> bool:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "is_dir", is_dir)
    with pytest.raises(DataError, match=r"Permission denied.*set BENCHBED_CACHE to"):
        cached("key", refuse, 0)


def test_a_file_in_the_place_of_an_entry_is_told(folder):
    folder.mkdir()
    (folder / "key").write_text("")
    with pytest.raises(DataError, match="Cannot make the cache"):
        cached("key", two_files, 0)
    assert left_behind(folder) == []


def test_too_little_space_is_told_before_anything_is_made(folder):
    with pytest.raises(DataError, match=r"needs 1000000000000 MB and the disk has \d+ MB left"):
        cached("key", refuse, 10**18)
    assert left_behind(folder) == []
    assert not (folder / "key").exists()


def test_an_entry_that_is_there_needs_no_space():
    cached("key", two_files, 0)
    assert cached("key", refuse, 10**18).is_dir()


def test_what_a_killed_process_left_takes_no_space_from_the_next(folder, monkeypatch):
    usage = namedtuple("usage", "free")
    leftover = folder / "key.part"
    leftover.mkdir(parents=True)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0 if leftover.exists() else 1000))
    assert cached("key", two_files, 1000).is_dir()


def test_a_relative_folder_stays_where_it_was_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCHBED_CACHE", "mine")
    entry = cached("key", two_files, 0)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert entry == tmp_path / "mine" / "key"
    assert content(entry) == {"a": "1", "b": "2"}


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("BENCHBED_CACHE", "~/mine")
    assert cache_folder() == tmp_path / "mine"


@pytest.mark.parametrize("value", [None, ""])
def test_without_the_variable_it_is_the_platforms_folder(monkeypatch, value):
    monkeypatch.delenv("BENCHBED_CACHE")
    if value is not None:
        monkeypatch.setenv("BENCHBED_CACHE", value)
    assert cache_folder() == user_cache_path("benchbed")
    assert cache_folder().is_absolute()


HEAD = """
import os, signal, sys, time
from pathlib import Path
from benchbed.basics.cache import cached

place = Path(sys.argv[1])
def mark(name):
    (place / f"{name}-{os.getpid()}").touch()
def wait(name, count):
    while len(list(place.glob(f"{name}-*"))) < count:
        time.sleep(0.01)
"""


def start(place: Path, body: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HEAD + body, str(place)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def wait_for(place: Path, name: str, process: subprocess.Popen[str]) -> None:
    while not list(place.glob(f"{name}-*")):
        assert process.poll() is None
        time.sleep(0.01)


def output(process: subprocess.Popen[str]) -> str:
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return text


def test_of_processes_that_ask_at_once_one_makes_the_entry(tmp_path, folder):
    """The one that builds waits until all have asked, so that they do contend."""
    body = """
def build(parts):
    mark("built")
    wait("asked", 3)
    (parts / "a").write_text("1")
    time.sleep(0.1)
    (parts / "b").write_text("2")

mark("asked")
entry = cached("key", build, 0)
print(entry, sorted(path.name for path in entry.iterdir()))
"""
    processes = [start(tmp_path, body) for _ in range(3)]
    assert {output(process) for process in processes} == {f"{folder / 'key'} ['a', 'b']\n"}
    assert len(list(tmp_path.glob("built-*"))) == 1
    assert left_behind(folder) == []


WAITING = """
def build(parts):
    (parts / "half").write_text("")
    mark("building")
    time.sleep(60)

cached("key", build, 0)
"""


def test_what_a_killed_process_left_is_cleared_away(tmp_path, folder):
    killed = start(tmp_path, WAITING)
    wait_for(tmp_path, "building", killed)
    killed.kill()
    killed.communicate()
    assert left_behind(folder) == ["key.part"]
    assert not (folder / "key").exists()
    assert content(cached("key", two_files, 0)) == {"a": "1", "b": "2"}
    assert left_behind(folder) == []


def test_a_process_that_waits_makes_the_entry_when_the_other_is_killed(tmp_path, folder):
    killed = start(tmp_path, WAITING)
    wait_for(tmp_path, "building", killed)
    waiting = start(tmp_path, 'mark("asked")\nprint(cached("key", lambda parts: None, 0))\n')
    wait_for(tmp_path, "asked", waiting)
    killed.kill()
    killed.communicate()
    assert output(waiting) == f"{folder / 'key'}\n"
    assert content(folder / "key") == {}


def test_an_interrupted_process_leaves_nothing(tmp_path, folder):
    process = start(tmp_path, WAITING.replace("cached(", "sys.stderr = None\ncached("))
    wait_for(tmp_path, "building", process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert left_behind(folder) == []
    assert not (folder / "key").exists()


def test_the_cache_needs_no_heavy_library():
    source = "import sys, benchbed.basics.cache\nassert not {'torch', 'numpy'} & set(sys.modules)\n"
    subprocess.run([sys.executable, "-c", source], check=True, cwd=ROOT)
