"""Records are read strictly: whatever is not sound is refused by a sentence and never counts."""

from __future__ import annotations

import copy
import hashlib
import json
import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbed.basics.errors import RecordError
from benchbed.basics.texts import is_plain
from benchbed.records.content import content_digest
from benchbed.records.record import (
    LARGEST,
    Failure,
    Measurement,
    Record,
    content_of,
    decode,
    decode_record,
    finite,
    run_key,
    seal,
)
from benchbed.records.store import Refused, Store
from benchbed.report.leaderboard import build_leaderboard
from tests import fakes

RECORD = fakes.record()
CONTENT = msgspec.json.format(msgspec.json.encode(RECORD), indent=1) + b"\n"
PLAIN = msgspec.json.decode(CONTENT)
numbers = st.floats(-LARGEST, LARGEST)
texts = st.text().filter(is_plain)


def reread(plain: dict) -> Record:
    return decode_record(msgspec.json.encode(plain), plain["key"])


def test_a_record_survives_a_round_trip_through_the_store(tmp_path):
    store = Store(tmp_path)
    fakes.put(store, RECORD)
    assert store.find(fakes.place_of(RECORD), RECORD.key) == RECORD
    assert store.records("trio", 2) == ([RECORD], [])


@given(
    st.dictionaries(texts, numbers, min_size=1),
    st.lists(st.none() | numbers),
    texts,
)
def test_any_finite_numbers_and_any_plain_text_survive_a_round_trip(scores, curve, text):
    changed = msgspec.structs.replace(
        RECORD,
        test={**RECORD.test, "seg": scores},
        metrics={**RECORD.metrics, "seg": dict.fromkeys(scores, fakes.METRICS["depth"]["abs"])},
        curves={text: curve},
        notes=[text],
    )
    assert decode_record(msgspec.json.encode(changed), RECORD.key) == changed


def test_a_record_cut_off_at_any_byte_is_refused_and_never_counts(tmp_path):
    store = Store(tmp_path)
    (path,) = fakes.put(store, RECORD)
    content = path.read_bytes()
    assert content == CONTENT
    for length in range(len(content.rstrip())):
        with pytest.raises(RecordError, match="damaged"):
            decode_record(content[:length], path.stem)
        if length % 50:
            continue
        path.write_bytes(content[:length])
        assert isinstance(store.find(fakes.place_of(RECORD), RECORD.key), Refused)
        records, refused = store.records("trio", 2)
        assert records == []
        assert str(refused[0]).startswith(f"{path}: damaged")


def test_bytes_that_are_no_text_are_refused():
    for garbage in (b"", b"\0" * 4096, b"\xff\xfe{}", b"[]", b"null", b"1", CONTENT + CONTENT):
        with pytest.raises(RecordError):
            decode_record(garbage, RECORD.key)


@pytest.mark.parametrize("byte", [b"\xff", b"\x80", b"\xed\xa0\x80"])
def test_one_byte_that_is_no_utf8_is_refused_and_named_rather_than_a_crash(tmp_path, byte):
    store = Store(tmp_path)
    (path,) = fakes.put(store, RECORD)
    path.write_bytes(path.read_bytes().replace(b"hps", b"h" + byte + b"s"))
    records, refused = store.records("trio", 2)
    assert records == []
    assert [item.path for item in refused] == [path]


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "benchbed.record/2"},
        {"schema": "benchbed.failure/1"},
        {"schema": None},
        {"unheard_of": 1},
        {"tier": "excellent"},
        {"seed": "0"},
        {"seed": 0.5},
        {"dirty": 0},
        {"test": None},
    ],
)
def test_a_record_of_another_schema_is_refused(change):
    with pytest.raises(RecordError, match="of another schema or altered"):
        reread({**PLAIN, **change})


@pytest.mark.parametrize("field", [f.name for f in msgspec.structs.fields(Record) if f.required])
def test_a_record_without_a_field_is_refused(field):
    plain = {name: value for name, value in PLAIN.items() if name != field}
    with pytest.raises(RecordError, match=field):
        decode_record(msgspec.json.encode(plain), RECORD.key)


