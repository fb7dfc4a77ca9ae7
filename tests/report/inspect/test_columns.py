"""Columns of a comparison: their headings, and notes given once."""

from __future__ import annotations

import msgspec

from benchbed.report.inspect.columns import Column, name_columns
from benchbed.report.inspect.records import read_record
from benchbed.report.inspect.several_runs import compare_records
from tests.report.inspect.helpers import everything, requests_for, rewritten


def test_an_equal_note_of_several_columns_is_given_once(copy, trained, tmp_path):
    paths = []
    for name in ("hps/mgda", "single-task/digit", "single-task/parity"):
        path = copy(name)
        components = [
            msgspec.structs.replace(c, source="old") if c.kind == "dataset" else c
            for c in read_record(path).components
        ]
        paths.append(rewritten(path, components=components))
    (note,) = compare_records(requests_for(paths, trained, tmp_path), everything()).notes
    assert note.startswith("hps+mgda, single-task: The source of dataset digits has changed")


def test_equal_notes_of_seeds_name_them(copy, trained, tmp_path):
    paths = []
    for name in ("toy-net/equal", "toy-net/equal/1"):
        path = copy(name)
        first, *rest = read_record(path).components
        first = msgspec.structs.replace(first, source="old")
        paths.append(rewritten(path, components=[first, *rest]))
    done = compare_records(requests_for(paths, trained, tmp_path, "toy.toml"), everything())
    (note,) = done.notes
    assert note.startswith("toy-net+equal seed 0, toy-net+equal seed 1: The source of arch")


def test_options_of_all_columns_stand_once_in_the_title():
    bone = "backbone=segnet,backbone.width=0.25"
    columns = [
        Column(method, seed)
        for method in (f"ati-net:type=x,{bone}+dwa:T=3", f"single-task:{bone}")
        for seed in (0, 1)
    ]
    headings, shared = name_columns(columns)
    assert list(headings) == columns
    assert list(headings.values()) == [
        "ati-net:type=x+dwa:T=3\nseed 0",
        "ati-net:type=x+dwa:T=3\nseed 1",
        "single-task\nseed 0",
        "single-task\nseed 1",
    ]
    assert shared == bone.split(",")
    assert name_columns(columns[:1]) == ({columns[0]: columns[0].method}, [])
