"""The committed leaderboards are, to the byte, what their records give."""

from __future__ import annotations

import sys

import pytest

from benchbed.report.alike import alike
from benchbed.report.formats.files import FORMATS
from tests.conftest import ROOT

FOLDER = ROOT / "results" / "leaderboards"
SUMS_AS_COMMITTED = sys.version_info < (3, 12)
"""From Python 3.12 on ``sum`` of floats is more exact, and last digits may differ."""


def test_every_committed_leaderboard_can_be_made_again(committed):
    assert set(committed) == set(FOLDER.glob("*.json"))
    assert {path.stem for path in committed} == {path.stem for path in FOLDER.iterdir()}


@pytest.mark.parametrize("suffix", FORMATS)
def test_committed_leaderboards_are_written_to_the_byte(suffix, committed):
    for path, board in committed.items():
        file = path.with_name(f"{path.stem}.{suffix}")
        written, there = FORMATS[suffix](board).encode(), file.read_bytes()
        if SUMS_AS_COMMITTED:
            assert written == there, file.name
        else:
            assert alike(written.decode(), there.decode()), file.name
