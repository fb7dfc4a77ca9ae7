"""The leaderboard as JSON, CSV, Markdown, DataFrame and on a terminal."""

from __future__ import annotations

import io
import json
import re

import msgspec
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import t

from benchbed.basics.errors import StoreError
from benchbed.records.store import Store
from benchbed.report.formats.csv import to_csv
from benchbed.report.formats.files import write_leaderboard
from benchbed.report.formats.frame import to_frame
from benchbed.report.formats.json import to_json
from benchbed.report.formats.markdown import to_markdown
from benchbed.report.formats.terminal import to_terminal
from benchbed.report.leaderboard import Leaderboard, build_leaderboard
from benchbed.report.table.numbers import DASH, human
from tests.fakes import METRICS, TRIO, failure, measurement, put, record, scaled, single

DELTA_M = "Δm % primary ↑ [95 %]"
METHODS = ["equal", "uncertainty", "dwa", "mgda", "pcgrad"]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "results")


@pytest.fixture
def board(store) -> Leaderboard:
    """The first leaderboard's size: six methods, three tasks, three seeds."""
    for seed in range(3):
        put(store, *single(seed, scaled(1 + seed / 100), parameters=23_928))
        for n, name in enumerate(METHODS):
            test = scaled(1 + n / 50 + seed / 70)
            put(store, record(f"hps+{name}", seed, test, parameters=24_000 + n))
    for method in ["single-task", *(f"hps+{name}" for name in METHODS)]:
        put(store, measurement(method, 12.345))
    return build_leaderboard(TRIO, store)


@pytest.fixture
def gappy(store) -> Leaderboard:
    """A method without records, one with one seed of two, one never measured."""
    put(store, *single(0), *single(1), record(seed=0), failure(seed=1), failure("hps+mgda"))
    put(store, measurement("single-task", 2.0))
    return build_leaderboard(TRIO, store)


def shown(board: Leaderboard, width: int, *, notes: bool = False) -> str:
    from rich.console import Console

    out = io.StringIO()
    table = to_terminal(board, width, notes=notes)
    Console(file=out, width=width, highlight=False).print(table)
    return out.getvalue()


def refuse(literal: str):
    raise AssertionError(f"{literal} is no JSON")


def test_json_has_the_documented_shape(board):
    plain = json.loads(to_json(board), parse_constant=refuse)
    assert plain["protocol"] == "trio@2"
    assert plain["digest"] == TRIO.digest
    assert plain["delta_m"]["definition"] == "primary"
    assert plain["delta_m"]["positive_is"] == "better"
    assert len(plain["rows"]) == 6
    for line, row in zip(plain["rows"], board.rows, strict=True):
        assert {
            "method", "seeds", "tasks", "delta_m", "parameters", "macs", "step_ms", "failed",
        } <= set(line)  # fmt: skip
        assert (line["method"], line["seeds"], line["failed"]) == (row.method, 3, 0)
        assert {task: set(metrics) for task, metrics in line["tasks"].items()} == {
            "seg": {"miou", "acc"},
            "depth": {"abs", "rel"},
            "parts": {"miou"},
        }
        stat = row.tasks["depth"]["abs"]
        half = t.ppf(0.975, 2) * stat.std / 3**0.5
        assert line["tasks"]["depth"]["abs"] == {
            "mean": stat.mean,
            "std": stat.std,
            "low": pytest.approx(stat.mean - half),
            "high": pytest.approx(stat.mean + half),
            "n": 3,
        }
        assert (line["parameters"], line["macs"]) == (
            row.costs.parameters.total,
            row.costs.macs.all_tasks,
        )
        assert line["step_ms"] == 12.345
        rank = board.ranks()[row.method]
        assert line["rank"] == {"best": rank.best, "worst": rank.worst}
        assert line["tier"] == "reproduced"
        if row.is_baseline:
            for name in ("delta_m", "gains", "worst_task", "tasks_improved", "p_improvement"):
                assert line[name] is None
            continue
        delta, gains = row.delta_m, row.standing.gains
        assert line["delta_m"] == {
            "mean": delta.mean,
            "std": delta.std,
            "low": delta.low,
            "high": delta.high,
            "n": 3,
            "p": delta.p_value,
            "paired": True,
        }
        assert {task: gain["mean"] for task, gain in line["gains"].items()} == {
            task: gain.mean for task, gain in gains.gains.items()
        }
        assert line["worst_task"] == gains.worst
        assert line["tasks_improved"] == list(gains.improved)
        assert line["p_improvement"] == row.standing.improvement


