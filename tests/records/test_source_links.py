"""Links between sources that gave the same bits: how they join, and what they do not touch."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbed.records.family import family_key
from benchbed.records.record import seal
from benchbed.records.source_links import (
    RECORD,
    SourceLink,
    SourceLinks,
    changed_sources,
    link_by_bits,
    read_source_links,
    sources_of,
    write_source_link,
)
from benchbed.records.store import Store
from benchbed.records.verification import read_verified, tier_of
from tests.fakes import put, record

FIRST = seal(record())


def with_source(source: str, **changes):
    components = [msgspec.structs.replace(c, source=source) for c in FIRST.components]
    return seal(msgspec.structs.replace(FIRST, content="", components=components, **changes))


def link(before: str, after: str, family: str = "f") -> SourceLink:
    return SourceLink(
        schema="benchbed.source-link/1",
        key="0" * 32,
        family=family,
        protocol="p@1",
        method="m",
        tasks=["a"],
        seed=0,
        before={"weighting w": before},
        after={"weighting w": after},
        against=RECORD,
        environment={},
        finished="2026-01-01T00:00:00Z",
    )


def way(links, before, after, family="f"):
    return SourceLinks(links).between(family, {"weighting w": before}, {"weighting w": after})


def test_a_link_holds_both_ways():
    assert way([link("1", "2")], "1", "2")
    assert way([link("1", "2")], "2", "1")


def test_a_link_holds_for_its_family_alone():
    assert not way([link("1", "2")], "1", "2", family="g")


def test_links_join():
    found = way([link("1", "2"), link("3", "2")], "1", "3")
    assert [one.after for one in found] == [{"weighting w": "2"}, {"weighting w": "2"}]


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=12))
def test_sources_are_linked_where_a_graph_of_the_links_joins_them(pairs):
    reached = {number: {number} for number in range(8)}
    for _ in range(8):
        for one, two in pairs:
            union = reached[one] | reached[two]
            for number in union:
                reached[number] = reached[number] | union
    links = [link(str(one), str(two)) for one, two in pairs]
    for one in range(8):
        for two in range(8):
            if one != two:
                assert bool(way(links, str(one), str(two))) == (two in reached[one])


def test_a_component_that_a_link_does_not_name_is_not_linked():
    links = SourceLinks([link("1", "2")])
    before = {"weighting w": "1", "task t": "x"}
    assert not links.between("f", before, {"weighting w": "2", "task t": "x"})


def test_what_seeds_share_is_a_family():
    assert family_key(FIRST) == family_key(record(seed=7))
    assert family_key(FIRST) != family_key(msgspec.structs.replace(FIRST, data_digest="other"))
    assert family_key(FIRST) != family_key(msgspec.structs.replace(FIRST, pretrained="0" * 64))
    assert family_key(FIRST) != family_key(msgspec.structs.replace(FIRST, engine=99))


def test_a_link_is_read_as_written_and_raises_no_tier(tmp_path):
    store = Store(tmp_path)
    put(store, FIRST)
    path = write_source_link(store, link_by_bits(FIRST, with_source("new"), RECORD))
    assert path.is_relative_to(tmp_path / "verifications")
    name, _, version = FIRST.protocol.partition("@")
    links = read_source_links(store, name, int(version))
    before, after = sources_of(FIRST.components), sources_of(with_source("new").components)
    assert links.between(family_key(FIRST), before, after)
    assert list(links.same(family_key(FIRST), after)) == [before]
    assert read_verified(store, name, int(version)) == {}
    assert tier_of(FIRST, store) == "reproduced"


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"schema": "benchbed.source-link/2"}'])
def test_a_damaged_link_counts_for_nothing(tmp_path, content):
    store = Store(tmp_path)
    path = write_source_link(store, link_by_bits(FIRST, with_source("new"), RECORD))
    path.write_bytes(content)
    name, _, version = FIRST.protocol.partition("@")
    links = read_source_links(store, name, int(version))
    before = sources_of(FIRST.components)
    assert not links.between(family_key(FIRST), before, sources_of(with_source("new").components))


def test_what_changed_is_told_in_the_order_of_the_present_components():
    assert changed_sources({"a": "1", "b": "2"}, {"b": "3", "a": "1", "c": "4"}) == ("b", "c")
