"""The results folder: written whole or not at all, and never lost."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from benchbed.basics.errors import StoreError
from benchbed.records.store import Place, Store, write_atomically
from tests import fakes
from tests.conftest import ROOT

RECORD = fakes.record()
PLACE = fakes.place_of(RECORD)


def everything(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def failing(number: int):
    def fsync(handle):
        raise OSError(number, os.strerror(number))

    return fsync


def run_light(code: str, *arguments: str, before: tuple[str, ...] = ()):
    """Run Python code that imports benchbed's store only."""
    return subprocess.run(
        [*before, sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )


def test_a_file_is_written_whole_with_its_folders_and_readable_by_all(tmp_path):
    path = tmp_path / "a" / "b" / "c.json"
    write_atomically(path, b"old")
    write_atomically(path, b"new content")
    assert path.read_bytes() == b"new content"
    assert path.stat().st_mode & 0o777 == 0o644
    assert everything(tmp_path) == ["c.json"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_leaves_the_old_content_and_a_message_with_the_remedy(
    tmp_path, monkeypatch, number
):
    path = tmp_path / "c.json"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", failing(number))
    with pytest.raises(StoreError) as caught:
        write_atomically(path, b"new content")
    assert path.read_bytes() == b"old"
    assert everything(tmp_path) == ["c.json"]
    assert str(caught.value) == (
        f"Cannot write {path}: {os.strerror(number)}; free some space, or choose another folder "
        "with --results."
    )
    assert caught.value.exit_code == 2


def test_another_write_error_leaves_the_old_content_and_names_the_option(tmp_path, monkeypatch):
    path = tmp_path / "c.json"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", failing(errno.EIO))
    with pytest.raises(StoreError, match=r"Input/output error; choose a writable .* --results\.$"):
        write_atomically(path, b"new content")
    assert path.read_bytes() == b"old"
    assert everything(tmp_path) == ["c.json"]


@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_an_interrupt_while_writing_leaves_the_old_content_alone(tmp_path, monkeypatch, where):
    path = tmp_path / "c.json"
    path.write_bytes(b"old")

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(*((os, "fsync") if where == "fsync" else (Path, "replace")), interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"new content")
    assert path.read_bytes() == b"old"
    assert everything(tmp_path) == ["c.json"]


WRITE_MUCH = """
import sys
from pathlib import Path
from benchbed.basics.errors import StoreError
from benchbed.records.store import write_atomically
path = Path(sys.argv[1])
write_atomically(path, b"old" * 100)
try:
    write_atomically(path, b"n" * 1_000_000)
except StoreError as error:
    print(error)
assert path.read_bytes() == b"old" * 100
assert [item.name for item in path.parent.iterdir()] == [path.name]
"""


def test_a_file_size_limit_leaves_the_old_content_and_a_message(tmp_path):
    pytest.importorskip("resource")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))"
    done = run_light(limit + WRITE_MUCH, str(tmp_path / "c.json"))
    assert done.returncode == 0, done.stderr
    assert "File too large; free some space" in done.stdout


def test_a_disk_that_is_really_full_leaves_the_old_content_and_a_message(tmp_path):
    mount = ("unshare", "--mount", "sh", "-c")
    script = f'mount -t tmpfs -o size=64k tmpfs "{tmp_path}" && exec "$@"'
    allowed = shutil.which("unshare") and (
        subprocess.run([*mount, script, "sh", "true"], capture_output=True, check=False).returncode
        == 0
    )
    if not allowed:
        pytest.skip("a small file system cannot be mounted here")
    done = run_light(WRITE_MUCH, str(tmp_path / "c.json"), before=(*mount, script, "sh"))
    assert done.returncode == 0, done.stderr
    assert "No space left on device; free some space" in done.stdout


def test_readers_see_the_old_or_the_new_content_while_others_write(tmp_path):
    path = tmp_path / "c.json"
    contents = [bytes([65 + n]) * 200_000 for n in range(4)]
    write_atomically(path, contents[0])
    stop = threading.Event()
    problems: list[BaseException] = []

    def write(content):
        try:
            while not stop.is_set():
                write_atomically(path, content)
        except BaseException as error:
            problems.append(error)

    writers = [threading.Thread(target=write, args=(content,)) for content in contents]
    for writer in writers:
        writer.start()
    try:
        seen = {path.read_bytes() for _ in range(300)}
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert not problems
    assert seen <= set(contents)
    assert everything(tmp_path) == ["c.json"]


def unwritable(tmp_path: Path) -> list[Path]:
    (tmp_path / "file").write_text("a file, no folder")
    places = [tmp_path / "file" / "results"]
    if Path("/proc/self").exists():
        places.append(Path("/proc/benchbed-results"))
    if os.geteuid() != 0:
        places.append(tmp_path / "locked")
        places[-1].mkdir(mode=0o500)
    return places