def test_json_says_null_where_there_is_nothing(gappy):
    plain = json.loads(to_json(gappy), parse_constant=refuse)
    lines = {line["method"]: line for line in plain["rows"]}
    for name in ("std", "low", "high", "p"):
        assert lines["hps+equal"]["delta_m"][name] is None
    assert lines["hps+equal"]["rank"] is None
    assert lines["hps+equal"]["tasks"]["seg"]["miou"]["std"] is None
    assert lines["hps+equal"]["step_ms"] is None
    failed = lines["hps+mgda"]
    assert (failed["tasks"], failed["seeds"], failed["failed"]) == ({}, 0, 1)
    assert failed["delta_m"] is failed["parameters"] is failed["macs"] is None


def with_extra(board: Leaderboard, value: object) -> Leaderboard:
    from dataclasses import replace

    rows = tuple(replace(row, extra={"more": value}) for row in board.rows)
    return replace(board, rows=rows)


def test_json_stays_json_whatever_a_plugin_puts_into_its_column(board):
    for value in (float("nan"), float("inf"), {1, 2}, pd.NA, None, "text"):
        json.loads(to_json(with_extra(board, value)), parse_constant=refuse)


def test_csv_reads_back_with_the_very_same_numbers(board):
    read = pd.read_csv(io.StringIO(to_csv(board)))
    assert list(read["method"]) == [row.method for row in board.rows]
    for n, row in enumerate(board.rows):
        for task, metrics in row.tasks.items():
            for metric, stat in metrics.items():
                assert read[f"{task}/{metric}"][n] == stat.mean
                assert read[f"{task}/{metric} std"][n] == stat.std
        if row.delta_m:
            assert read["delta_m %"][n] == row.delta_m.mean
            assert read["delta_m % std"][n] == row.delta_m.std
            assert read["delta_m % low"][n] == row.delta_m.low
            assert read["delta_m % high"][n] == row.delta_m.high
            gains = row.standing.gains
            assert read["worst task"][n] == gains.worst
            assert read["tasks improved"][n] == len(gains.improved)
            assert read["p(improvement)"][n] == row.standing.improvement
            for task, gain in gains.gains.items():
                assert read[f"{task} gain %"][n] == gain.mean
        rank = board.ranks()[row.method]
        assert (read["rank"][n], read["rank at worst"][n]) == (rank.best, rank.worst)
        assert read["tier"][n] == "reproduced"
        assert read["parameters"][n] == row.costs.parameters.total
        assert read["macs"][n] == row.costs.macs.all_tasks
        assert read["step_ms"][n] == row.step_ms
        assert (read["seeds"][n], read["failed"][n], read["missing"][n]) == (3, 0, 0)


def test_csv_leaves_a_cell_empty_where_there_is_nothing(gappy):
    read = pd.read_csv(io.StringIO(to_csv(gappy))).set_index("method")
    assert read.loc["hps+mgda", ["seg/miou", "delta_m %", "parameters", "step_ms"]].isna().all()
    assert read.loc["hps+mgda", "failed"] == 1
    assert pd.isna(read.loc["hps+equal", "seg/miou std"])
    assert read.loc["single-task", "parameters"] == 3000
    assert "3000.0" not in to_csv(gappy), "counts are whole numbers"


def test_the_frame_equals_the_csv(board):
    read = pd.read_csv(io.StringIO(to_csv(board)))
    pd.testing.assert_frame_equal(to_frame(board), read, check_dtype=False)


