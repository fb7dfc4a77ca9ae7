"""Every format writes every column of the table, and lets no text out of its cell."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import msgspec
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from benchbed.basics.texts import is_plain
from benchbed.records.store import Store
from benchbed.report.formats import json as json_format
from benchbed.report.formats import markdown, terminal
from benchbed.report.formats.csv import to_csv
from benchbed.report.formats.files import FORMATS
from benchbed.report.formats.frame import to_frame
from benchbed.report.formats.json import to_json
from benchbed.report.formats.markdown import to_markdown
from benchbed.report.formats.terminal import to_terminal
from benchbed.report.leaderboard import Leaderboard, build_leaderboard
from benchbed.report.side_tables import to_markdown as side_table_markdown
from benchbed.report.table import build
from benchbed.report.table.column import Column
from benchbed.report.table.groups import SIZE
from benchbed.report.table.kinds import decimal
from tests.fakes import TRIO, put, record, scaled, single


@pytest.fixture
def board(tmp_path) -> Leaderboard:
    store = Store(tmp_path / "results")
    for seed in range(2):
        put(store, *single(seed, parameters=256))
        put(store, record("hps+equal", seed, scaled(1.02 + seed / 90), parameters=512))
    return build_leaderboard(TRIO, store)


def shown(board: Leaderboard, width: int = 200, *, notes: bool = False) -> str:
    out = io.StringIO()
    table = to_terminal(board, width, notes=notes)
    Console(file=out, width=width, highlight=False).print(table)
    return out.getvalue()


def with_extra(board: Leaderboard, title: str, value: object) -> Leaderboard:
    """The board with a plugin's column, of which the last row has nothing."""
    *rows, last = board.rows
    return replace(board, rows=(*(replace(row, extra={title: value}) for row in rows), last))


