"""A leaderboard on standard output."""

from __future__ import annotations

import os

from benchbed.cli.common import console
from benchbed.report.formats.terminal import full_width, to_terminal
from benchbed.report.leaderboard import Leaderboard


def print_board(board: Leaderboard, *, notes: bool) -> None:
    """Print a leaderboard: on a terminal as it fits, into a pipe whole and with all notes.

    Args:
        board: the leaderboard.
        notes: all notes on a terminal too.
    """
    out = console()
    if out.is_terminal or "COLUMNS" in os.environ:
        out.print(to_terminal(board, out.width, notes=notes))
        return
    out.width = max(out.width, full_width(board))
    out.print(to_terminal(board, out.width, notes=True))