def markdown_table(text: str) -> list[dict[str, str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    header, _, *body = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return [dict(zip(header, cells, strict=True)) for cells in body]


def test_markdown_sets_the_best_of_each_column_in_bold(board):
    table = {row["method"]: row for row in markdown_table(to_markdown(board))}
    assert len(table) == 6
    bold = {
        title: [m for m, row in table.items() if row[title].startswith("**")]
        for title in table["hps+equal"]
    }
    assert bold["seg miou % ↑"] == ["hps+pcgrad"]
    assert bold["parts miou % ↑"] == ["hps+pcgrad"]
    assert bold["depth abs ↓"] == ["single-task"], "lower is better"
    assert bold["method"] == bold["params"] == []
    deltas = {row.method: row.delta_m.mean for row in board.rows if row.delta_m}
    assert bold[DELTA_M] == [max(deltas, key=deltas.get)]
    assert table["single-task"][DELTA_M] == "reference"


def test_markdown_shows_percent_deviations_and_signs(store):
    put(store, *single(0), *single(1))
    put(store, record(seed=0, test=scaled(1.0)), record(seed=1, test=scaled(1.1)))
    table = {row["method"]: row for row in markdown_table(to_markdown(build(store)))}
    assert table["hps+equal"]["seg miou % ↑"] == "**52.5±3.5**"
    assert table["hps+equal"]["depth abs ↓"] == "0.263±0.018"
    assert table["single-task"]["depth abs ↓"] == "**0.250±0.000**"
    # Δm of seeds 0 and 1: 0 and 10/3; with the half width 12.706·(10/3/√2)/√2
    assert table["hps+equal"][DELTA_M] == "**+1.67 [-19.51, +22.84]**"
    assert (table["single-task"]["rank"], table["hps+equal"]["rank"]) == ("1–2", "1–2")
    assert table["hps+equal"]["worst task"] == "depth -5.0"
    assert table["hps+equal"]["tasks improved"] == "2 of 3"


def test_no_number_is_minus_zero(store):
    put(store, *single(0), *single(1))
    put(store, record(seed=0, test=scaled(1 - 1e-6)), record(seed=1, test=scaled(1 - 3e-6)))
    board = build(store)
    (row,) = [row for row in board.rows if not row.is_baseline]
    assert -0.005 < row.delta_m.mean < 0
    assert not re.search(r"-0\.0+(?!\d)", to_markdown(board) + shown(board, 160))


def build(store: Store) -> Leaderboard:
    return build_leaderboard(TRIO, store)


def test_ties_are_all_bold(store):
    put(store, *single(0), record("hps+a"), record("hps+b"))
    table = markdown_table(to_markdown(build(store)))
    assert [row["seg miou % ↑"] for row in table] == ["**50.0**"] * 3


def test_the_text_states_protocol_digest_selection_definition_and_sign(board):
    text = to_markdown(board)
    assert f"trio@2, digest {TRIO.digest[:12]}" in text
    assert "Model selection: last epoch" in text
    assert "standard deviation over seeds on the test split" in text
    assert "mean over tasks of the primary metric's relative change" in text
    assert "against single-task; positive is better" in text
    assert "one multiply-add is one" in text
    assert "median training step, measured alone on a CPU, threads: 1" in text
    assert "95 % t interval of Δm, which carries the reference's variance" in text
    assert "Rank: best – worst that the seeds allow." in text


def test_text_and_terminal_state_seeds_budget_and_trust_tier(board):
    for text in (to_markdown(board), " ".join(shown(board, 80, notes=True).split())):
        assert "Seeds for each method: 3." in text
        assert re.search(r"Budget: 3 epochs.*\b90\b|Budget: 3 epochs.*\b270\b", text)
        assert re.search(r"Trust tier.*: reproduced\.", text)


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ("flat", "mean over all metrics of all tasks"),
        ("per-task-mean", "mean over tasks of the mean over the task's metrics"),
    ],
)
def test_header_and_text_name_the_definition_in_use(store, definition, words):
    put(store, *single(0), record())
    text = to_markdown(build_leaderboard(TRIO, store, definition=definition))
    assert f"Δm % {definition} ↑ [95 %]" in text
    assert words in text