@pytest.mark.parametrize(
    "literal",
    ["NaN", "nan", "Infinity", "-Infinity", "1e999", "-1e999", "null", '"0.8"', "true", "[0.8]"],
)
def test_a_score_that_is_no_finite_number_is_refused(literal):
    assert CONTENT.count(b'"acc": 0.8') == 2
    with pytest.raises(RecordError):
        decode_record(CONTENT.replace(b'"acc": 0.8', b'"acc": ' + literal.encode()), RECORD.key)


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "1e999"])
def test_a_curve_holds_null_but_no_number_that_is_not_finite(literal):
    assert b"null" in CONTENT
    with pytest.raises(RecordError):
        decode_record(CONTENT.replace(b"null", literal.encode()), RECORD.key)


@pytest.mark.parametrize("before", [b"", b'{"schema":', CONTENT.rstrip()[:-1] + b',"more":'])
@pytest.mark.parametrize("bracket", [b"[", b'{"a":'])
def test_deep_nesting_is_refused_rather_than_overflowing_the_stack(before, bracket):
    with pytest.raises(RecordError):
        decode_record(before + bracket * 200_000, RECORD.key)


SEALED = seal(RECORD)
SEALED_PLAIN = msgspec.to_builtins(SEALED)


def packed(value: object) -> bytes:
    """MessagePack with sorted keys, as its specification has it: the shortest form of each."""
    if value is None or isinstance(value, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[value]
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, int):
        forms = [(0x80, None, "B"), (1 << 8, 0xCC, "B"), (1 << 16, 0xCD, "H")]
        forms += [(1 << 32, 0xCE, "I"), (1 << 64, 0xCF, "Q")]
        assert value >= 0, "records count"
        head, form = next((head, form) for limit, head, form in forms if value < limit)
        return (bytes([head]) if head else b"") + struct.pack(f">{form}", value)
    if isinstance(value, str):
        text = value.encode()
        return _head(len(text), 32, 0xA0, (0xD9, 0xDA, 0xDB)) + text
    if isinstance(value, list):
        return _head(len(value), 16, 0x90, (None, 0xDC, 0xDD)) + b"".join(map(packed, value))
    assert isinstance(value, dict)
    items = b"".join(packed(key) + packed(value[key]) for key in sorted(value))
    return _head(len(value), 16, 0x80, (None, 0xDE, 0xDF)) + items


def _head(length: int, few: int, short: int, heads: tuple[int | None, int, int]) -> bytes:
    if length < few:
        return bytes([short | length])
    for head, form, limit in zip(heads, "BHI", (1 << 8, 1 << 16, 1 << 32), strict=True):
        if head is not None and length < limit:
            return bytes([head]) + struct.pack(f">{form}", length)
    raise ValueError(length)


plain_json = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner, max_size=20),
)


@given(st.dictionaries(st.text(), plain_json))
def test_the_digest_is_that_of_messagepack_with_sorted_keys(plain):
    rest = {name: value for name, value in plain.items() if name != "content"}
    assert content_digest(plain) == hashlib.sha256(packed(rest)).hexdigest()


def test_the_digest_of_a_record_is_fixed():
    """Fixed here, because a change would make every record there is an altered one."""
    rest = {name: value for name, value in SEALED_PLAIN.items() if name != "content"}
    assert SEALED.content == hashlib.sha256(packed(rest)).hexdigest()
    assert content_digest({"b": [1, 2.5, None], "a": {"ü": True}, "content": "x"}) == (
        "bfa7c08fcef36fa069dbee5987ec14032ea2e19f7321a0ad44bf5ad002a75425"
    )


def test_a_sealed_record_keeps_its_digest_in_any_layout():
    for content in (
        msgspec.json.encode(SEALED),
        json.dumps(SEALED_PLAIN, indent=4, sort_keys=True).encode(),
        json.dumps(dict(reversed(SEALED_PLAIN.items())), ensure_ascii=True).encode(),
    ):
        assert decode_record(content, SEALED.key) == SEALED
    assert content_of(RECORD) == content_of(SEALED) == SEALED.content


