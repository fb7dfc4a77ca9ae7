"""Records made to harm: refused by a sentence or made harmless, and the others are taken."""

from __future__ import annotations

import contextlib
import html
import os
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbed.basics.errors import RecordError, StoreError
from benchbed.basics.texts import escaped, is_plain, visible
from benchbed.discovery.method import Component
from benchbed.exchange.importing import import_records
from benchbed.records.record import (
    Measurement,
    Record,
    content_digest,
    decode,
    decode_record,
    run_key,
    seal,
)
from benchbed.records.store import LARGEST_FILE, Store
from benchbed.report.formats.files import FORMATS
from benchbed.report.formats.frame import to_frame
from benchbed.report.formats.json import to_json
from benchbed.report.formats.markdown import to_markdown
from benchbed.report.leaderboard import build_leaderboard
from tests import fakes

RECORD = seal(fakes.record())
OTHER = seal(fakes.record(seed=1))
CONTENT = msgspec.json.format(msgspec.json.encode(RECORD), indent=1) + b"\n"
PLAIN = msgspec.json.decode(CONTENT)
DEPTH = 100_000
TASKS = RECORD.tasks


def signed(plain: dict[str, Any]) -> dict[str, Any]:
    """The plain record with the run key and the digest that belong to its content."""
    components = msgspec.convert(plain["components"], list[Component])
    key = run_key(
        plain["protocol_digest"],
        components,
        plain["data_digest"],
        plain["seed"],
        plain["tasks"],
        plain["engine"],
    )
    return {**plain, "key": key, "content": content_digest({**plain, "key": key})}


def changed(*path: Any, to: Any) -> bytes:
    """The record with one value replaced, and run key and digest taken anew."""
    plain = deepcopy(PLAIN)
    inner = plain
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = to
    return msgspec.json.encode(signed(plain))


def renamed(before: bytes, after: bytes) -> bytes:
    """The record with a text replaced wherever it stands, and key and digest taken anew."""
    assert before in CONTENT
    return msgspec.json.encode(signed(msgspec.json.decode(CONTENT.replace(before, after))))


