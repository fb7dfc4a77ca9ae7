"""The committed results on rendered rooms hold what their protocols promise."""

import json
from pathlib import Path

import pytest

from benchbed.discovery.catalogue import find_protocol, find_suite
from benchbed.records.store import Store
from benchbed.report.constant import constants, least_gains

RESULTS = Path(__file__).parents[2] / "results"
PROTOCOLS = ("rooms-small", "rooms-full")
FOLDERS = {"rooms-small": "rooms", "rooms-full": "rooms", "rooms-segnet": "segnet"}
"""Where the records of each protocol are."""


def rows_of(name, suite=None):
    path = RESULTS / "leaderboards" / f"{suite or name}.{name}@1.json"
    return {row["method"]: row for row in json.loads(path.read_text("utf-8"))["rows"]}


def assert_complete(rows):
    for row in rows:
        assert row["seed_numbers"] == [0, 1, 2]
        assert row["failed"] == row["missing"] == 0


@pytest.mark.parametrize("name", PROTOCOLS)
def test_three_seeds_of_both_methods_are_there(name):
    rows = rows_of(name)
    assert set(rows) == {"single-task", "hps+equal"}
    assert_complete(rows.values())


def test_three_seeds_of_all_systems_of_table_1_are_there(registry):
    rows = rows_of("rooms-segnet", suite="ati-net-table1")
    assert len(rows) == len(find_suite("ati-net-table1", registry).methods)
    assert_complete(rows.values())


def test_segmentation_of_rooms_is_neither_trivial_nor_hopeless():
    found = rows_of("rooms-small")["single-task"]["tasks"]["segmentation"]["mIoU"]
    assert 0.3 < found["low"] < found["high"] < 0.8


@pytest.mark.slow
@pytest.mark.parametrize("name", FOLDERS)
def test_every_task_of_every_run_beats_the_best_constant_by_a_fifth(name, registry):
    protocol = find_protocol(name, registry)
    records, refused = Store(RESULTS / FOLDERS[name]).records(protocol.name, protocol.version)
    assert not refused
    least = least_gains(constants(protocol, registry, None), records)
    assert set(least) == set(protocol.tasks)
    assert min(gain for gain, _ in least.values()) >= 0.2