EDITS = [
    (("test", "seg", "miou"), 0.51),
    (("validation", "depth", "abs"), 0.2),
    (("curves", "train/seg/loss"), [1.0, 0.5, 0.25]),
    (("costs", "macs", "all_tasks"), 1999),
    (("budget", "samples"), 91),
    (("environment", "device"), "cuda"),
    (("finished",), "2026-01-02T00:00:00Z"),
    (("tier",), "verified"),
    (("notes",), ["trained longer"]),
]


@pytest.mark.parametrize(("place", "value"), EDITS, ids=lambda value: str(value)[:40])
def test_an_edit_of_a_sealed_record_is_noticed(place, value):
    plain = copy.deepcopy(SEALED_PLAIN)
    inner = plain
    for step in place[:-1]:
        inner = inner[step]
    assert inner[place[-1]] != value
    inner[place[-1]] = value
    with pytest.raises(RecordError, match="its content does not give its digest"):
        reread(plain)
    assert isinstance(reread({**plain, "content": ""}), Record), "older records have no digest"


@given(st.integers(2**64, 10**30))
def test_counts_beyond_64_bits_can_be_sealed(macs):
    budget = msgspec.structs.replace(RECORD.budget, macs=macs)
    sealed = seal(msgspec.structs.replace(RECORD, budget=budget))
    assert decode_record(msgspec.json.encode(sealed), sealed.key) == sealed
    less = msgspec.structs.replace(budget, macs=macs - 1)
    assert seal(msgspec.structs.replace(sealed, budget=less)).content != sealed.content


def test_finite_keeps_numbers_and_turns_the_rest_into_nothing():
    assert [finite(v) for v in (0.5, -0.0, LARGEST, -LARGEST)] == [0.5, -0.0, LARGEST, -LARGEST]
    for value in (float("nan"), float("inf"), -float("inf"), 1.1 * LARGEST, -1.1 * LARGEST):
        assert finite(value) is None


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"engine": 99},
        {"data_digest": "other"},
        {"protocol_digest": "0" * 64},
        {"tasks": ["depth", "seg", "parts"]},
        {"pretrained": "imagenet"},
        {"components": PLAIN["components"][1:]},
        {"components": [{**PLAIN["components"][0], "version": "1.1"}, *PLAIN["components"][1:]]},
        {"components": [{**PLAIN["components"][0], "id": "mtan"}, *PLAIN["components"][1:]]},
        {"components": [{**PLAIN["components"][0], "options": {"a": 1}}, *PLAIN["components"][1:]]},
        {"key": "0" * 32},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_record_whose_content_does_not_give_its_run_key_is_refused(change):
    with pytest.raises(RecordError, match="altered"):
        reread({**PLAIN, **change})


def test_a_renamed_record_is_refused_and_the_file_is_named(tmp_path):
    store = Store(tmp_path)
    (path,) = fakes.put(store, RECORD)
    other = path.rename(path.with_name("0" * 32 + ".json"))
    records, refused = store.records("trio", 2)
    assert records == []
    assert str(refused[0]) == f"{other}: misnamed (its file is not named by its run key)"


def test_a_copy_under_another_name_does_not_count_twice(tmp_path):
    store = Store(tmp_path)
    (path,) = fakes.put(store, RECORD)
    path.with_name(path.stem + " copy.json").write_bytes(path.read_bytes())
    records, refused = store.records("trio", 2)
    assert records == [RECORD]
    assert len(refused) == 1


@pytest.mark.parametrize("field", ["test", "metrics"])
def test_a_record_that_lacks_a_task_is_refused(field):
    shorter = {task: value for task, value in PLAIN[field].items() if task != "depth"}
    with pytest.raises(RecordError, match="incomplete"):
        reread({**PLAIN, field: shorter})
    with pytest.raises(RecordError, match="incomplete"):
        reread({**PLAIN, field: {**PLAIN[field], "more": PLAIN[field]["depth"]}})


@pytest.mark.parametrize("field", ["test", "metrics"])
def test_a_record_that_lacks_a_metric_is_refused(field):
    depth = {k: v for k, v in PLAIN[field]["depth"].items() if k != "rel"}
    with pytest.raises(RecordError, match=r"incomplete.*depth"):
        reread({**PLAIN, field: {**PLAIN[field], "depth": depth}})


