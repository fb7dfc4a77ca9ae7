"""The table model: what a column, a cell and a table say, whatever format writes them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbed.records.store import Store
from benchbed.report.leaderboard import Leaderboard, build_leaderboard
from benchbed.report.row import Row, Stat
from benchbed.report.statistics.intervals import interval
from benchbed.report.table.build import table_of
from benchbed.report.table.column import ALWAYS, Column
from benchbed.report.table.groups import GROUPS, SIZE
from benchbed.report.table.kinds import decimal, statistic
from benchbed.report.table.model import Table
from benchbed.report.table.numbers import Decimals
from tests.fakes import SCORES, TRIO, failure, measurement, put, record, scaled, single


@pytest.fixture
def board(tmp_path) -> Leaderboard:
    """A reference, two methods with three seeds, one of which failed, one that never ran."""
    store = Store(tmp_path / "results")
    for seed in range(3):
        put(store, *single(seed, scaled(1 + seed / 100), parameters=500))
        put(store, record("hps+equal", seed, scaled(1.02 + seed / 90), parameters=2000))
        put(store, record("hps+dwa", seed, scaled(1.05 + seed / 70), parameters=1500))
    put(store, failure("hps+mgda", 0), failure("hps+dwa", 3))
    put(store, measurement("hps+equal", 3.0), measurement("hps+dwa", 2.0))
    return build_leaderboard(TRIO, store)


@pytest.fixture
def table(board) -> Table:
    return table_of(board)


def column_of(table: Table, name: str) -> Column:
    return next(column for column in table.columns if column.id == name)


def texts(table: Table, name: str) -> dict[str, str | None]:
    cells = table.cells(column_of(table, name))
    shown = [None if cell.shown is None else str(cell.shown) for cell in cells]
    return {row.method: text for row, text in zip(table.rows, shown, strict=True)}


def places(table: Table, name: str) -> dict[str, int]:
    cells = table.cells(column_of(table, name))
    return {row.method: cell.place for row, cell in zip(table.rows, cells, strict=True)}


# All columns ------------------------------------------------------------------------------------


@pytest.fixture
def tables(table, committed) -> list[Table]:
    return [table, *map(table_of, committed.values())]


def test_no_two_columns_share_an_id_a_field_or_a_place_in_json(tables):
    for table in tables:
        names = [column.id for column in table.columns]
        fields = [field for column in table.columns for field in column.fields]
        paths = [column.path for column in table.columns if column.kind.plain is not None]
        assert len(set(names)) == len(names)
        assert len(set(fields)) == len(fields)
        assert len(set(paths)) == len(paths)


def test_the_first_column_has_the_methods_names(tables):
    for table in tables:
        cells = table.cells(table.columns[0])
        assert [str(cell.shown) for cell in cells] == [row.method for row in table.rows]
        assert table.columns[0] == table.main[0]


def test_every_group_is_one_of_those_that_have_an_order(tables):
    assert {column.group for table in tables for column in table.columns} <= set(GROUPS)


def test_every_note_of_a_column_stands_below_the_table_once(tables):
    for table in tables:
        for column in table.columns:
            for note in column.notes:
                assert table.caption.count(note) == 1


def test_the_best_of_a_column_comes_first_when_it_is_sorted_as_its_direction_says(tables):
    for table in tables:
        for column in table.columns:
            cells = table.cells(column)
            compared = [cell for cell in cells if cell.value is not None]
            if column.direction and compared:
                higher = column.direction == "higher"
                ordered = sorted(compared, key=lambda cell: cell.sort, reverse=higher)
                assert ordered[0].place == 1, column.id
                found = [cell.place or 3 for cell in ordered]
                assert found == sorted(found), column.id
            else:
                assert {cell.place for cell in cells} <= {0}, column.id


def test_a_column_sorts_by_numbers_alone_or_by_texts_alone(tables):
    for table in tables:
        for column in table.columns:
            order = [cell.sort for cell in table.cells(column) if cell.sort is not None]
            assert len({isinstance(value, str) for value in order}) <= 1, column.id


def test_directions_are_those_that_a_reader_expects(table):
    directions = {column.id: column.direction for column in table.columns}
    assert {directions[name] for name in ("seg/miou", "delta_m", "worst_task")} == {"higher"}
    assert {directions[name] for name in ("depth/abs", "rank", "macs", "step_ms")} == {"lower"}
    assert {directions[name] for name in ("method", "seeds", "tier", "protocol")} == {""}


# Places -----------------------------------------------------------------------------------------


def made(values: list[float | None], direction: str) -> tuple[Table, Column]:
    """A table with one row a value, and the column that holds them."""
    names = [f"m{n}" for n in range(len(values))]
    held = dict(zip(names, values, strict=True))
    column = Column(
        id="x",
        group=SIZE,
        title="x",
        kind=decimal(1),
        value=lambda row: held[row.method],
        direction=direction,
    )
    rows = tuple(plain_row(name) for name in names)
    return Table((column,), rows, {}, None, (), ()), column


def plain_row(method: str) -> Row:
    nothing = dict.fromkeys(["costs", "step_ms", "optimizer_steps", "samples", "training_macs"])
    return Row(method, (0,), {}, None, "", "base", **nothing, failed=0, missing=0)


values_or_none = st.lists(st.none() | st.integers(-3, 3) | st.floats(-1, 1), max_size=8)


@given(values_or_none, st.sampled_from(["higher", "lower"]))
def test_one_is_the_best_and_two_the_next_best_and_equal_ones_share_a_place(values, direction):
    table, column = made(values, direction)
    ranked = sorted({v for v in values if v is not None}, reverse=direction == "higher")
    for cell in table.cells(column):
        if cell.value is None:
            assert (cell.place, cell.shown, cell.sort) == (0, None, None)
        else:
            assert cell.place == {0: 1, 1: 2}.get(ranked.index(cell.value), 0)


@given(values_or_none)
def test_a_column_without_a_direction_has_no_best(values):
    table, column = made(values, "")
    assert {cell.place for cell in table.cells(column)} <= {0}


def test_the_reference_is_not_compared_in_columns_against_it_and_sorts_as_zero(table):
    assert texts(table, "delta_m")["single-task"] == "reference"
    assert places(table, "delta_m")["single-task"] == 0
    assert places(table, "delta_m")["hps+dwa"] == 1
    reference = table.cells(column_of(table, "delta_m"))[0]
    assert (reference.value, reference.sort) == (None, 0.0)
    assert places(table, "parameters")["single-task"] == 1, "a cost is its own"


# What cells show --------------------------------------------------------------------------------


def test_a_statistic_is_shown_with_all_its_parts():
    values = [0.30, 0.32, 0.37]
    found = interval(values)
    stat = Stat(found.mean, found.std, found.n, found.low, found.high)
    shown = statistic(Decimals(1, scale=100.0)).show(stat)
    assert shown.main == "33.0"
    assert shown.std == f"{100 * found.std:.1f}"
    assert (shown.low, shown.high) == (f"{100 * found.low:.1f}", f"{100 * found.high:.1f}")
    assert shown.half == f"{50 * (found.high - found.low):.1f}"
    assert str(shown) == f"33.0±{shown.std}"
    with_interval = replace(shown, interval=True)
    assert str(with_interval) == f"33.0 [{shown.low}, {shown.high}]"


@pytest.mark.parametrize("interval", [True, False])
def test_a_statistic_of_one_seed_is_its_value_alone(interval):
    shown = statistic(Decimals(3), interval=interval).show(Stat(0.25, None, 1))
    assert (shown.std, shown.half, shown.low, shown.high) == ("", "", "", "")
    assert str(shown) == "0.250"


def test_what_failed_or_is_missing_is_a_mark_beside_the_number_of_seeds(table):
    cells = dict(zip(texts(table, "seeds"), table.cells(column_of(table, "seeds")), strict=True))
    assert (cells["single-task"].shown.main, cells["single-task"].shown.mark) == ("3", "")
    assert cells["hps+dwa"].shown.mark == "1 failed"
    assert cells["hps+mgda"].shown.mark == "1 failed, 2 missing"
    assert str(cells["hps+mgda"].shown) == "0, 1 failed, 2 missing"


def test_on_demand_columns_can_be_shown_too(table):
    assert texts(table, "seg/acc")["hps+equal"].startswith("82.")
    assert texts(table, "samples")["single-task"] == "270"
    assert texts(table, "tier")["hps+mgda"] is None
    assert texts(table, "seg gain")["single-task"] == "reference"
    assert texts(table, "seg gain")["hps+equal"].startswith("+")
    assert texts(table, "seed_numbers")["hps+dwa"] == "0, 1, 2"
    assert texts(table, "protocol")["hps+dwa"] == "trio@2"
    hidden = {column.id for column in table.columns} - {column.id for column in table.main}
    assert {"seg/acc", "samples", "tier", "seg gain", "seed_numbers", "protocol"} <= hidden


def test_headings_hold_unit_and_arrow_and_a_column_without_its_own_gets_title_and_unit(table):
    assert column_of(table, "seg/miou").lines == ("seg", "miou", "% ↑")
    assert column_of(table, "depth/abs").lines == ("depth", "abs", "↓")
    assert column_of(table, "step_ms").lines == ("step", "ms")
    assert column_of(table, "rank").lines == ("rank",)


def test_a_narrow_table_loses_costs_before_ranks_and_never_scores(table):
    optional = [column for column in table.main if 0 < column.priority < ALWAYS]
    by_priority = [column.id for column in sorted(optional, key=lambda column: column.priority)]
    assert by_priority == [
        "optimizer_steps",
        "training_macs",
        "step_ms",
        "worst_task",
        "tasks_improved",
        "rank",
    ]
    for always in ("delta_m", "parameters", "macs"):
        assert column_of(table, always).priority == ALWAYS


# Where it is from -------------------------------------------------------------------------------


def test_the_source_says_what_the_table_was_made_of(board, table):
    source = table.source
    assert (source.protocol, source.digest, source.epochs) == ("trio@2", TRIO.digest, 3)
    assert (source.definition, source.baseline) == ("primary", "single-task")
    assert source.reference is None
    assert not source.on_test
    titled = table_of(replace(board, definition="flat", reference="hps+dwa", records=".."))
    assert (titled.source.definition, titled.source.records) == ("flat", "..")
    assert titled.source.reference == "hps+dwa"


def test_gradients_stand_in_a_table_of_their_own_with_the_rows_that_have_them(board):
    assert table_of(board).apart() == []
    cosines = {"seg·depth": Stat(0.2, 0.1, 3)}
    rows = [replace(row, cosines=cosines if row.method == "hps+dwa" else {}) for row in board.rows]
    table = table_of(replace(board, rows=tuple(rows)))
    ((group, beside),) = table.apart()
    assert group.id == "gradients"
    assert [row.method for row in beside.rows] == ["hps+dwa"]
    assert [column.id for column in beside.columns] == ["method", "cosine seg·depth"]
    assert texts(beside, "cosine seg·depth") == {"hps+dwa": "+0.20±0.10"}
    assert not any(column.group == group for column in table.main)


def test_a_rank_spans_what_the_seeds_allow_and_sorts_by_its_best_end(tmp_path):
    store = Store(tmp_path / "ranks")
    # two whose seeds go up and down against each other, so that they cannot be told apart
    factors = {"hps+equal": (1.2, 0.02), "hps+dwa": (1.201, -0.02), "hps+mgda": (0.8, 0.02)}
    for seed in range(3):
        put(store, *single(seed, seg_times(1 + seed / 1000)))
        for method, (mean, step) in factors.items():
            put(store, record(method, seed, seg_times(mean + (seed - 1) * step)))
    table = table_of(build_leaderboard(TRIO, store))
    assert texts(table, "rank") == {
        "single-task": "3",
        "hps+dwa": "1–2",
        "hps+equal": "1–2",
        "hps+mgda": "4",
    }
    cells = table.cells(column_of(table, "rank"))
    assert [cell.sort for cell in cells] == [3, 1, 1, 4]


def seg_times(factor: float) -> dict[str, dict[str, float]]:
    """Scores of which only the segmentation is scaled, so that Δm moves with the factor."""
    return SCORES | {"seg": scaled(factor)["seg"]}


# Where it is from -------------------------------------------------------------------------------