def test_what_failed_or_is_missing_stands_in_the_table(gappy):
    table = {row["method"]: row for row in markdown_table(to_markdown(gappy))}
    assert table["hps+equal"]["seeds"] == "1, 1 failed"
    assert table["hps+mgda"]["seeds"] == "0, 1 failed, 1 missing"
    assert table["hps+mgda"]["seg miou % ↑"] == DASH
    assert "hps+mgda: no Δm (no complete seed)." in to_markdown(gappy)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_what_failed_or_is_missing_stands_on_a_terminal_of_any_width(gappy, width):
    text = " ".join(shown(gappy, width).split())
    assert text.count("1 failed") == 2
    assert text.count("1 missing") == 1


def test_six_methods_and_three_tasks_fit_a_terminal_of_80_columns(board):
    text = shown(board, 80)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    assert "…" not in text
    for row in board.rows:
        line = next(line for line in text.splitlines() if line.startswith(row.method + " "))
        for task, metric, scale, digits in (
            ("seg", "miou", 100, 1),
            ("depth", "abs", 1, 3),
            ("parts", "miou", 100, 1),
        ):
            stat = row.tasks[task][metric]
            assert f" {stat.mean * scale:.{digits}f}±{stat.std * scale:.{digits}f} " in line
        if row.delta_m:
            half = (row.delta_m.high - row.delta_m.low) / 2
            assert f" {row.delta_m.mean:+.2f}±{half:.2f} " in line
        rank = board.ranks()[row.method]
        both = f"{rank.best}–{rank.worst}" if rank.best < rank.worst else str(rank.best)
        costs = [human(row.costs.parameters.total), human(row.costs.macs.all_tasks)]
        assert line.split()[-3:] == [both, *costs]


@pytest.mark.parametrize("width", range(50, 200, 7))
def test_parameters_and_multiply_adds_stand_on_a_terminal_of_any_width(board, width):
    text = shown(board, width)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    assert "params" in text
    assert "MACs" in text
    for row in board.rows:
        assert human(row.costs.parameters.total) in text


def test_what_gives_way_does_so_in_a_fixed_order(board):
    """From wide to narrow, each step is gone before the next one goes."""
    marks = [
        r"\bsteps\b",
        "train",
        r"\bms\b",
        "worst",
        r"\btasks\b",
        r"\[95",
        r"±0\.\d\d\d",
        "rank",
    ]
    before = 0
    for width in range(200, 50, -1):
        head = shown(board, width).split("\n\n")[0]
        if "  params: " in head:  # a list, in which there is room for all
            break
        gone = [re.search(mark, head) is None for mark in marks]
        number = gone.index(False) if False in gone else len(gone)
        assert not any(gone[number:]), (width, marks, gone)
        assert number >= before, (width, marks[number])
        before = number
    assert before >= 7


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_at_most_five_lines_stand_below_a_table_and_all_of_them_if_asked(gappy, board, width):
    for table in (gappy, board):
        below = shown(table, width).rstrip("\n").split("\n\n")[-1].splitlines()
        assert len(below) <= 5
        assert f"trio@2 ({TRIO.digest[:12]})" in below[0]
        assert "--notes" in below[-1]
        everything = " ".join(shown(table, width, notes=True).split())
        assert "Budget: 3 epochs" in everything
        assert "MACs: multiply-adds" in everything


def test_footnotes_explain_only_what_is_shown(board):
    wide = " ".join(shown(board, 200, notes=True).split())
    assert "Step time: median" in wide
    assert "Training MACs" in wide
    narrow = " ".join(shown(board, 80, notes=True).split())
    assert "Step time: median" not in narrow
    assert "Training MACs" not in narrow


def test_a_wide_terminal_shows_every_column(board):
    text = shown(board, 160)
    assert "No room" not in text
    for word in ("params", "MACs", "steps", "12.35", "71.8k", "24k"):
        assert word in text


def test_a_narrow_terminal_leaves_columns_out_and_says_which(board):
    text = shown(board, 60)
    assert "No room for 6 columns: --format md." in text
    everything = " ".join(shown(board, 60, notes=True).split())
    assert "Not shown for lack of room: steps, train MACs, step ms, worst task" in everything
    assert "…" not in text
    squeezed = re.sub(r"\s", "", text)
    assert "single-task" in squeezed