def test_failures_and_measurements_survive_a_round_trip_and_are_read_strictly():
    for item in (fakes.failure(), fakes.measurement()):
        content = msgspec.json.encode(item)
        assert decode(content, type(item)) == item
        for length in range(len(content)):
            with pytest.raises(RecordError):
                decode(content[:length], type(item))
    with pytest.raises(RecordError, match="another schema"):
        decode(msgspec.json.encode(fakes.failure()), Measurement)
    with pytest.raises(RecordError, match="another schema"):
        decode(msgspec.json.encode(fakes.measurement()), Failure)


def test_damaged_failures_and_measurements_are_as_good_as_none(tmp_path):
    store = Store(tmp_path)
    items = [fakes.failure(), fakes.measurement()]
    for path in fakes.put(store, *items):
        path.write_bytes(path.read_bytes()[:100])
    place = fakes.place_of(items[0])
    assert store.find_failure(place, items[0].key) is None
    assert store.find_measurement(place, items[1].key) is None
    assert store.others("failed", "trio", 2, Failure) == []
    assert store.others("measurements", "trio", 2, Measurement) == []


def test_temporary_superseded_and_hidden_files_are_no_records(tmp_path):
    store = Store(tmp_path)
    (path,) = fakes.put(store, RECORD)
    content = path.read_bytes()
    for name in (
        f".{path.stem}.tmp",
        ".abcd.json",
        f"{path.stem}.tmp",
        f"{path.stem}.superseded-1.json",
        f"{path.stem}.json.bak",
        f"{path.stem}.safetensors",
    ):
        path.with_name(name).write_bytes(content)
    assert store.records("trio", 2) == ([RECORD], [])


def test_a_record_that_cannot_be_read_is_named(tmp_path):
    store = Store(tmp_path)
    (path,) = fakes.put(store, RECORD)
    dangling = path.with_name("dangling.json")
    dangling.symlink_to(tmp_path / "nowhere")
    records, refused = store.records("trio", 2)
    assert records == [RECORD]
    assert [item.path for item in refused] == [dangling]
    assert refused[0].reason == "a symbolic link, and none is followed"


def test_the_leaderboard_counts_sound_records_and_names_those_it_skips(tmp_path):
    store = Store(tmp_path)
    paths = fakes.put(store, *fakes.single(0), RECORD, fakes.record(seed=1))
    paths[-1].write_bytes(paths[-1].read_bytes()[:-10])
    board = build_leaderboard(fakes.TRIO, store)
    row = next(row for row in board.rows if row.method == "hps+equal")
    assert row.seeds == (0,)
    assert [note for note in board.notes if str(paths[-1]) in note and "Skipped" in note]


def test_records_of_another_protocol_digest_are_left_out_with_a_note(tmp_path):
    store = Store(tmp_path)
    fakes.put(store, *fakes.single(0), RECORD, fakes.record(seed=1, digest="d" * 64))
    board = build_leaderboard(fakes.TRIO, store)
    assert {row.method: row.seeds for row in board.rows}["hps+equal"] == (0,)
    assert len(board.notes) == 1
    assert "Left out 1 record made under another definition of trio@2" in board.notes[0]


def test_the_run_key_is_the_digest_of_its_canonical_identity():
    """Fixed here, because a change would orphan every record there is."""
    parts = fakes.components("hps+equal", ["depth"])
    identity = (
        '{"components":['
        '{"id":"hps","kind":"architecture","options":{},"version":"1.0"},'
        '{"id":"conv-small","kind":"backbone","options":{},"version":"1.0"},'
        '{"id":"equal","kind":"weighting","options":{},"version":"1.0"},'
        '{"id":"regression","kind":"task","options":{},"version":"1.0"},'
        '{"id":"scenes","kind":"dataset","options":{},"version":"1.0"}],'
        '"data":"d","engine":1,"protocol":"p","seed":7,"tasks":["depth"]}'
    )
    expected = hashlib.sha256(identity.encode()).hexdigest()[:32]
    assert run_key("p", parts, "d", 7, ["depth"], engine=1) == expected
