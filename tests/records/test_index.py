"""The index: the same answers with it and without, whatever becomes of the files and of itself."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbed.records import index
from benchbed.records.index import Index
from benchbed.records.record import seal
from benchbed.records.store import Store
from benchbed.report.leaderboard import Leaderboard, build_leaderboard
from tests import fakes
from tests.fakes import TRIO, put, record, single


@pytest.fixture(autouse=True)
def always(monkeypatch):
    """Few and young files enter the index too; tests write theirs within milliseconds."""
    monkeypatch.setattr(index, "FEWEST", 1)
    monkeypatch.setattr(index, "SETTLED", -(10**12))


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    put(store, *single(0), record(), record("hps+mgda"), fakes.failure("hps+dwa"))
    put(store, fakes.measurement())
    return store


def afresh(store: Store, **options) -> Leaderboard:
    """The leaderboard without an index."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "FEWEST", 10**9)
        return build_leaderboard(TRIO, store, **options)


def unread(monkeypatch) -> None:
    """From now on, reading a record is an error."""

    def read(*arguments):
        raise AssertionError("a record was read")

    monkeypatch.setattr(Store, "read", read)


def test_unchanged_records_are_read_once(store, monkeypatch):
    first = build_leaderboard(TRIO, store)
    assert first == afresh(store)
    unread(monkeypatch)
    assert build_leaderboard(TRIO, store) == first


def test_another_question_is_answered_without_reading_records_again(store, monkeypatch):
    questions = [{}, {"definition": "flat"}, {"reference": "hps+equal"}, {"methods": ["hps+mgda"]}]
    expected = [afresh(store, **question) for question in questions]
    assert len({str(board) for board in expected}) == len(questions)
    build_leaderboard(TRIO, store)
    unread(monkeypatch)
    for _ in range(2):
        assert [build_leaderboard(TRIO, store, **q) for q in questions] == expected


def test_one_new_record_is_the_only_one_that_is_read(store, monkeypatch):
    build_leaderboard(TRIO, store)
    (path,) = put(store, record(seed=1))
    seen = []
    read = Store.read
    monkeypatch.setattr(Store, "read", lambda *given: seen.append(given[-1]) or read(*given))
    board = build_leaderboard(TRIO, store)
    assert [Path(name).name for name in seen] == [path.name]
    assert board == afresh(store)


def edit_in_place(path: Path) -> None:
    """Change a digit, then set the time of modification back."""
    before = path.stat()
    content = path.read_bytes()
    with path.open("r+b") as file:
        file.write(content.replace(b'"miou": 0.5', b'"miou": 0.6'))
    after = before
    while after.st_ctime_ns == before.st_ctime_ns:  # the clock ticks every few milliseconds
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert after.st_ino == before.st_ino


CHANGES = {
    "edited in place": lambda store, path: edit_in_place(path),
    "damaged": lambda store, path: path.write_bytes(b"{"),
    "removed": lambda store, path: path.unlink(),
    "renamed": lambda store, path: path.rename(path.with_name("0" * 32 + ".json")),
    "another record": lambda store, path: put(store, record(seed=5)),
    "another failure": lambda store, path: put(store, fakes.failure("hps+cagrad")),
    "another measurement": lambda store, path: put(
        store, fakes.measurement("hps+mgda", step_ms=9.0)
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_noticed(store, change):
    before = build_leaderboard(TRIO, store)
    CHANGES[change](store, store.path("runs", fakes.place_of(record()), record().key))
    after = build_leaderboard(TRIO, store)
    assert after == afresh(store)
    assert after != before


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("adeq"), st.integers(0, 5)), max_size=12))
def test_any_course_of_changes_gives_the_same_as_without_an_index(course):
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        put(store, record(seed=9))
        for action, seed in course:
            item = record(seed=seed)
            path = store.path("runs", fakes.place_of(item), item.key)
            if action == "a":
                put(store, seal(item))
            elif action == "d":
                path.unlink(missing_ok=True)
            elif action == "e" and path.exists():
                edit_in_place(path)
            else:
                assert build_leaderboard(TRIO, store) == afresh(store)
        assert build_leaderboard(TRIO, store) == afresh(store)
        found = Index(store, "trio", 2).summaries()
        shutil.rmtree(store.root / "index")
        assert Index(store, "trio", 2).summaries() == found