HOSTILE: dict[str, bytes | Callable[[], bytes]] = {
    "NaN": CONTENT.replace(b"0.8", b"NaN"),
    "infinity": CONTENT.replace(b"0.8", b"-Infinity"),
    "beyond a double": CONTENT.replace(b"0.8", b"1e999"),
    "a huge metric": changed("test", "seg", "acc", to=1e101),
    "a huge curve": changed("curves", "train/seg/loss", to=[1.0, -1e200, 1.0]),
    "a huge seed": changed("seed", to=10**19),
    "a seed of 400 digits": CONTENT.replace(b'"seed": 0', b'"seed": ' + b"9" * 400),
    "a seed of 5000 digits": CONTENT.replace(b'"seed": 0', b'"seed": ' + b"9" * 5000),
    "operations beyond measure": changed("budget", "macs", to=10**31),
    "a negative count": changed("costs", "parameters", "total", to=-1),
    "negative operations": changed("costs", "macs", "all_tasks", to=-1),
    "negative time": changed("budget", "seconds", to=-1.0),
    "a megabyte of text": changed("notes", to=["x" * 1_000_000]),
    "a megabyte of notes": changed("notes", to=["x" * 10_000] * 99),
    "many notes": changed("notes", to=["x"] * 101),
    "many tasks": changed("tasks", to=[f"t{n}" for n in range(101)]),
    "many metrics": changed("metrics", "seg", to={f"m{n}": {} for n in range(10_001)}),
    "many scores": changed("test", "seg", to={f"m{n}": 0.5 for n in range(10_001)}),
    "many curves": changed("curves", to={f"c{n}": [] for n in range(10_001)}),
    "a large environment": changed("environment", to={f"e{n}": "" for n in range(101)}),
    "no parameters": changed(
        "costs", "parameters", to={"total": 0, "shared": 0, "per_task": dict.fromkeys(TASKS, 0)}
    ),
    "no multiply-adds": changed(
        "costs", "macs", to={"all_tasks": 0, "per_task": dict.fromkeys(TASKS, 0)}
    ),
    "a megabyte of method": changed("method", to="hps+equal:" + "x" * 1_000_000),
    "a megabyte of metric": renamed(b'"miou"', b'"' + b"m" * 1_000_000 + b'"'),
    "a key twice": CONTENT.replace(b'"seed": 0', b'"seed": 1,\n "seed": 0'),
    "an inner key twice": CONTENT.replace(b'"acc": 0.8', b'"acc": 0.9, "acc": 0.8'),
    "a protocol like a path": changed("protocol", to="../../x@1"),
    "a protocol of version 01": changed("protocol", to="trio@01"),
    "a task like a path": renamed(b'"parts"', b'"../../parts"'),
    "an empty task": renamed(b'"parts"', b'""'),
    "no tasks": msgspec.json.encode(
        signed({**PLAIN, "tasks": [], "test": {}, "metrics": {}, "validation": {}})
    ),
    "a task twice": changed("tasks", to=["seg", "seg", "depth", "parts"]),
    "an architecture like a path": changed("components", 0, "id", to="../../x"),
    "an absolute weighting": changed("components", 2, "id", to="/etc"),
    "a hidden weighting": changed("components", 2, "id", to=".x"),
    "a long weighting": changed("components", 2, "id", to="w" * 300),
    "another method": changed("method", to="hps+mgda"),
    "another architecture": changed("method", to="../../x+equal"),
    "an escape sequence": changed("notes", to=["\x1b[2J\x1b]0;owned\x07"]),
    "an escape sequence in a name": changed("method", to="hps+equal:\x1b[31mred"),
    "a control character of 8 bits": changed("environment", to={"cpu": "\x9b31m"}),
    "text from right to left": changed("commit", to="\u202etxt.exe"),
    "lines in a name": renamed(b'"miou"', b'"m\\n# heading"'),
    "no primary metric": changed("metrics", "parts", "miou", "primary", to=False),
    "a time that is none": changed("finished", to="tomorrow"),
    "an edited metric": CONTENT.replace(b"0.8", b"0.9"),
    "an edited cost": CONTENT.replace(b'"total": 1000', b'"total": 1001'),
    "deep nesting": CONTENT[:-3] + b',"x":' + b"[" * DEPTH + b"]" * DEPTH + b"}",
    "deep objects": b'{"a":' * DEPTH + b"1" + b"}" * DEPTH,
    "UTF-16": CONTENT.decode().encode("utf-16"),
    "Latin-1": CONTENT.replace(b'"cpu"', '"é"'.encode("latin-1")),
    "a byte order mark": b"\xef\xbb\xbf" + CONTENT,
    "half of it": CONTENT[: len(CONTENT) // 2],
    "nothing": b"",
    "zeros": bytes(4096),
    "two records": CONTENT + CONTENT,
    "a list": b"[" + CONTENT + b"]",
    "more parts than parameters": changed("costs", "parameters", "shared", to=2000),
    "costs of other tasks": changed("costs", "macs", "per_task", to={"seg": 1}),
    "a task dearer than all": changed("costs", "macs", "per_task", "seg", to=3000),
    "an epoch after the last": changed("selected_epoch", to=4),
    "an epoch 0": changed("selected_epoch", to=0),
    "a curve too long": changed("curves", "train/seg/loss", to=[1.0] * 4),
    "a share above 1": changed("test", "seg", "acc", to=1.01),
    "validation of another metric": changed("validation", "seg", to={"f1": 0.5}),
    "finished before it began": changed("finished", to="2025-12-31T00:00:00Z"),
    "from the future": changed("finished", to="9999-12-31T00:00:00Z"),
    "a trainer of the future": changed("engine", to=99),
    "trained on nothing": changed("budget", "samples", to=0),
}


def taken(folder: Path, results: Path, registry) -> dict[str, str]:
    """Import a folder; return each file's note, checked to be one plain line, or its status."""
    items = import_records(folder, Store(results), registry)
    assert all(is_plain(str(item)) and len(str(item)) < 2000 for item in items)
    return {item.path.name: item.note if item.status == "refused" else "taken" for item in items}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_record_is_refused_by_a_sentence_and_the_others_are_taken(
    name, tmp_path, registry
):
    folder, results = tmp_path / "theirs", tmp_path / "results"
    folder.mkdir()
    (folder / "hostile.json").write_bytes(HOSTILE[name])
    (folder / "sound.json").write_bytes(msgspec.json.encode(OTHER))
    found = taken(folder, results, registry)
    assert found["sound.json"] == "taken"
    assert found["hostile.json"] not in {"", "taken"}
    assert [path.name for path in results.rglob("runs/**/*.json")] == [f"{OTHER.key}.json"]
    written = {path.name for path in results.rglob("*") if path.is_file()}
    assert written == {f"{OTHER.key}.json"}  # the record, and the note that it was imported


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_in_the_results_folder_neither_stops_nor_stains_a_leaderboard(
    name, tmp_path
):
    store = Store(tmp_path)
    folder = fakes.place_of(RECORD).below(store.root / "runs")
    folder.mkdir(parents=True)
    (folder / f"{RECORD.key}.json").write_bytes(HOSTILE[name])
    fakes.put(store, OTHER)
    board = build_leaderboard(fakes.TRIO, store)
    assert [row.method for row in board.rows] == ["hps+equal"]
    for text in (to_json(board), to_markdown(board)):
        assert is_plain(text.replace("\n", ""))
        assert "NaN" not in text
        assert "Infinity" not in text


def put_link(folder: Path, outside: Path) -> None:
    outside.write_bytes(CONTENT)
    (folder / f"{RECORD.key}.json").symlink_to(outside)


def put_linked_folder(folder: Path, outside: Path) -> None:
    outside.mkdir()
    (outside / f"{RECORD.key}.json").write_bytes(CONTENT)
    (folder / "link").symlink_to(outside, target_is_directory=True)


def put_pipe(folder: Path, outside: Path) -> None:
    os.mkfifo(folder / f"{RECORD.key}.json")


def put_huge_file(folder: Path, outside: Path) -> None:
    with (folder / f"{RECORD.key}.json").open("wb") as file:
        file.write(CONTENT)
        file.truncate(LARGEST_FILE + 1)


FILES = {
    put_link: "a symbolic link, and none is followed",
    put_linked_folder: "a symbolic link, and none is followed",
    put_pipe: "no regular file",
    put_huge_file: "20000001 bytes, more than any record (20000000)",
}


@pytest.mark.parametrize("put", FILES, ids=lambda put: put.__name__)
def test_what_is_no_plain_file_is_refused_by_name(put, tmp_path, registry):
    folder = tmp_path / "theirs"
    folder.mkdir()
    put(folder, tmp_path / "outside")
    (folder / "sound.json").write_bytes(msgspec.json.encode(OTHER))
    found = taken(folder, tmp_path / "results", registry)
    assert sorted(found.values()) == sorted([FILES[put], "taken"])


@pytest.mark.parametrize("put", FILES, ids=lambda put: put.__name__)
def test_a_results_folder_reads_plain_files_only(put, tmp_path):
    store = Store(tmp_path / "results")
    fakes.put(store, OTHER)
    put(fakes.place_of(RECORD).below(store.root / "runs"), tmp_path / "outside")
    records, refused = store.records("trio", 2)
    assert records == [OTHER]
    assert {item.reason for item in refused} <= {FILES[put]}


def test_a_linked_folder_of_runs_is_not_followed(tmp_path, registry):
    outside, theirs = Store(tmp_path / "outside"), tmp_path / "theirs"
    fakes.put(outside, RECORD)
    theirs.mkdir()
    (theirs / "runs").symlink_to(outside.root / "runs", target_is_directory=True)
    with pytest.raises(StoreError, match="symbolic link"):
        import_records(theirs, Store(tmp_path / "results"), registry)
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("linked", ["runs", "runs/trio", "runs/trio/2", "runs/trio/2/hps"])
def test_a_linked_folder_of_a_results_folder_is_not_followed(linked, tmp_path):
    store, outside = Store(tmp_path / "results"), tmp_path / "outside"
    fakes.put(store, RECORD)
    (store.root / linked).rename(outside)
    (store.root / linked).symlink_to(outside, target_is_directory=True)
    assert store.stamps("runs", "trio", 2) == []
    assert store.records("trio", 2) == ([], [])


def test_a_link_to_itself_is_passed_over(tmp_path, registry):
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "sound.json").write_bytes(msgspec.json.encode(OTHER))
    assert taken(folder, tmp_path / "results", registry) == {"sound.json": "taken"}


