"""Tables beside the leaderboard: pairs of methods, and methods over several protocols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchbed.report.leaderboard import Leaderboard
from benchbed.report.statistics.protocols import Across, compare_protocols
from benchbed.report.writers import stated

Table = tuple[list[str], list[list[str]], list[str]]
"""Headers, rows, and the lines that say how to read it."""


def pairs_json(board: Leaderboard) -> list[dict[str, Any]]:
    """Return each pair of methods as plain data."""
    return [
        {
            "a": pair.a,
            "b": pair.b,
            "difference": pair.difference.mean,
            "low": pair.difference.low,
            "high": pair.difference.high,
            "p": pair.difference.p_value,
            "p_holm": pair.p_holm,
            "better": pair.better,
        }
        for pair in board.pairs()
    ]


def pairs_csv(board: Leaderboard) -> str:
    """Return each pair of methods as CSV."""
    import pandas as pd

    rows = [{**pair, **stated(board)} for pair in pairs_json(board)]
    text: str = pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")
    return text


def pairs_table(board: Leaderboard) -> Table:
    """Return the pairs that are told apart after Holm's correction, the surest first."""
    pairs = board.pairs()
    apart = sorted((p for p in pairs if p.better is not None), key=lambda p: p.p_holm or 0.0)
    rows = [
        [
            pair.better or "",
            pair.b if pair.better == pair.a else pair.a,
            f"{abs(pair.difference.mean):.2f}",
            f"{pair.p_holm:.3g}",
        ]
        for pair in apart
    ]
    count = f"Of {len(pairs)} pairs, {len(apart)} are told apart at 5 %"
    lines = [
        f"{count} after Holm's correction for all of them.",
        "By: the difference of Δm in percentage points.",
    ]
    return ["better", "worse", "by", "p (Holm)"], rows, lines


def across(boards: Sequence[Leaderboard]) -> Across:
    """Compare methods over several protocols by their Δm.

    Raises:
        BenchbedError: no method has a Δm under each of them.
    """
    return compare_protocols(
        {
            board.protocol.id: {
                row.method: list(row.standing.runs.values())
                for row in board.rows
                if row.standing is not None
            }
            for board in boards
        },
        {board.protocol.id: board.protocol.data.dataset for board in boards},
    )


def across_json(found: Across) -> dict[str, Any]:
    """Return a comparison over protocols as plain data."""
    return asdict(found)


def across_table(found: Across) -> Table:
    """Return mean ranks and interquartile means over protocols, best first."""
    rows = [
        [method, f"{rank:.2f}", f"{found.interquartile_means[method]:+z.2f}"]
        for method, rank in found.mean_ranks.items()
    ]
    lines = [
        f"Over {', '.join(found.protocols)}, by Δm; each protocol weighs the same.",
        "IQM: interquartile mean of the seeds' Δm in percent, the mean of the middle half.",
    ]
    critical = found.critical
    if critical is None:
        lines.append(found.critical_note)
    else:
        lines.append(
            f"Critical difference of mean ranks {critical.difference:.2f} (Friedman, Nemenyi; "
            f"{critical.datasets} data sets, p = {critical.p_value:.2g})."
        )
        if critical.p_value >= 1 - critical.level:
            lines.append("Friedman's test rejects nothing, so no methods are told apart.")
    lines += [
        f"Left out: {method}, which {', '.join(missing)} lacks."
        for method, missing in found.left_out.items()
    ]
    return ["method", "mean rank", "IQM Δm %"], rows, lines


def to_markdown(title: str, table: Table) -> str:
    """Return a table with its lines as Markdown."""
    from tabulate import tabulate

    headers, rows, lines = table
    text = tabulate(rows, headers, tablefmt="pipe", disable_numparse=True)
    notes = "\n".join(f"- {line}" for line in lines)
    return f"## {title}\n\n{text}\n\n{notes}\n"