def statistics(board: Leaderboard) -> list[str]:
    """The means of the primary metrics as they should stand in the table."""
    cells = []
    for row in board.rows:
        for task, metrics in row.tasks.items():
            stat, info = metrics[board.primary(task)], board.metrics[task][board.primary(task)]
            scale, digits = (100, 1) if info.percent else (1, 3)
            cells.append(f"{stat.mean * scale:.{digits}f}")
    return cells


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_no_number_is_cut_off_however_long_the_name_or_narrow_the_terminal(store, width):
    method = "hps:backbone=a_very_long_timm_model_name.with_a_tag+uncertainty:init=0.123456"
    put(store, *single(0), *single(1), record(method, 0), record(method, 1, scaled(1.03)))
    board = build(store)
    text = shown(board, width)
    assert "…" not in text.split("\n\n")[0]
    for cell in statistics(board):
        assert re.search(rf"(?<!\S){re.escape(cell)}(±[\d.]+)?(?!\S)", text), cell
    squeezed = re.sub(r"\s", "", text)
    assert "single-task" in squeezed


def test_a_long_name_is_broken_where_its_parts_end(store):
    method = "ati-net:variant=as-released,backbone.width=0.25+dwa"
    put(store, *single(0), *single(1), record(method, 0), record(method, 1, scaled(1.03)))
    lines = [line.split()[0] for line in shown(build(store), 80).splitlines() if line.strip()]
    start = next(n for n, line in enumerate(lines) if line.startswith("ati-net:"))
    pieces = lines[start : start + 2]
    assert "".join(pieces) == method
    assert pieces[0][-1] in ":,+-", pieces


def test_no_number_is_cut_off_however_many_tasks_there_are(store):
    entries = {f"part-{n}": TRIO.tasks["parts"] for n in range(9)}
    protocol = msgspec.structs.replace(TRIO, tasks=entries)
    infos = dict.fromkeys(entries, METRICS["parts"])
    for seed in (0, 1):
        scores = {task: {"miou": 0.5 + seed / 90 + n / 70} for n, task in enumerate(entries)}
        made = record("hps+equal", seed, scores, protocol=protocol, metrics=infos)
        put(store, made)
    board = build_leaderboard(protocol, store)
    text = shown(board, 80)
    assert "…" not in text
    for cell in statistics(board):
        assert re.search(rf"(?<!\S){re.escape(cell)}(±[\d.]+)?(?!\S)", text), cell


def test_a_tables_files_are_written_in_all_formats(board, tmp_path):
    paths = write_leaderboard(board, tmp_path / "leaderboards")
    assert [path.name for path in paths] == ["trio@2.md", "trio@2.csv", "trio@2.json"]
    assert [path.read_text() for path in paths] == [
        to_markdown(board),
        to_csv(board),
        to_json(board.from_records("..")),
    ]
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="Cannot write"):
        write_leaderboard(board, tmp_path / "file")


def test_the_same_records_give_the_same_bytes(board, store):
    again = build(store)
    for write in (to_markdown, to_csv, to_json):
        assert write(again) == write(board)


def test_human_numbers_are_those_a_person_expects():
    expected = {
        0: "0", 7: "7", 999: "999", 1000: "1k", 1234: "1.23k", 23_900: "23.9k",
        999_400: "999k", 1_200_000: "1.2M", 4_100_000_000: "4.1G", 41_000_000_000: "41G",
    }  # fmt: skip
    assert {number: human(number) for number in expected} == expected
    assert human(None) == DASH


@given(st.integers(0, 10**14))
@example(999_500)
@example(999_950)
@example(999_999_999)
def test_human_numbers_are_short_and_right_to_three_digits(number):
    text = human(number)
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([kMGT]?)", text)
    assert found, text
    value = float(found[1]) * {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}[found[2]]
    assert value == pytest.approx(number, rel=0.005, abs=0.5)
    assert number >= 1e12 or len(text) <= 5
    assert number >= 1e12 or float(found[1]) < 1000


@given(st.integers(0, 10**13), st.integers(0, 10**13))
def test_human_numbers_keep_their_order(one, other):
    def value(text: str) -> float:
        units = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
        return float(text.rstrip("kMGT")) * units.get(text[-1], 1)

    low, high = sorted((one, other))
    assert value(human(low)) <= value(human(high))
