"""Printed rows beside own ones: what is ranked, what differs, what is left open."""

from __future__ import annotations

import msgspec
import pytest

from benchbed.contracts.protocol import Schedule, Selection
from benchbed.published.compare import BANNER, compare
from benchbed.published.own_protocol import metrics_of, statement_of
from benchbed.published.render import comparison_notes
from benchbed.published.table import read_table
from benchbed.records.store import Store
from benchbed.report.leaderboard import build_leaderboard
from tests.fakes import TRIO, put, record, scaled, single, with_key
from tests.published.conftest import PAPER

COLUMNS = """
[columns."seg/miou"]
better = "higher"
primary = true
[columns."seg/acc"]
better = "higher"
[columns."depth/abs"]
better = "lower"
primary = true
[columns."depth/rel"]
better = "lower"
[columns."parts/miou"]
better = "higher"

[protocol]
train = "train"
scored_on = "test"
input = "8x8"
pretraining = "none"
optimizer = "adam"
lr = 0.01
weight_decay = 0.0
schedule = "constant"
epochs = 3
batch_size = 8
augmentation = "none"
selection = "last epoch"
seeds = 2
baseline = "single-task"
"""
SAME = (
    PAPER.partition("[columns")[0].replace('"worse"', '"better"')
    + COLUMNS
    + "[tables.1]"
    + PAPER.partition("[tables.1]")[2].replace("rooms", "scenes")
)
"""A paper whose protocol is that of the toy leaderboard."""
ROWS = """key,system,backbone,baseline,seg/miou,seg/acc,depth/abs,depth/rel,parts/miou,delta_m
single,single,conv-small,,50.0,80.0,0.200,0.100,40.0,0
good,good net,conv-small,single,55.0,80.0,0.200,0.100,40.0,3.33
bad,bad net,conv-small,single,50.0,80.0,0.400,0.100,40.0,-33.33
"""


@pytest.fixture
def store(tmp_path):
    found = Store(tmp_path / "results")
    put(found, *single(0), *single(1))
    for seed in (0, 1):
        put(found, record("hps+equal", seed, scaled(1.02)), record("hps+dwa", seed, scaled(1.3)))
    return found


def together(library, store, path, definition=None, **options):
    library.add(table := read_table(path))
    board = build_leaderboard(TRIO, store, definition=definition)
    ours = statement_of(TRIO, metrics=metrics_of(board), input_size="8x8", pretrained=False)
    return compare(library, table, board, ours, **options)


def by_name(comparison):
    return {entry.name.partition(",")[0]: entry for entry in comparison.entries}


def test_rows_of_the_same_protocol_are_ranked_together(library, store, write):
    found = together(library, store, write(ROWS, SAME))
    assert found.banner == ""
    ranks = {name: entry.rank for name, entry in by_name(found).items()}
    # by hand: dwa (30 - 30 + 30)/3 = 10, good 10/3, equal 2/3, bad -100/3
    assert ranks == {
        "hps+dwa": 1, "good net": 2, "hps+equal": 3, "bad net": 4,
        "single-task": None, "single": None,
    }  # fmt: skip
    assert by_name(found)["good net"].delta_m == pytest.approx(10 / 3)
    assert comparison_notes(found)[2:] == []


def test_all_rows_have_delta_m_by_the_definition_asked_for(library, store, write):
    entries = by_name(together(library, store, write(ROWS, SAME), "flat"))
    assert entries["good net"].delta_m == pytest.approx(10 / 5)
    assert entries["bad net"].delta_m == pytest.approx(-100 / 5)
    assert entries["hps+equal"].delta_m == pytest.approx((2 + 2 - 2 - 2 + 2) / 5)


def test_a_tier_tells_claimed_rows_from_reproduced_ones(library, store, write):
    entries = by_name(together(library, store, write(ROWS, SAME)))
    assert entries["good net"].tier == "claimed"
    assert entries["hps+equal"].tier == "reproduced"


@pytest.mark.parametrize(
    ("old", "new", "name", "values"),
    [
        ("lr = 0.01", "lr = 0.02", "lr", (0.02, 0.01)),
        ('"adam"', '"sgd"', "optimizer", ("sgd", "adam")),
        ("epochs = 3", "epochs = 60", "epochs", (60, 3)),
        ("batch_size = 8", "batch_size = 4", "batch_size", (4, 8)),
        ('"scenes"', '"rooms"', "dataset", ("rooms", "scenes")),
        ('input = "8x8"', 'input = "9x9"', "input", ("9x9", "8x8")),
        ('pretraining = "none"', 'pretraining = "ImageNet"', "pretraining", ("ImageNet", "none")),
        ('"last epoch"', '"best"', "selection", ("best", "last epoch")),
        ("seeds = 2", "seeds = 1", "seeds", (1, 2)),
    ],
)
def test_a_field_that_differs_is_named_and_forbids_ranking(
    library, store, write, old, new, name, values
):
    assert old in SAME
    found = together(library, store, write(ROWS, SAME.replace(old, new)))
    printed = by_name(found)["good net"]
    assert dict(printed.differs) == {name: values}
    assert (printed.rank, printed.left_open, printed.comparable) == (None, (), False)
    assert [e.rank for e in found.entries if e.tier == "reproduced"] == [1, 2, None]
    assert any(f"{name} {values[0]} (ours {values[1]})" in n for n in comparison_notes(found))