@contextlib.contextmanager
def nested(folder: Path, name: str, depth: int) -> Iterator[None]:
    """Folders in each other, made and removed from the inside, as the whole path may be too long.

    They are removed here since ``shutil.rmtree`` calls itself for each.
    """
    top, inside = folder / name, folder / "inside"
    for _ in range(depth):
        if top.exists():
            top.rename(inside)
        top.mkdir()
        if inside.exists():
            inside.rename(top / name)
    try:
        yield
    finally:
        while top.exists():
            if (top / name).exists():
                (top / name).rename(inside)
            top.rmdir()
            if inside.exists():
                inside.rename(top)


@pytest.mark.parametrize(("name", "depth"), [("d", 1200), ("d" * 200, 30)])
def test_deep_folders_leave_the_others_alone(name, depth, tmp_path, registry):
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "sound.json").write_bytes(msgspec.json.encode(OTHER))
    with nested(folder, name, depth):
        found = taken(folder, tmp_path / "results", registry)
    assert found.pop("sound.json") == "taken"
    assert list(found.values()) == (["File name too long"] if len(name) > 1 else [])


def test_a_folder_named_like_a_record_is_looked_into(tmp_path, registry):
    folder = tmp_path / "theirs"
    (folder / "x.json").mkdir(parents=True)
    (folder / "x.json" / "y.json").write_bytes(CONTENT)
    assert taken(folder, tmp_path / "results", registry) == {"y.json": "taken"}


