"""Records that differ in any part of the run key but the seed share no statistic.

Each case takes a table of ours and puts records beside it that differ in one part alone, with other
scores. What was there before keeps every digit; what is new is a row of its own or left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from benchbed.basics.errors import BenchbedError
from benchbed.discovery.catalogue import find_protocol
from benchbed.execution.plan import Settings, make_plan
from benchbed.records.imports import note_import
from benchbed.records.record import ENGINE, MetricInfo, Record, seal
from benchbed.records.store import Store
from benchbed.report.formats.files import FORMATS
from benchbed.report.leaderboard import Leaderboard, build_leaderboard
from benchbed.report.row import Row
from benchbed.report.table.build import caption
from benchbed.report.with_plugins import leaderboard_of
from tests import fakes
from tests.fakes import TRIO, put, record, scaled, single, with_key

WEIGHTS = "a" * 64
LATE = "2029-01-01T00:00:00Z"
OLD_PROTOCOL = msgspec.structs.replace(TRIO, epochs=TRIO.epochs + 1)


def other_component(kind: str, place: int = 0, **changes: object) -> Callable[[Record], Record]:
    """Change one component of a kind."""

    def change(item: Record) -> Record:
        components = list(item.components)
        places = [n for n, part in enumerate(components) if part.kind == kind]
        if not places:
            return item
        at = places[min(place, len(places) - 1)]
        components[at] = msgspec.structs.replace(components[at], **changes)
        return with_key(item, components=components)

    return change


def another_transform(item: Record) -> Record:
    extra = fakes.components("x", ())[0]
    transform = msgspec.structs.replace(extra, kind="transform", id="mirror")
    return with_key(item, components=[*item.components, transform])


PARTS: dict[str, Callable[[Record], Record]] = {
    "pretrained weights": lambda item: with_key(item, pretrained=WEIGHTS),
    "protocol": lambda item: with_key(item, protocol_digest=OLD_PROTOCOL.digest),
    "older engine": lambda item: with_key(item, engine=ENGINE - 1),
    "newer engine": lambda item: with_key(item, engine=ENGINE + 1),
    "data": lambda item: with_key(item, data_digest="data 2"),
    "version of the architecture": other_component("architecture", version="0.9"),
    "options of the architecture": other_component("architecture", options={"width": 1}),
    "version of the backbone": other_component("backbone", version="0.9"),
    "options of the backbone": other_component("backbone", options={"width": 1}),
    "backbone": other_component("backbone", id="another"),
    "version of the weighting": other_component("weighting", version="0.9"),
    "options of the weighting": other_component("weighting", options={"alpha": 0.1}),
    "version of the data set": other_component("dataset", version="0.9"),
    "options of the data set": other_component("dataset", options={"size": 8}),
    "version of the first task": other_component("task", version="0.9"),
    "version of the last task": other_component("task", 2, version="0.9"),
    "options of a task": other_component("task", options={"alpha": 0.1}),
    "a transform": another_transform,
    "a component of a kind that nobody knows": lambda item: with_key(
        item,
        components=[*item.components, msgspec.structs.replace(item.components[0], kind="alien")],
    ),
}
"""What enters a run key, but the seed and the tasks; each gives a record that differs in it."""


def ours() -> list[Record]:
    found: list[Record] = []
    for seed in (0, 1, 2):
        found += single(seed, scaled(1.0 + seed / 100))
        found.append(record("hps+equal", seed, scaled(1.1 + seed / 50), parameters=700))
    return [seal(item) for item in found]


def theirs() -> list[Record]:
    """Records of the same methods, with scores that would show in any mean."""
    found: list[Record] = []
    for seed in (0, 1, 2, 9):
        found += single(seed, scaled(0.1), finished=LATE)
        found.append(record("hps+equal", seed, scaled(0.2), parameters=9, finished=LATE))
    return [seal(item) for item in found]


@dataclass
class Table:
    """A results folder with our records, and the table of them."""

    store: Store
    before: Leaderboard

    def after(self) -> Leaderboard:
        return build_leaderboard(TRIO, self.store)


@pytest.fixture
def table(tmp_path: Path) -> Table:
    store = Store(tmp_path)
    put(store, *ours())
    return Table(store, build_leaderboard(TRIO, store))


def unmarked(board: Leaderboard) -> list[Row]:
    return [row for row in board.rows if not row.pretrained]


def changed(part: str) -> list[Record]:
    """Their records with one part changed; those that have no such part are left out."""
    found: list[Record] = []
    for item in theirs():
        other = PARTS[part](item)
        if other.key != item.key:
            found.append(other)
    return found


# Others' records --------------------------------------------------------------------------------


@pytest.mark.parametrize("part", PARTS)
def test_imported_records_that_differ_in_one_part_move_no_digit_of_ours(table, part):
    for item in changed(part):
        note_import(table.store, item)
        put(table.store, item)
    after = table.after()
    assert unmarked(after) == list(table.before.rows)
    marked = {row.name for row in after.rows if row.pretrained}
    if part == "pretrained weights":
        assert marked == {"hps+equal from aaaaaaaa", "single-task from aaaaaaaa"}
    else:
        assert not marked
        assert any("eft out" in note for note in after.notes)


@examples(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(parts=st.lists(st.sampled_from(list(PARTS)), min_size=1, max_size=4, unique=True))
def test_no_mixture_of_imported_records_moves_a_digit_of_ours(tmp_path_factory, parts):
    store = Store(tmp_path_factory.mktemp("mixed"))
    put(store, *ours())
    before = build_leaderboard(TRIO, store)
    for item in theirs():
        other = item
        for part in parts:
            other = PARTS[part](other)
        if other.key != item.key:
            note_import(store, other)
            put(store, other)
    assert unmarked(build_leaderboard(TRIO, store)) == list(before.rows)


def test_another_role_of_a_metric_is_left_out_too(table):
    flipped = {
        task: {
            name: MetricInfo(not info.higher_is_better, info.primary)
            for name, info in infos.items()
        }
        for task, infos in fakes.METRICS.items()
    }
    for seed in (3, 4, 5, 6, 7, 8, 9):
        item = seal(record("hps+equal", seed, scaled(0.2), metrics=flipped, finished=LATE))
        note_import(table.store, item)
        put(table.store, item)
    assert unmarked(table.after()) == list(table.before.rows)


def test_a_run_of_all_tasks_does_not_join_the_runs_of_one_each(table):
    whole = seal(record("single-task", 0, scaled(0.1), finished=LATE))
    note_import(table.store, whole)
    put(table.store, whole)
    after = table.after()
    assert after.rows == table.before.rows
    note = "1 record made with runs of all tasks (this row's: one task)"
    assert f"single-task: left out {note}." in after.notes


def test_only_imported_records_make_a_table_of_their_own(tmp_path):
    store = Store(tmp_path)
    for item in ours():
        note_import(store, item)
        put(store, item)
    assert [row.seeds for row in build_leaderboard(TRIO, store).rows] == [(0, 1, 2), (0, 1, 2)]


def test_a_record_made_here_in_place_of_an_imported_one_is_ours(table):
    older = [PARTS["version of the weighting"](item) for item in ours() if len(item.tasks) > 1]
    for item in ours():
        note_import(table.store, msgspec.structs.replace(item, content="b" * 64))
    for item in older:
        note_import(table.store, item)
        put(table.store, item)
    assert table.after().rows == table.before.rows


# Our own records --------------------------------------------------------------------------------

VERSIONS = [part for part in PARTS if part.startswith("version")]


@pytest.mark.parametrize("part", [*VERSIONS, "older engine", "protocol"])
def test_our_own_records_of_older_versions_are_left_out(table, part):
    put(table.store, *changed(part))
    after = table.after()
    assert after.rows == table.before.rows
    assert any("eft out" in note for note in after.notes)


def test_of_our_own_records_those_count_that_the_installed_plugins_would_make(registry, tmp_path):
    """Neither the newest ones, nor the most, nor those of the highest version."""
    digits = find_protocol("digits", registry)
    plan = make_plan(digits, ["hps+dwa"], registry, Settings(tmp_path), [0, 1])
    fakes.fill(plan, tmp_path)
    before = leaderboard_of(digits, registry, tmp_path)
    store = Store(tmp_path)
    for kind in ("weighting", "architecture", "dataset", "task", "transform"):
        newer = other_component(kind, version="99.0")
        for seed in range(5):
            for run in make_plan(digits, ["hps+dwa"], registry, Settings(tmp_path), [seed]).runs:
                made = fakes.record_of_job(run.job, 0.1, finished=LATE)
                item = newer(made)
                if item.key != made.key:
                    store.write("runs", run.job.place, item)
    after = leaderboard_of(digits, registry, tmp_path)
    assert after.rows == before.rows


def test_several_states_of_the_data_are_told_apart_by_the_data_that_is_there(registry, tmp_path):
    digits = find_protocol("digits", registry)
    plan = make_plan(digits, ["hps+dwa"], registry, Settings(tmp_path), [0])
    fakes.fill(plan, tmp_path)
    before = leaderboard_of(digits, registry, tmp_path)
    for run in plan.runs:
        other = with_key(fakes.record_of_job(run.job, 0.1, finished=LATE), data_digest="c" * 64)
        Store(tmp_path).write("runs", run.job.place, other)
    assert leaderboard_of(digits, registry, tmp_path).rows == before.rows


def test_several_states_of_data_that_is_not_there_make_no_table(table):
    put(table.store, *changed("data"))
    with pytest.raises(BenchbedError) as caught:
        table.after()
    assert str(caught.value) == (
        "The records of trio@2 were made from several states of the data set 'scenes', which no "
        "table may mix: data 1 (12 records), data 2 (16 records). Say which one is meant by its "
        "folder (--data-root), or move the records of the others away."
    )


# What a run began with --------------------------------------------------------------------------


def pretrained(seeds: tuple[int, ...] = (0,), factor: float = 2.0) -> list[Record]:
    found: list[Record] = []
    for seed in seeds:
        found += single(seed, scaled(factor), parameters=500)
        found.append(record("hps+equal", seed, scaled(factor * 1.25), parameters=700))
    return [with_key(item, pretrained=WEIGHTS) for item in found]


def test_runs_that_began_with_weights_have_rows_and_a_baseline_of_their_own(table):
    put(table.store, *pretrained())
    board = table.after()
    rows = {row.name: row for row in board.rows}
    marked = rows["hps+equal from aaaaaaaa"]
    assert (marked.method, marked.seeds, marked.missing) == ("hps+equal", (0,), 0)
    assert marked.reference == "single-task from aaaaaaaa"
    assert marked.tasks["parts"]["miou"].mean == pytest.approx(1.0)
    # seg and parts 25 % better, depth's error 25 % higher
    assert marked.delta_m.mean == pytest.approx(25 / 3)
    assert (marked.costs.parameters.total, marked.samples) == (700, 90)
    assert rows["single-task from aaaaaaaa"].costs.parameters.total == 1500
    assert rows["single-task"].costs == table.before.rows[0].costs
    assert f"from aaaaaaaa: runs that began with the weights of SHA-256 {WEIGHTS}" in str(
        board.notes
    )


def test_a_marked_row_is_compared_with_a_baseline_from_scratch_if_asked(table):
    put(table.store, *pretrained())
    board = build_leaderboard(TRIO, table.store, reference="single-task")
    marked = {row.name: row for row in board.rows}["hps+equal from aaaaaaaa"]
    assert marked.reference == "single-task"
    assert {row.reference for row in board.rows} == {"single-task"}


def test_the_beginning_of_the_digest_names_a_marked_row(table):
    put(table.store, *pretrained())
    for name in ("single-task from aaaaaaaa", f"single-task from {WEIGHTS}"):
        board = build_leaderboard(TRIO, table.store, reference=name)
        assert board.reference == board.baseline == "single-task from aaaaaaaa"
    with pytest.raises(BenchbedError, match="there are no records of it; there are"):
        build_leaderboard(TRIO, table.store, reference="single-task from bbbbbbbb")


def test_without_a_baseline_that_began_with_the_same_there_is_no_delta_m(table):
    put(table.store, *[item for item in pretrained() if len(item.tasks) > 1])
    marked = {row.name: row for row in table.after().rows}["hps+equal from aaaaaaaa"]
    assert marked.delta_m is None
    assert marked.delta_note.startswith("no complete seed of single-task from aaaaaaaa")


def test_a_failure_counts_for_the_row_that_it_is_of(table):
    put(table.store, *pretrained((0,)))
    failed = msgspec.structs.replace(fakes.failure("hps+equal", 1), pretrained=WEIGHTS)
    put(table.store, failed)
    rows = {row.name: row for row in table.after().rows}
    assert rows["hps+equal from aaaaaaaa"].failed == 1
    assert rows["hps+equal"].failed == 0


def test_a_failure_from_scratch_is_written_as_it_always_was():
    assert b"pretrained" not in msgspec.json.encode(fakes.failure())


def test_every_format_holds_both_rows(table):
    put(table.store, *pretrained())
    board = table.after()
    for write in FORMATS.values():
        assert "hps+equal from aaaaaaaa" in write(board)


def test_marked_rows_are_ranked_among_themselves(table):
    put(table.store, *pretrained((0, 1, 2)))
    board = table.after()
    assert set(board.ranks()) == {"single-task", "hps+equal"}
    assert "so not ranked with the others" in str(caption(board))


def test_what_only_records_that_are_left_out_have_decides_nothing(table):
    """Imported ones of an invented task, of two versions, that another part leaves out already."""
    for version in ("1.0", "2.0"):
        made = record("hps+other", 0)
        parts = [*made.components]
        extra = msgspec.structs.replace(parts[-2], version=version)
        parts.insert(len(parts) - 1, extra)
        parts[-1] = msgspec.structs.replace(parts[-1], version="0.1")
        item = with_key(made, components=parts)
        note_import(table.store, item)
        put(table.store, item)
    assert table.after().rows == table.before.rows


def reordered(item: Record) -> Record:
    """The same components in another order, which gives another run key."""
    return with_key(item, components=[item.components[-1], *item.components[:-1]])


def test_components_in_another_order_take_no_seed_away(table):
    """Their run keys differ, and nothing else that counts."""
    for item in [*map(reordered, theirs()), *map(reordered, ours())]:
        note_import(table.store, item)
        put(table.store, item)
    after = table.after()
    mine = {row.name: row for row in table.before.rows}
    for row in after.rows:
        for seed in (0, 1, 2):
            assert seed in row.seeds
        assert row.standing.runs.keys() >= mine[row.name].standing.runs.keys()
        assert row.standing.runs[0] == mine[row.name].standing.runs[0] or 9 in row.seeds
    assert any("of a seed and task that there is already" in note for note in after.notes)


def test_components_in_another_order_move_no_digit_of_ours(table):
    for item in [reordered(item) for item in theirs() if item.seed != 9]:
        note_import(table.store, item)
        put(table.store, item)
    assert table.after().rows == table.before.rows


def test_no_imported_row_becomes_the_reference_of_ours(tmp_path):
    store = Store(tmp_path)
    for seed in (0, 1):
        for task in TRIO.tasks:
            mine = record("single-task:backbone=mlp", seed, tasks=[task], backbone="mlp")
            forged = record("single-task:a=1", seed, scaled(9.0), tasks=[task], backbone="mlp")
            forged = with_key(
                forged, data_digest=mine.data_digest, components=mine.components[::-1]
            )
            put(store, seal(mine))
            note_import(store, forged)
            put(store, forged)
        put(store, record("hps:backbone=mlp+equal", seed, scaled(1.1), backbone="mlp"))
    rows = {row.name: row for row in build_leaderboard(TRIO, store).rows}
    assert rows["hps:backbone=mlp+equal"].reference == "single-task:backbone=mlp"


def test_imported_seeds_leave_no_gap_in_our_rows(table):
    item = seal(record("hps+other", 999))
    note_import(table.store, item)
    put(table.store, item)
    rows = {row.name: row for row in table.after().rows}
    assert [rows[name].missing for name in ("single-task", "hps+equal")] == [0, 0]
