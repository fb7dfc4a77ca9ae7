"""A leaderboard as CSV."""

from __future__ import annotations

from benchbed.report.formats.frame import to_frame
from benchbed.report.leaderboard import Leaderboard


def to_csv(board: Leaderboard) -> str:
    """Return the table as CSV, one row a method; pandas quotes what needs it."""
    text: str = to_frame(board).to_csv(index=False, lineterminator="\n")
    return text
