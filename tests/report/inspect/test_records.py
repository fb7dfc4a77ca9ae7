"""Choosing records: found by path or run key, and not drawn where they cannot be trusted."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchbed.basics.errors import RecordError, StoreError
from benchbed.report.inspect.one_run import inspect_record
from benchbed.report.inspect.records import find_record
from benchbed.report.inspect.request import Request
from tests.report.inspect.helpers import everything


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (b'"seed": 0', b'"seed": 1', "altered"),
        (b"}", b"", "damaged"),
        (b'"benchbed.record/1"', b'"benchbed.record/9"', "of another schema"),
    ],
)
def test_a_tampered_record_is_not_drawn(copy, tmp_path, before, after, message):
    path = copy("hps/mgda")
    assert before in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(before, after, 1))
    with pytest.raises(RecordError, match=f"cannot be trusted: {message}"):
        inspect_record(Request(path, tmp_path / "out"), everything())
    assert not (tmp_path / "out").exists()


def test_records_are_found_by_path_key_and_prefix(trained):
    path = trained["hps/mgda"]
    results = path.parents[5]
    assert find_record(str(path), Path("nowhere")) == path
    assert find_record(path.stem, results) == path
    assert find_record(path.stem[:6], results) == path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ffffff", "No record in .* has a run key that begins with ffffff"),
        ("abcde", "at least the first 6"),
        ("hps+mgda", "'hps\\+mgda' names no record"),
        ("gone.json", "There is no record gone.json"),
    ],
)
def test_a_record_that_is_not_there_is_an_error(trained, text, message):
    with pytest.raises(StoreError, match=message):
        find_record(text, trained["hps/mgda"].parents[5])


def test_a_prefix_of_several_run_keys_is_ambiguous_and_superseded_records_do_not_count(tmp_path):
    folder = tmp_path / "runs" / "digits" / "1"
    folder.mkdir(parents=True)
    for name in ("aaaaaa11", "aaaaaa22", "bbbbbb11", "bbbbbb11.superseded-1"):
        (folder / f"{name}.json").write_text("{}")
    with pytest.raises(StoreError, match=r"aaaaaa11\.json, .*aaaaaa22\.json"):
        find_record("aaaaaa", tmp_path)
    assert find_record("bbbbbb", tmp_path).stem == "bbbbbb11"
