"""What a table says of sources: how many methods another one made, and how that was found."""

import msgspec
import pytest

from benchbed.records.record import seal
from benchbed.records.source_links import (
    RECORD,
    link_by_bits,
    link_by_meaning,
    sources_of,
    write_source_link,
)
from benchbed.records.store import Store
from benchbed.report.leaderboard import build_leaderboard
from tests.fakes import TRIO, put, record, single


def later(item, source="new"):
    components = [msgspec.structs.replace(c, source=source) for c in item.components]
    return seal(msgspec.structs.replace(item, content="", components=components))


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    for seed in range(3):
        put(store, record(seed=seed), *single(seed))
    return store


def notes_of(store):
    return [note for note in build_leaderboard(TRIO, store).notes if "source was changed" in note]


def test_nothing_is_said_where_nothing_is_known(store):
    assert notes_of(store) == []


def test_methods_are_counted_by_what_was_found(store):
    first = record()
    write_source_link(store, link_by_bits(first, later(first), RECORD))
    (note,) = notes_of(store)
    assert "gave the same bits when a seed was made again (1 method)" in note
    for task in single():
        present = sources_of(later(task).components)
        write_source_link(store, link_by_meaning(task, present, "0" * 40))
    (note,) = notes_of(store)
    assert "means the same (1 method), or gave the same bits" in note


def test_a_link_to_the_records_source_says_nothing_of_it(store):
    first = record()
    write_source_link(store, link_by_bits(later(first, "older"), first, RECORD))
    assert notes_of(store) == []