@pytest.mark.parametrize("name", ["lr", "seeds", "epochs", "input", "selection", "augmentation"])
def test_a_field_that_the_paper_leaves_open_forbids_ranking(library, store, write, name):
    lines = [line for line in SAME.splitlines() if not line.startswith(f"{name} =")]
    assert len(lines) == len(SAME.splitlines()) - 1
    found = together(library, store, write(ROWS, "\n".join(lines)))
    printed = by_name(found)["good net"]
    assert (printed.left_open, printed.rank, dict(printed.differs)) == ((name,), None, {})
    assert f"  left open by the paper: {name}" in comparison_notes(found)


def test_a_row_with_another_backbone_differs_alone(library, store, write):
    more = (
        "single,single,mlp,,50.0,80.0,0.200,0.100,40.0,0\n"
        "mlp,mlp net,mlp,single,60.0,80.0,0.200,0.100,40.0,6.67\n"
    )
    entries = by_name(together(library, store, write(ROWS + more, SAME)))
    assert dict(entries["mlp net"].differs) == {"backbone": ("mlp", "conv-small")}
    assert entries["mlp net"].rank is None
    assert entries["good net"].rank == 2


def test_other_metrics_are_a_difference(library, store, write):
    rows = "\n".join(",".join(line.split(",")[:-2]) for line in ROWS.splitlines()) + "\n"
    printed = by_name(together(library, store, write(rows, SAME)))["good net"]
    assert dict(printed.differs) == {
        "metrics": ("depth/abs, seg/miou", "depth/abs, parts/miou, seg/miou")
    }


def test_anyway_ranks_everything_under_a_banner(library, store, write):
    path = write(ROWS, SAME.replace("lr = 0.01", "lr = 0.02"))
    found = together(library, store, path, anyway=True)
    assert found.banner == BANNER
    assert [entry.rank for entry in found.entries] == [1, 2, 3, 4, None, None]
    deltas = [entry.delta_m for entry in found.entries[:4]]
    assert deltas == sorted(deltas, reverse=True)
    assert by_name(found)["good net"].differs


def test_anyway_needs_no_banner_where_everything_is_comparable(library, store, write):
    assert together(library, store, write(ROWS, SAME), anyway=True).banner == ""


def test_a_row_whose_cells_are_lost_has_its_printed_delta_m_under_the_same_definition(
    library, store, write
):
    rows = ROWS.replace("55.0", "MISSING")
    entry = by_name(together(library, store, write(rows, SAME)))["good net"]
    assert (entry.delta_m, entry.note) == (3.33, "as printed")


def test_under_another_definition_it_has_none(library, store, write):
    rows = ROWS.replace("55.0", "MISSING")
    entry = by_name(together(library, store, write(rows, SAME), "flat"))["good net"]
    assert (entry.delta_m, entry.rank) == (None, None)
    assert "lacks seg/miou" in entry.note


def test_every_first_party_table_can_be_put_beside_own_rows(library, store):
    board = build_leaderboard(TRIO, store)
    ours = statement_of(TRIO, metrics=metrics_of(board), input_size=None, pretrained=True)
    for table in library.tables.values():
        found = compare(library, table, board, ours)
        printed = [entry for entry in found.entries if entry.tier == "claimed"]
        assert len(printed) == len(table.rows)
        assert all(entry.rank is None and not entry.comparable for entry in printed)


def test_the_urban_paper_leaves_open_what_it_does_not_state(library, store):
    board = build_leaderboard(TRIO, store)
    ours = statement_of(TRIO, metrics="", input_size=None, pretrained=False)
    found = compare(library, library.table("urban-road-1"), board, ours)
    assert found.entries[-1].left_open == (
        "scored_on", "input", "weight_decay", "epochs", "augmentation", "selection", "seeds"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        (Schedule(), "constant"),
        (Schedule("step", step_epochs=100, gamma=0.5), "step, x0.5 every 100 epochs"),
        (Schedule("poly"), "poly, power 0.9, per epoch"),
        (Schedule("cosine", per="step"), "cosine, per step"),
        (
            Schedule("cosine-restarts", per="step", restart_epochs=80, warmup=[(0, 0.1), (11, 1)]),
            "cosine restarts, every 80 epochs, per step, with warm-up",
        ),
    ],
)
def test_our_schedules_are_put_in_the_words_of_the_papers(schedule, text):
    protocol = msgspec.structs.replace(TRIO, schedule=schedule)
    ours = statement_of(protocol, metrics="", input_size=None, pretrained=False)
    assert ours.schedule == text


def test_our_protocol_is_stated_in_full():
    protocol = msgspec.structs.replace(
        TRIO, accumulate=4, selection=Selection("mean-of-last-k", k=3)
    )
    ours = statement_of(protocol, metrics="m", input_size="8x8", pretrained=True)
    assert None not in ours.fields().values()
    assert (ours.batch_size, ours.seeds) == (32, 2)
    assert ours.selection == "mean of the last 3 epochs"
    assert ours.pretraining == "given weights"


def test_own_rows_that_began_with_given_weights_are_not_ranked_with_those_from_scratch(
    library, store, write
):
    weights = "a" * 64
    for item in (*single(0), record("hps+mgda", 0, scaled(1.5))):
        put(store, with_key(item, pretrained=weights))
    found = by_name(together(library, store, write(ROWS, SAME)))
    marked = found["hps+mgda from aaaaaaaa"]
    assert dict(marked.differs) == {"pretraining": ("given weights", "none")}
    assert marked.rank is None
    assert found["hps+dwa"].rank == 1