def test_an_unwritable_folder_is_refused_before_anything_is_trained(tmp_path):
    for folder in unwritable(tmp_path):
        with pytest.raises(StoreError) as caught:
            Store(folder).require_writable()
        assert str(folder) in str(caught.value)
        assert str(caught.value).endswith("choose a writable folder with --results.")


def test_writing_into_an_unwritable_folder_is_a_sentence(tmp_path):
    for folder in unwritable(tmp_path):
        with pytest.raises(StoreError, match=r"Cannot write .* --results"):
            fakes.put(Store(folder), RECORD)


def test_a_writable_folder_is_made_and_nothing_is_left_in_it(tmp_path):
    folder = tmp_path / "new" / "results"
    Store(folder).require_writable()
    assert list(folder.iterdir()) == []


def test_a_superseded_record_keeps_its_content_and_no_longer_counts(tmp_path):
    store = Store(tmp_path)
    (path,) = fakes.put(store, RECORD)
    contents = [path.read_bytes()]
    store.supersede(PLACE, RECORD.key)
    assert store.find(PLACE, RECORD.key) is None
    assert store.records("trio", 2) == ([], [])
    (path,) = fakes.put(store, fakes.record(finished="2027-01-01T00:00:00Z"))
    contents.append(path.read_bytes())
    store.supersede(PLACE, RECORD.key)
    kept = [path.with_name(f"{RECORD.key}.superseded-{n}.json") for n in (1, 2)]
    assert [file.read_bytes() for file in kept] == contents
    assert everything(tmp_path) == sorted(file.name for file in kept)


def test_superseding_what_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(StoreError, match="Cannot write"):
        Store(tmp_path).supersede(PLACE, RECORD.key)


def test_records_lie_where_the_documentation_says(tmp_path):
    store = Store(tmp_path)
    (path,) = fakes.put(store, RECORD)
    assert path == tmp_path / "runs" / "trio" / "2" / "hps" / "equal" / f"{RECORD.key}.json"
    assert store.weights_path(PLACE, RECORD.key) == path.with_suffix(".safetensors")
    assert store.checkpoint_path("k") == tmp_path / "checkpoints" / "k.pt"
    assert store.log_path("k") == tmp_path / "logs" / "k.log"
    assert Place("p", 1, "a", "w").below(tmp_path) == tmp_path / "p" / "1" / "a" / "w"


def test_records_of_one_version_are_not_mixed_with_another_versions(tmp_path):
    store = Store(tmp_path)
    fakes.put(store, RECORD)
    assert store.records("trio", 1) == ([], [])
    assert store.records("trio-2", 2) == ([], [])


def test_records_come_by_method_seed_and_task_in_whatever_order_they_were_written(tmp_path):
    store = Store(tmp_path)
    records = [
        fakes.record("hps+mgda", 1),
        fakes.record("hps+equal", 2),
        *fakes.single(1),
        *fakes.single(0),
        fakes.record("hps+equal", 0),
    ]
    fakes.put(store, *records)
    found, _ = store.records("trio", 2)
    assert [(r.method, r.seed, r.tasks[0]) for r in found] == [
        ("hps+equal", 0, "seg"),
        ("hps+equal", 2, "seg"),
        ("hps+mgda", 1, "seg"),
        *(("single-task", seed, task) for seed in (0, 1) for task in ("depth", "parts", "seg")),
    ]


def test_a_failure_is_found_and_discarded_and_discarding_none_is_no_error(tmp_path):
    store = Store(tmp_path)
    failure = fakes.failure()
    assert failure.key == RECORD.key
    fakes.put(store, failure)
    assert store.find_failure(PLACE, RECORD.key) == failure
    assert store.find(PLACE, RECORD.key) is None
    store.discard_failure(PLACE, RECORD.key)
    store.discard_failure(PLACE, RECORD.key)
    assert store.find_failure(PLACE, RECORD.key) is None


def test_a_folder_in_the_place_of_a_record_is_a_sentence(tmp_path):
    store = Store(tmp_path)
    store.path("runs", PLACE, RECORD.key).mkdir(parents=True)
    with pytest.raises(StoreError, match=r"Cannot read .*: Is a directory"):
        store.find(PLACE, RECORD.key)


def test_an_absent_results_folder_holds_nothing(tmp_path):
    store = Store(tmp_path / "nowhere")
    assert store.records("trio", 2) == ([], [])
    assert store.find(PLACE, RECORD.key) is None
    assert not store.root.exists()
