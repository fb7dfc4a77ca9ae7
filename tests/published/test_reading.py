"""Printed tables from strangers: what is refused, and with which sentence."""

import os
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchbed.discovery.registry import FileEntry, Registry
from benchbed.published.cells import Gap, TableError
from benchbed.published.registered import read_library
from benchbed.published.report import report_on
from benchbed.published.sheet import LARGEST
from benchbed.published.table import read_table
from tests.published.conftest import PAPER, TABLE


def refused(path, *words: str) -> None:
    with pytest.raises(TableError) as error:
        read_table(path)
    message = str(error.value)
    assert "\n" not in message
    assert len(message) < 700
    for word in words:
        assert word in message


def test_a_sound_table_is_read_with_its_source_and_the_sign_turned(write):
    table = read_table(write())
    assert table.id == "mine-1"
    assert table.paper.source == "A. Author: A Title. CONF 2020"
    single, multi = table.rows
    assert (single.dataset, single.baseline, multi.baseline) == ("rooms", "", "single")
    assert str(multi.delta_m) == "-4.00"
    assert str(multi.cells["seg/miou"]) == "51.0"


def test_a_paper_that_prints_gains_keeps_its_sign(write):
    table = read_table(write(TABLE, PAPER.replace('"worse"', '"better"')))
    assert str(table.rows[1].delta_m) == "4.00"


def test_lost_unprinted_and_absent_cells_are_told_apart(write):
    table = read_table(write(TABLE.replace("51.0,0.550,4.00", "MISSING,,n.a.")))
    row = table.rows[1]
    assert row.cells == {"seg/miou": Gap.LOST}
    assert row.delta_m is Gap.UNPRINTED


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"lower"', '"downwards"', ["columns[...]", "better", "downwards"]),
        ('"higher"', '"lower"', ["'seg/miou' has the wrong direction", "of 'miou' higher is"]),
        ('better = "lower"', 'better = "higher"', ["'depth/rmse' has the wrong direction"]),
        ('better = "lower"', "", ["'depth/rmse' needs better"]),
        ('kind = "cost"', 'kind = "cost"\nbetter = "lower"', ["'parameters' is no metric"]),
        ('[columns."depth/rmse"]', "[columns.depth]", ["must be named task/metric"]),
        ('"worse"', '"up"', ["positive_is", "up"]),
        ("[tables.1]", "[tables.2]", ["no section [tables.1]"]),
        ("year = 2020", "", ["'year' is missing"]),
        ('title = "A Title"', "titel = 1", ["unknown key 'titel'", "Did you mean 'title'?"]),
        ("A. Author", "\\u001b[2J", ["paper.toml", "control or invisible", "\\x1b[2J"]),
        ("A. Author", "\\u202e", ["control or invisible"]),
        ("A. Author", "\x1b[2J", ["control character U+001B"]),
        ("A. Author", "a" * 1001, ["longer than 1000 characters"]),
        ("A. Author", "a" * 5_000_000, ["larger than 256 KiB"]),
        ('"seg/miou"', '"seg/\\u001b"', ["control or invisible"]),
        ('title = "A Title"', '"\\u001b[2J" = 1', ["unknown key '\\x1b[2J'"]),
        ('id = "mine"', 'id = "../mine"', ["'id' is wrong"]),
        ("id =", "id", ["not valid TOML"]),
    ],
)
def test_a_wrong_direction_sign_or_source_is_refused(write, old, new, words):
    assert old in PAPER
    refused(write(TABLE, PAPER.replace(old, new, 1)), "paper.toml", *words)


def test_a_table_without_a_paper_is_refused(write):
    path = write()
    path.with_name("paper.toml").unlink()
    refused(path, "paper.toml", "Cannot read")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (",single,", ",sinlge,", ["missing baseline 'sinlge'", "Did you mean 'single'?"]),
        (",single,", ",,", ["the row multi prints a Δm but names no baseline"]),
        (",single,", ",multi,", ["is compared with multi, which is no baseline itself"]),
        ("single,single task,,50", "single,single task,multi,50", ["no baseline itself"]),
        ("multi,multi", "single,multi", ["line 3", "the row single is there twice"]),
        ("system,baseline", "system,system", ["the column 'system' twice"]),
        ("depth/rmse,", "depth/rsme,", ["unknown column 'depth/rsme'", "mean 'depth/rmse'?"]),
        ("key,", "id,", ["unknown column 'id'"]),
        ("key,system", "system,note", ["lacks the column 'key'"]),
        ("multi,multi-task", "Multi,multi-task", ["line 3", "the key 'Multi'"]),
        ("multi,multi-task", "multi,", ["line 3", "the system has no name"]),
        ("51.0,0.550", "51.0", ["line 3: 5 cells under 6 columns"]),
        ("51.0,0.550", "51.0,0.550,1", ["line 3: 7 cells under 6 columns"]),
        ("51.0", "nan", ["line 3", "column 'seg/miou': 'nan' is no number"]),
        ("51.0", "inf", ["'inf' is no number"]),
        ("51.0", "1e308", ["'1e308' is no number"]),
        ("51.0", "9" * 400, ["is no number"]),
        ("4.00", "NaN", ["column 'delta_m': 'NaN' is no number"]),
        ("multi-task", '"multi"-task', ["no regular CSV"]),
        ("multi-task", '"multi-task', ["no regular CSV"]),
        ("multi-task", "multi\x1b[31m", ["control character U+001B"]),
        ("multi-task", "multi\x00", ["control character U+0000"]),
        ("multi-task", "multi\u202etask", ["control character U+202E"]),
        ("multi-task", "x" * 1001, ["line 3", "longer than 1000 characters"]),
        (TABLE, "", ["holds no rows"]),
        (TABLE, "\n\n\n", ["holds no rows"]),
        (TABLE, TABLE.splitlines()[0], ["holds no rows"]),
        (TABLE, "key,system\na,b\n", ["no column of numbers", "seg/miou, depth/rmse"]),
    ],
)
def test_a_wrong_table_is_refused_with_its_place(write, old, new, words):
    assert old in TABLE
    refused(write(TABLE.replace(old, new, 1)), "1.csv", *words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (TABLE.encode("utf-16"), ["is not UTF-8", "save it as UTF-8"]),
        (TABLE.replace("single task", "tâche").encode("latin-1"), ["is not UTF-8"]),
        (b"a" * 1_000_000, ["larger than 256 KiB"]),
        (b'"' + b"a" * (LARGEST - 2) + b'"', ["no regular CSV"]),
        (bytes(range(256)) * 4, ["is not UTF-8"]),
    ],
)
def test_bytes_that_are_no_table_are_refused(write, content, words):
    refused(write(content), *words)


