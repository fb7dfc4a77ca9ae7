"""Tables beside the leaderboard: pairs of methods, and methods over several protocols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchbed.report.formats.markdown import bullets, escape, grid
from benchbed.report.leaderboard import Leaderboard
from benchbed.report.statistics.comparisons import Pair
from benchbed.report.statistics.protocols import Across, CriticalDifference, compare_protocols
from benchbed.report.table.source import stated

SideTable = tuple[list[str], list[list[str]], list[str]]
"""Headers, rows, and the lines that say how to read it."""


def to_markdown(title: str, table: SideTable) -> str:
    """Return a table with its lines as Markdown."""
    headers, rows, lines = table
    escaped = [list(map(escape, row)) for row in rows]
    text = grid(map(escape, headers), escaped)
    return f"## {escape(title)}\n\n{text}\n\n{bullets(lines)}\n"


# Pairs of methods -------------------------------------------------------------------------------


def pairs_json(board: Leaderboard) -> list[dict[str, Any]]:
    """Return each pair of methods as plain data."""
    return [_plain_pair(pair) for pair in board.pairs()]


def _plain_pair(pair: Pair) -> dict[str, Any]:
    return {
        "a": pair.a,
        "b": pair.b,
        "difference": pair.difference.mean,
        "low": pair.difference.low,
        "high": pair.difference.high,
        "p": pair.difference.p_value,
        "p_holm": pair.p_holm,
        "better": pair.better,
    }


def pairs_csv(board: Leaderboard) -> str:
    """Return each pair of methods as CSV."""
    import pandas as pd

    rows = [{**pair, **stated(board)} for pair in pairs_json(board)]
    text: str = pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")
    return text


def pairs_table(board: Leaderboard) -> SideTable:
    """Return the pairs that are told apart after Holm's correction, the surest first."""
    pairs = board.pairs()
    apart = [pair for pair in pairs if pair.better is not None]
    surest_first = sorted(apart, key=lambda pair: pair.p_holm or 0.0)
    count = f"Of {len(pairs)} pairs, {len(apart)} are told apart at 5 %"
    lines = [
        f"{count} after Holm's correction for all of them.",
        "By: the difference of Δm in percentage points.",
    ]
    return ["better", "worse", "by", "p (Holm)"], [_pair_row(p) for p in surest_first], lines


def _pair_row(pair: Pair) -> list[str]:
    better, worse = (pair.a, pair.b) if pair.better == pair.a else (pair.b, pair.a)
    return [better, worse, f"{abs(pair.difference.mean):.2f}", f"{pair.p_holm:.3g}"]


# Methods over several protocols -----------------------------------------------------------------


def across(boards: Sequence[Leaderboard]) -> Across:
    """Compare methods over several protocols by their Δm.

    Raises:
        BenchbedError: no method has a Δm under each of them.
    """
    runs = {board.protocol.id: _run_deltas(board) for board in boards}
    datasets = {board.protocol.id: board.protocol.data.dataset for board in boards}
    return compare_protocols(runs, datasets)


def _run_deltas(board: Leaderboard) -> dict[str, list[float]]:
    """Return the Δm of each method's runs."""
    found: dict[str, list[float]] = {}
    for row in board.rows:
        if row.standing is not None:
            found[row.name] = list(row.standing.runs.values())
    return found


def across_json(found: Across) -> dict[str, Any]:
    """Return a comparison over protocols as plain data."""
    return asdict(found)


def across_table(found: Across) -> SideTable:
    """Return mean ranks and interquartile means over protocols, best first."""
    rows = [
        [method, f"{rank:.2f}", f"{found.interquartile_means[method]:+z.2f}"]
        for method, rank in found.mean_ranks.items()
    ]
    lines = [
        f"Over {', '.join(found.protocols)}, by Δm; each protocol weighs the same.",
        "IQM: interquartile mean of the seeds' Δm in percent, the mean of the middle half.",
    ]
    if found.critical is None:
        lines.append(found.critical_note)
    else:
        lines += _critical_lines(found.critical)
    lines += [
        f"Left out: {method}, which {', '.join(missing)} lacks."
        for method, missing in found.left_out.items()
    ]
    return ["method", "mean rank", "IQM Δm %"], rows, lines


def _critical_lines(critical: CriticalDifference) -> list[str]:
    tests = f"Friedman, Nemenyi; {critical.datasets} data sets, p = {critical.p_value:.2g}"
    lines = [f"Critical difference of mean ranks {critical.difference:.2f} ({tests})."]
    if critical.p_value >= 1 - critical.level:
        lines.append("Friedman's test rejects nothing, so no methods are told apart.")
    return lines
