"""The committed leaderboards, made again from the committed records."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchbed.discovery.registry import discover
from benchbed.report.committed import rebuild_leaderboards
from benchbed.report.leaderboard import Leaderboard
from tests.conftest import ROOT


@pytest.fixture(scope="session")
def committed() -> dict[Path, Leaderboard]:
    """Each committed leaderboard by its JSON file; records are read once a session."""
    registry = discover({"BENCHBED_PLUGINS": "zoo"}, strict=True)
    return rebuild_leaderboards(ROOT / "results", registry)