def table_cells(text: str) -> list[list[str]]:
    """The cells of the rows of the first Markdown table, split where Markdown splits them."""
    lines = [line for line in text.split("\n") if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


# One entry, every format ------------------------------------------------------------------------

SIZE_KB = Column(
    id="size_kb",
    group=SIZE,
    title="size",
    kind=decimal(1),
    value=lambda row: row.costs.size_kb["fp32"] if row.costs else None,
    unit="KB",
    direction="lower",
    notes=("Size: of all parameters in single precision.",),
    priority=65,
)


@pytest.fixture
def with_size(board, monkeypatch) -> Leaderboard:
    costs = build.cost_columns
    monkeypatch.setattr(build, "cost_columns", lambda board: [*costs(board), SIZE_KB])
    return board


def test_a_new_column_is_in_json_csv_and_the_frame(with_size):
    for row in json.loads(to_json(with_size))["rows"]:
        assert row["size_kb"] == (3.0 if row["method"] == "single-task" else 2.0)
    read = pd.read_csv(io.StringIO(to_csv(with_size))).set_index("method")
    assert read["size_kb"].to_dict() == {"single-task": 3.0, "hps+equal": 2.0}
    assert list(to_frame(with_size)["size_kb"]) == [3.0, 2.0]


def test_a_new_column_is_in_markdown_with_its_note(with_size):
    text = to_markdown(with_size)
    heading, _, first, second = table_cells(text)
    place = heading.index("size KB")
    assert (first[place], second[place]) == ("3.0", "2.0")
    assert "\n- Size: of all parameters in single precision.\n" in text


def test_a_new_column_is_on_a_terminal_unless_its_priority_leaves_no_room(with_size):
    assert "size" in shown(with_size).split("\n\n")[0]
    assert "Size: of all parameters" in shown(with_size, notes=True)
    for width in range(60, 140):
        left_out = shown(with_size, width, notes=True)
        left_out = " ".join(left_out.split()).partition("for lack of room: ")[2]
        named = left_out.partition("; see --format")[0].split(", ")
        if "rank" in named:
            assert named.index("tasks improved") + 1 == named.index("size KB")
            assert named.index("size KB") + 1 == named.index("rank")
            return
    raise AssertionError("some width must be too narrow for the column")


def test_a_plugins_column_is_in_every_format(board):
    extended = with_extra(board, "fun factor", 3.5)
    assert [row.get("extra") for row in json.loads(to_json(extended))["rows"]] == [
        {"fun factor": 3.5},
        None,
    ]
    frame = to_frame(extended)
    assert frame.columns[-1] == "fun factor"
    assert frame["fun factor"].isna().tolist() == [False, True]
    assert to_csv(extended).splitlines()[1].endswith(",3.5")
    heading, _, first, second = table_cells(to_markdown(extended))
    assert heading[-1].rstrip(" |") == "fun factor"
    assert (first[-1].rstrip(" |"), second[-1].rstrip(" |")) == ("3.5", "–")
    assert "fun factor" in shown(extended)


@pytest.mark.parametrize(
    "title",
    ["method", "rank", "parameters", "seeds", "seg/miou", "delta_m %", "protocol", "params"],
)
def test_a_plugins_column_named_like_a_built_in_one_stands_beside_it(title, board):
    extended = with_extra(board, title, "theirs")
    frame, before = to_frame(extended), to_frame(board)
    assert list(frame.columns) == [*before.columns, f"{title} (plugin)"]
    pd.testing.assert_frame_equal(frame[before.columns], before)
    assert frame[f"{title} (plugin)"].iloc[0] == "theirs"
    pd.testing.assert_frame_equal(
        pd.read_csv(io.StringIO(to_csv(extended)))[before.columns],
        pd.read_csv(io.StringIO(to_csv(board))),
    )
    without = [
        {key: value for key, value in row.items() if key != "extra"}
        for row in json.loads(to_json(extended))["rows"]
    ]
    assert without == json.loads(to_json(board))["rows"], "JSON keeps them apart by itself"
    assert f"| {title} (plugin) " in to_markdown(extended)
    assert f"{title} (plugin)" in shown(extended)
    assert "rank" in shown(extended).split("\n\n")[0]


def test_plugins_titles_stay_apart_from_each_other(board):
    titles = ["rank", "rank (plugin)", "free"]
    rows = [replace(row, extra=dict.fromkeys(titles, 1)) for row in board.rows]
    names = list(to_frame(replace(board, rows=tuple(rows))).columns)[-3:]
    assert names == ["rank (plugin)", "rank (plugin) (plugin)", "free"]


# Text stays text --------------------------------------------------------------------------------

HOSTILE = "a|b\n<script>\x1b[31m[/b]`"
any_text = st.text(st.characters(codec="utf-8"), max_size=30)


@given(any_text)
def test_markdown_escapes_what_ends_a_cell_a_line_or_begins_a_tag(text):
    escaped = markdown.escape(text)
    assert is_plain(escaped)
    assert "<" not in escaped
    assert escaped.replace("\\|", "").count("|") == 0


@given(any_text)
def test_plain_text_is_the_same_on_a_terminal_and_other_characters_are_spelt_out(text):
    escaped = terminal.escape(text)
    assert is_plain(escaped)
    assert (escaped == text) == is_plain(text)


def test_a_hostile_column_leaves_the_markdown_table_whole(board):
    hostile = with_extra(replace(board, notes=(HOSTILE,)), HOSTILE, HOSTILE)
    text = to_markdown(hostile)
    lines = [line for line in text.split("\n") if line.startswith("|")]
    assert len(lines) == 2 + len(board.rows), "a row is a line"
    assert text.count("a\\|b &lt;script>\\x1b[31m") == 3, "heading, cell and note"
    assert "<script>" not in text
    assert "\x1b" not in text


def test_the_title_is_escaped_as_everything_else(board):
    protocol = msgspec.structs.replace(TRIO, title="<b>")
    assert to_markdown(replace(board, protocol=protocol)).startswith("# &lt;b>\n")


def test_side_tables_are_escaped_too():
    text = side_table_markdown("T|", (["h|"], [["<i>"], ["a\nb"]], ["n|<"]))
    lines = text.splitlines()
    assert lines[0] == "## T\\|"
    assert [line.strip("| ") for line in lines[4:6]] == ["&lt;i>", "a b"]
    assert lines[-1] == "- n\\|&lt;"


@pytest.mark.parametrize("width", [30, 80, 200])
def test_a_hostile_column_does_not_reach_the_terminal(board, width):
    hostile = with_extra(replace(board, notes=(HOSTILE,)), HOSTILE, HOSTILE)
    text = shown(hostile, width)
    assert "\x1b" not in text
    assert "[/b]" in text.replace("\n", ""), "markup is text"


def test_csv_quotes_and_changes_nothing_a_formula_included(board):
    for value in ("=1+1", "a,b", 'say "so"', "two\nlines"):
        extended = with_extra(board, "more", value)
        read = pd.read_csv(io.StringIO(to_csv(extended)))
        assert read["more"][0] == value


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=6,
)


@given(json_values)
def test_json_holds_no_number_that_is_not_finite(value):
    text = json.dumps(json_format.harmless(value))
    json.loads(text, parse_constant=pytest.fail)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("value", [float("nan"), {1, 2}, None, "", [1], 10**30, True])
def test_any_value_of_a_plugin_reaches_every_format(suffix, value, board):
    assert FORMATS[suffix](with_extra(board, "more", value))
