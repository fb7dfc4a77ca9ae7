"""What stands below a table on a terminal: at most five lines, or all that is to be known."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, Final

from benchbed.basics.texts import counted
from benchbed.contracts.delta import DEFINITIONS
from benchbed.contracts.derived import is_derived
from benchbed.report.formats.strips import Detail, Fitted
from benchbed.report.leaderboard import Leaderboard
from benchbed.report.table.caption import caption_lines, odd_lines
from benchbed.report.table.column import Column
from benchbed.report.table.model import Table

MOST: Final = 5
"""Lines, of the terminal's width."""


def all_notes(board: Leaderboard, table: Table, fitted: Fitted) -> list[str]:
    """Return how to read a table, what is odd, and what has no room."""
    lines = list(caption_lines(board, table.source, _explained(table, fitted)))
    if fitted.left_out:
        names = ", ".join(strip.name for strip in fitted.left_out)
        lines.append(f"Not shown for lack of room: {names}; see --format md.")
    if fitted.detail is not Detail.FULL:
        lines.append("±: half the width of Δm's interval, for lack of room.")
    return lines


def _explained(table: Table, fitted: Fitted) -> list[Column[Any]]:
    """Return the columns that are explained: all but those for which there is no room."""
    left_out = [strip.column.id for strip in fitted.left_out]
    if not fitted.is_whole:
        left_out += [column.id for column in table.columns if column.group.apart]
    return [column for column in table.columns if column.id not in left_out]


def brief_notes(board: Leaderboard, fitted: Fitted, width: int) -> list[str]:
    """Return at most five lines: protocol, selection, Δm, what is odd, where the rest is."""
    odd = list(odd_lines(board))
    room = MOST - 1  # the last line says where the rest is
    spread = _spread(board, fitted)
    head = _wrapped([_origin(board), *_try(board), _delta_m(board), *spread], width)
    if len(head) > room - min(len(odd), 1):
        short = [_short_origin(board), *_try(board), _short_delta_m(board), *spread]
        head = [line if len(line) <= width else _cut(line, width) for line in short][:room]
    room -= len(head)
    told: list[str] = []
    untold = len(odd)
    for note in odd:
        lines = _wrapped([note], width)
        if len(lines) > room:
            break
        told += lines
        room -= len(lines)
        untold -= 1
    if odd and not told and room:
        begun = _wrapped(odd[:1], width)[:room]
        told = [*begun[:-1], _cut(begun[-1], width)]
    return [*head, *told, _pointer(fitted, untold, width)]


def _cut(line: str, width: int) -> str:
    """Return a line that says that it goes on."""
    return f"{line[: width - 2]} …"


def _origin(board: Leaderboard) -> str:
    counts = {len(row.seeds) for row in board.rows if row.seeds}
    seeds = f", {counted(counts.pop(), 'seed')}" if len(counts) == 1 else ""
    model = f"{board.split} split; model: {board.protocol.selection}"
    return f"{_name(board)}{seeds}, {model}."


def _short_origin(board: Leaderboard) -> str:
    return f"{_name(board)}, {board.split} split."


def _name(board: Leaderboard) -> str:
    return f"{board.protocol.id} ({board.protocol.digest[:12]})"


def _try(board: Leaderboard) -> list[str]:
    """Return what a quick try is one of."""
    return [f"A try of {board.protocol.title}."] if is_derived(board.protocol) else []


def _delta_m(board: Leaderboard) -> str:
    meaning = DEFINITIONS[board.definition]
    return f"Δm: {meaning}, against {board.baseline}; positive is better."


def _short_delta_m(board: Leaderboard) -> str:
    return f"Δm: {board.definition}, against {board.baseline}; positive is better."


def _spread(board: Leaderboard, fitted: Fitted) -> list[str]:
    """Return what ± and [] are, where there are any."""
    if not any(row.delta_m and row.delta_m.low is not None for row in board.rows):
        return []
    if fitted.detail is Detail.FULL:
        return ["±: standard deviation over seeds; []: 95 % interval of Δm."]
    if fitted.detail is Detail.HALF:
        return ["±: standard deviation over seeds; of Δm half its 95 % interval."]
    return ["±: half the 95 % interval of Δm."]


def _wrapped(lines: Sequence[str], width: int) -> list[str]:
    found: list[str] = []
    for line in lines:
        found += textwrap.wrap(line, width, break_on_hyphens=False) or [""]
    return found


def _pointer(fitted: Fitted, untold: int, width: int) -> str:
    """Return in one line where the rest is: what was left out, and how many notes there are."""
    rest = [strip.name for strip in fitted.left_out]
    more = f"{counted(untold, 'more note')}: --notes" if untold else "How to read it: --notes"
    if not rest:
        return f"{more}."
    text = f"{more}. No room for {', '.join(rest)}: --format md."
    if len(text) <= width:
        return text
    return f"{more}. No room for {counted(len(rest), 'column')}: --format md."