def test_a_byte_order_mark_and_windows_line_ends_are_read(write):
    plain = read_table(write())
    other = read_table(write(b"\xef\xbb\xbf" + TABLE.replace("\n", "\r\n").encode()))
    assert other.rows == plain.rows


def test_a_folder_or_a_missing_file_is_refused(write, tmp_path):
    path = write()
    path.unlink()
    refused(path, "Cannot read")
    path.mkdir()
    refused(path, "Cannot read")


@pytest.mark.parametrize("name", ["1.csv", "paper.toml"])
def test_what_is_no_regular_file_is_refused(write, tmp_path, name):
    path = write()
    file = path.with_name(name)
    content = file.read_bytes()
    file.unlink()
    os.mkfifo(file)
    refused(path, "Cannot read", name, "no regular file")
    file.unlink()
    (tmp_path / "elsewhere").write_bytes(content)
    file.symlink_to(tmp_path / "elsewhere")  # as some installers do
    assert read_table(path).rows


def test_several_metrics_of_a_task_need_a_primary_one(write):
    paper = PAPER + '[columns."seg/acc"]\nbetter = "higher"\n'
    table = TABLE.replace("delta_m", "seg/acc").replace("4.00", "80.0")
    refused(write(table, paper), "of the metrics of 'seg' 0 are primary", "primary = true")
    sound = paper.replace('unit = "%"', 'unit = "%"\nprimary = true')
    assert len(read_table(write(table, sound)).columns) == 3


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda t: t.encode())))
def test_whatever_stands_in_a_file_it_is_refused_in_a_sentence(write, content):
    refused(write(TABLE.splitlines()[0].encode() + b"\n" + content + b"\nx"))


def test_a_wrong_file_of_a_plugin_is_left_out_and_named(write, tmp_path):
    path = write(TABLE.replace(",single,", ",other/single,"))
    good = tmp_path / "good"
    shutil.copytree(path.parent, good)
    paper = good / "paper.toml"
    paper.write_text(PAPER.replace('"mine"', '"good"'))
    (good / "1.csv").write_text(TABLE)
    registry = Registry(files=[FileEntry("published", p, "them") for p in (path, good / "1.csv")])
    library = read_library(registry)
    assert list(library.tables) == ["good-1"]
    (broken,) = registry.broken
    assert (broken.plugin, broken.distribution) == ("mine/1.csv", "them")
    assert "There is no printed table 'other'" in broken.error


def test_a_table_that_is_registered_twice_is_left_out_once(write):
    entry = FileEntry("published", write(), "them")
    registry = Registry(files=[entry, entry])
    assert list(read_library(registry).tables) == ["mine-1"]
    assert "registered twice" in registry.broken[0].error


def test_a_baseline_in_another_table_must_have_the_same_backbone_and_data_set(library, write):
    library.add(table := read_table(write(TABLE.replace(",single,", ",astmt-4a/single-task,"))))
    with pytest.raises(TableError, match="missing baseline 'astmt-4a/single-task'; astmt-4a has"):
        library.check(table)


def read_with(write, tmp_path, *names: str):
    files = [FileEntry("published", tmp_path / name, "them") for name in names]
    registry = Registry(files=[FileEntry("published", write(), "them"), *files])
    return read_library(registry), [str(item) for item in registry.broken]


def test_a_claim_about_nothing_is_left_out_and_named_and_the_others_stay(write, tmp_path):
    head = "id,text,printed,check,left,right,quantity\n"
    good = "good,x,51.0,cell,mine-1/multi,seg/miou,\n"
    wrong = "row,x,51.0,cell,mine-1/none,seg/miou,\ncost,x,5,share,a,b,macs\n"
    zero = "zero,x,5,share,a,a,parameters\n"
    (tmp_path / "text_claims.csv").write_text(head + wrong + zero + good)
    (tmp_path / "measured_costs.csv").write_text("name,parameters\na,0\nb,5\n")
    library, broken = read_with(write, tmp_path, "text_claims.csv", "measured_costs.csv")
    assert [claim.id for claim in library.claims] == ["good"]
    assert [name in note for name, note in zip(("none", "cost", "zero"), broken, strict=True)]
    assert [item.claim.id for item in report_on(library).claims] == ["good"]


def test_measured_costs_cannot_replace_others_of_their_name(write, tmp_path):
    for name, count in (("first", 5), ("second", 6)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "measured_costs.csv").write_text(f"name,parameters\na,{count}\n")
    names = [f"{name}/measured_costs.csv" for name in ("first", "second")]
    library, (note,) = read_with(write, tmp_path, *names)
    assert library.measured["a"].costs == {"parameters": 5}
    assert "the measured costs of 'a' are registered twice" in note
