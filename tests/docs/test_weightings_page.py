"""docs/weightings.md says of each first-party strategy what its class says."""

import re
from pathlib import Path

import pytest

from benchbed.contracts.weighting import Weighting
from benchbed.discovery.loading import load
from benchbed.discovery.registry import discover

PAGE = (Path(__file__).parents[2] / "docs" / "weightings.md").read_text("utf-8")
ROWS = {
    row[0]: row[1:]
    for row in re.findall(
        r"^\| `([\w-]+)` \| (\w+) \| (\w+) \| (\w+) \| (\w+) \|", PAGE, re.MULTILINE
    )
}
SPECS = {e.spec.id: e.spec for e in discover({"BENCHBED_PLUGINS": "zoo"}).of_kind("weighting")}


def test_every_strategy_has_a_row():
    assert set(ROWS) == set(SPECS)


@pytest.mark.parametrize("name", SPECS)
def test_a_row_says_what_the_class_says(name):
    cls = load(SPECS[name].target, Weighting)
    assert ROWS[name] == (cls.level, cls.at, cls.heads, cls.sums_to)