def damages(content: bytes) -> dict[str, bytes]:
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    return {
        "empty": b"",
        "cut off": content[:-9],
        "one bit": bytes(flipped),
        "text": b"an index",
        "longer": content + b"\0",
    }


@pytest.mark.parametrize("damage", damages(bytes(64)))
def test_a_damaged_index_is_made_anew_without_a_word(store, damage, capfd, monkeypatch):
    expected = build_leaderboard(TRIO, store)
    files = sorted((store.root / "index").glob("trio@2.*"))
    assert [path.name for path in files] == ["trio@2.answers", "trio@2.records"]
    for path in files:
        path.write_bytes(damages(path.read_bytes())[damage])
    assert build_leaderboard(TRIO, store) == expected
    assert capfd.readouterr() == ("", "")
    unread(monkeypatch)
    assert build_leaderboard(TRIO, store) == expected


def test_an_index_of_another_benchbed_is_not_used(store, monkeypatch):
    expected = build_leaderboard(TRIO, store)
    monkeypatch.setattr(index, "maker", lambda: "another")
    seen = []
    read = Store.read
    monkeypatch.setattr(Store, "read", lambda *given: seen.append(given) or read(*given))
    assert build_leaderboard(TRIO, store) == expected
    assert len(seen) == 5


def test_files_that_could_still_change_unnoticed_do_not_enter(store, monkeypatch):
    monkeypatch.setattr(index, "SETTLED", 10**18)
    expected = build_leaderboard(TRIO, store)
    unread(monkeypatch)
    with pytest.raises(AssertionError, match="was read"):
        build_leaderboard(TRIO, store)
    monkeypatch.undo()
    assert build_leaderboard(TRIO, store) == expected


def test_where_no_index_can_be_written_there_is_none(store):
    (store.root / "index").write_text("a file, no folder")
    assert build_leaderboard(TRIO, store) == afresh(store)


def test_few_records_have_no_index(store, monkeypatch):
    monkeypatch.setattr(index, "FEWEST", 6)
    build_leaderboard(TRIO, store)
    assert not (store.root / "index").exists()


def test_git_never_sees_the_index(store):
    build_leaderboard(TRIO, store)
    assert (store.root / "index" / ".gitignore").read_text() == "*\n"


def test_summaries_hold_what_the_records_do(store):
    curves = {"cosine/seg/depth": [0.5, None, 0.25], "cosine/seg/parts": [None, None, None]}
    item = seal(msgspec.structs.replace(record(seed=3), curves=curves, notes=["a note"]))
    put(store, item)
    found, _ = Index(store, "trio", 2).summaries()
    (summary,) = [s for s in found if s.seed == 3]
    assert summary.cosines == {"seg/depth": 0.375}
    same = set(summary.__struct_fields__) - {"cosines", "budget"}
    assert {name: getattr(summary, name) for name in same} == {
        name: getattr(item, name) for name in same
    }
    assert summary.budget == msgspec.structs.replace(item.budget, seconds=0.0)


def test_equal_setups_are_one_object(store):
    put(store, *(record(seed=seed) for seed in range(1, 4)))
    for _ in range(2):  # read from records, then from the index
        found, _ = Index(store, "trio", 2).summaries()
        mine = [summary for summary in found if summary.method == "hps+equal"]
        assert len(mine) == 4
        assert len({id(summary.components) for summary in mine}) == 1


def test_an_index_nested_too_deeply_counts_as_damaged(tmp_path):
    content = b"[" * 100_000
    path = tmp_path / "deep"
    path.write_bytes(hashlib.sha256(content).digest() + content)
    assert index._load(path, list) is None
