"""The committed records are those of the present sources, or of sources that gave the same bits."""

from __future__ import annotations

import pytest

from benchbed.api import requests
from benchbed.discovery.registry import discover
from benchbed.execution.plan import Plan, Settings
from tests.conftest import ROOT

COMMITTED = (
    ("digits", "weightings", "weightings"),
    ("rooms-small", "rooms-small", "rooms"),
    ("rooms-full", "rooms-full", "rooms"),
    ("rooms-segnet", "ati-net-table1", "segnet"),
)
"""Protocol, suite, folder of the records below ``results``."""


@pytest.fixture(scope="module", params=COMMITTED, ids=lambda row: row[1])
def plan(request) -> Plan:
    protocol, suite, folder = request.param
    registry = discover({"BENCHBED_PLUGINS": "zoo"}, strict=True)
    (asked,) = requests(registry, protocol, (), suite)
    return asked.plan(registry, Settings(ROOT / "results" / folder))


def test_no_committed_record_is_stale(plan):
    assert len(plan.runs) > 10
    stale = {run.method: run.stale for run in plan.runs if run.state != "cached"}
    assert not stale, "train them, or run `benchbed verify --stale --against recorded`"


def test_every_committed_method_is_measured(plan):
    assert not [job.method for job in plan.measurements]
    assert plan.measured == len(plan.methods)