def test_a_files_name_cannot_write_to_the_terminal(tmp_path, registry):
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "\x1b[31m.json").write_bytes(b"{}")
    with os.fdopen(os.open(os.fsencode(folder) + b"/\xff.json", os.O_CREAT | os.O_WRONLY)):
        pass
    items = import_records(folder, Store(tmp_path / "results"), registry)
    shown = " ".join(map(str, items))
    assert "\\x1b[31m.json" in shown
    assert "\\udcff.json" in shown
    assert shown.encode()


def test_a_record_in_anothers_place_does_not_count(tmp_path):
    store = Store(tmp_path)
    (path,) = fakes.put(store, RECORD)
    copy = path.parent.with_name("mgda") / path.name
    copy.parent.mkdir()
    copy.write_bytes(CONTENT)
    records, refused = store.records("trio", 2)
    assert records == [RECORD]
    assert str(refused[0]) == f"{copy}: misplaced (it belongs into {path.parent})"


def test_records_of_one_method_with_other_metrics_do_not_stop_a_leaderboard(tmp_path):
    store = Store(tmp_path)
    info = {"depth": fakes.METRICS["depth"], "parts": fakes.METRICS["parts"]}
    metrics = {**info, "seg": {"f1": fakes.METRICS["seg"]["miou"]}}
    test = {**fakes.SCORES, "seg": {"f1": 0.5}}
    later = fakes.record(seed=1, test=test, metrics=metrics, finished="2026-02-01T00:00:00Z")
    fakes.put(store, RECORD, later)
    board = build_leaderboard(fakes.TRIO, store)
    assert len(board.rows[0].seeds) == 1
    assert board.notes[0].startswith("Left out 1 record with other metrics of task 'seg'")


def test_a_change_against_almost_nothing_is_no_number(tmp_path):
    store = Store(tmp_path)
    tiny = fakes.scaled(1e-320)
    fakes.put(store, *fakes.single(0, tiny), fakes.record(test=fakes.scaled(1e99)))
    board = build_leaderboard(fakes.TRIO, store)
    (row,) = [row for row in board.rows if row.method == "hps+equal"]
    assert row.delta_m is None
    assert row.delta_note == "a change beyond all measure against the reference"
    assert "Infinity" not in to_json(board)


def test_names_cannot_write_markdown_or_html(tmp_path):
    store = Store(tmp_path)
    method = "hps+equal:x=<script>alert(1)</script>|y"
    put = store.write("runs", fakes.place_of(RECORD), seal(fakes.record(method)))
    assert put.exists()
    (line,) = [
        x
        for x in to_markdown(build_leaderboard(fakes.TRIO, store)).splitlines()
        if x.startswith("| hps+equal")
    ]
    assert "<" not in line
    assert "&lt;script" in line
    assert "\\|y" in line


def test_a_count_beyond_64_bits_reaches_every_format(tmp_path):
    store = Store(tmp_path)
    budget = msgspec.structs.replace(RECORD.budget, macs=10**25)
    fakes.put(store, seal(msgspec.structs.replace(RECORD, budget=budget, content="")))
    board = build_leaderboard(fakes.TRIO, store)
    assert to_frame(board)["training_macs"].tolist() == [1e25]
    assert all(write(board) for write in FORMATS.values())


def test_a_measurement_with_escapes_or_negative_times_is_refused():
    sound = fakes.measurement()
    for change in ({"environment": {"cpu": "\x1b[2J"}}, {"step_ms": -1.0}, {"latency_ms": 1e200}):
        content = msgspec.json.encode(msgspec.structs.replace(sound, **change))
        with pytest.raises(RecordError):
            decode(content, Measurement)


def outcome(content: bytes) -> Record | str:
    """The record, or why it is refused."""
    try:
        return decode_record(content, RECORD.key)
    except RecordError as error:
        return str(error)


@given(st.data())
def test_a_record_with_any_bytes_changed_is_refused_or_the_same(data):
    content = bytearray(CONTENT)
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content)))
        stop = start + data.draw(st.integers(0, 4))
        content[start:stop] = data.draw(st.binary(max_size=4))
    found = outcome(bytes(content))
    if isinstance(found, Record):
        assert found == RECORD
    else:
        assert is_plain(found)
        assert len(found) < 1000


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from([f.name for f in msgspec.structs.fields(Record)]), json_values)
def test_a_field_of_any_value_is_refused_or_read_as_it_is(name, value):
    plain = {**PLAIN, name: value}
    try:
        content = msgspec.json.encode(plain)
    except (UnicodeEncodeError, OverflowError):
        return
    try:
        found = decode_record(content)
    except RecordError:
        return
    assert msgspec.to_builtins(found) == {**PLAIN, name: value}


@given(st.text(st.characters(codec="ascii")))
def test_a_text_escaped_for_markdown_is_read_as_it_is_and_has_no_markup(text):
    shown = escaped(text)
    assert html.unescape(re.sub(r"\\([!-/:-@[-`{-~])", r"\1", shown)) == text
    assert re.search(r"(?<!\\)(?:\\\\)*[|`*_\[\]!~]", shown) is None
    assert not {"<", ">"} & set(shown)


@given(st.text())
def test_any_text_is_made_visible_and_plain_text_stays(text):
    shown = visible(text, 10_000)
    assert is_plain(shown)
    assert (shown == text) == is_plain(text)
