"""A leaderboard as DataFrame, JSON, CSV, Markdown and on a terminal."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchbed.cost_sum import MAC_CONVENTION
from benchbed.delta import DEFINITIONS
from benchbed.report.leaderboard import Leaderboard
from benchbed.report.row import Row, Stat
from benchbed.report.statistics.comparisons import Rank
from benchbed.report.statistics.intervals import Difference
from benchbed.store import write_atomically
from benchbed.texts import wrap

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import RenderableType

DASH: Final = "–"


def stated(board: Leaderboard) -> dict[str, Any]:
    """Return what every form of a table states: what its numbers are and where they are from."""
    return {
        "protocol": board.protocol.id,
        "digest": board.protocol.digest,
        "selection": str(board.protocol.selection),
        "delta_m definition": board.definition,
        "delta_m reference": board.baseline,
        "epochs": board.protocol.epochs,
        "macs are": MAC_CONVENTION,
    }


def to_frame(board: Leaderboard) -> pd.DataFrame:
    """Return one row a method, numbers unrounded, metrics in their own unit."""
    import pandas as pd

    ranks = board.ranks()
    everywhere = stated(board)
    lines: list[dict[str, Any]] = []
    for row in board.rows:
        line: dict[str, Any] = {"method": row.method}
        for task, infos in board.metrics.items():
            for metric in infos:
                stat = row.tasks.get(task, {}).get(metric)
                line[f"{task}/{metric}"] = stat.mean if stat else None
                line[f"{task}/{metric} std"] = stat.std if stat else None
                line[f"{task}/{metric} low"] = stat.low if stat else None
                line[f"{task}/{metric} high"] = stat.high if stat else None
        delta, gains = row.delta_m, row.standing.gains if row.standing else None
        line["delta_m %"] = delta.mean if delta else None
        line["delta_m % std"] = delta.std if delta else None
        line["delta_m % low"] = delta.low if delta else None
        line["delta_m % high"] = delta.high if delta else None
        line["rank"] = ranks[row.method].best if row.method in ranks else None
        line["rank at worst"] = ranks[row.method].worst if row.method in ranks else None
        line |= {
            f"{task} gain %": gains.gains[task].mean if gains else None for task in board.metrics
        }
        line["worst task"] = gains.worst if gains else None
        line["tasks improved"] = len(gains.improved) if gains else None
        line["p(improvement)"] = row.standing.improvement if row.standing else None
        line["parameters"] = row.costs.parameters.total if row.costs else None
        line["macs"] = row.costs.macs.all_tasks if row.costs else None
        line["step_ms"] = row.step_ms
        line["optimizer_steps"] = row.optimizer_steps
        line["samples"] = row.samples
        line["training_macs"] = row.training_macs
        line |= {f"cosine {pair}": stat.mean for pair, stat in row.cosines.items()}
        line |= {"seeds": len(row.seeds), "failed": row.failed, "missing": row.missing}
        line["tier"] = row.tier
        line |= {**everywhere, "delta_m reference": row.reference}
        lines.append(line | dict(row.extra))
    frame = pd.DataFrame(lines)
    counts = ["parameters", "macs", "optimizer_steps", "samples", "training_macs"]
    counts += ["rank", "rank at worst", "tasks improved"]
    return frame.astype({name: _count_type(line[name] for line in lines) for name in counts})


def _count_type(counts: Iterable[int | None]) -> str:
    return "Int64" if all((count or 0) < 2**63 for count in counts) else "Float64"


def to_json(board: Leaderboard) -> str:
    """Return the table as JSON; numbers unrounded, what is missing is null."""
    ranks = board.ranks()
    rows = [
        {
            "method": row.method,
            "seeds": len(row.seeds),
            "seed_numbers": list(row.seeds),
            "reference": row.reference,
            "tasks": {
                task: {metric: _stat(stat) for metric, stat in stats.items()}
                for task, stats in row.tasks.items()
            },
            **_standing(row, ranks),
            "parameters": row.costs.parameters.total if row.costs else None,
            "macs": row.costs.macs.all_tasks if row.costs else None,
            "step_ms": row.step_ms,
            "optimizer_steps": row.optimizer_steps,
            "samples": row.samples,
            "training_macs": row.training_macs,
            "failed": row.failed,
            "missing": row.missing,
            "tier": row.tier,
            **({"cosines": {k: _stat(v) for k, v in row.cosines.items()}} if row.cosines else {}),
            **({"extra": {k: _plain(v) for k, v in row.extra.items()}} if row.extra else {}),
        }
        for row in board.rows
    ]
    plain: dict[str, Any] = {
        "protocol": board.protocol.id,
        "digest": board.protocol.digest,
        "selection": str(board.protocol.selection),
        "epochs": board.protocol.epochs,
        "delta_m": {
            "definition": board.definition,
            "positive_is": "better",
            "baseline": board.baseline,
        },
        "macs": MAC_CONVENTION,
        "metrics": {
            task: {
                name: {"higher_is_better": info.higher_is_better, "primary": info.primary}
                for name, info in infos.items()
            }
            for task, infos in board.metrics.items()
        },
        "rows": rows,
        "notes": list(board.notes),
    }
    if board.records:
        plain["source"] = {"records": board.records, "reference": board.reference}
    return json.dumps(plain, indent=1, ensure_ascii=False, default=str) + "\n"


def _plain(value: object) -> object:
    """Return what JSON can hold of a value from a plugin."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | None) else str(value)


def _stat(stat: Stat | Difference) -> dict[str, Any]:
    return {
        "mean": stat.mean,
        "std": stat.std,
        "low": stat.low,
        "high": stat.high,
        "n": stat.n,
    }


STANDING: Final = ("delta_m", "rank", "gains", "worst_task", "tasks_improved", "p_improvement")
"""What JSON says of a row's Δm; each is null where there is none."""


def _standing(row: Row, ranks: Mapping[str, Rank]) -> dict[str, Any]:
    """Return what follows from the row's Δm."""
    found: dict[str, Any] = dict.fromkeys(STANDING)
    if row.method in ranks:
        found["rank"] = {"best": ranks[row.method].best, "worst": ranks[row.method].worst}
    if row.delta_m is not None:
        delta = row.delta_m
        found["delta_m"] = _stat(delta) | {"p": delta.p_value, "paired": delta.paired}
    if row.standing is not None and row.standing.gains is not None:
        gains = row.standing.gains
        found["gains"] = {task: _stat(gain) for task, gain in gains.gains.items()}
        found |= {"worst_task": gains.worst, "tasks_improved": list(gains.improved)}
        found["p_improvement"] = row.standing.improvement
    return found


def to_csv(board: Leaderboard) -> str:
    """Return the table as CSV, one row a method."""
    text: str = to_frame(board).to_csv(index=False, lineterminator="\n")
    return text


def human(count: float | None) -> str:
    """Return a count with a unit: 23.9k, 1.2M, 4.1G, 7T, 2P."""
    if count is None:
        return DASH
    for limit, unit in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= limit * 0.9995:
            text = f"{count / limit:.3g}"
            return (text if "e" not in text else f"{count / limit:.0f}") + unit
    return f"{count:.0f}"


def _number(stat: Stat | None, scale: float, digits: int, *, plus: bool = False) -> str:
    if stat is None:
        return DASH
    text = f"{stat.mean * scale:{'+' if plus else ''}.{digits}f}"
    return text if stat.std is None else f"{text}±{stat.std * scale:.{digits}f}"


def _with_interval(delta: Difference | None) -> str:
    if delta is None:
        return DASH
    if delta.low is None or delta.high is None:
        return f"{delta.mean:+z.2f}"
    return f"{delta.mean:+z.2f} [{delta.low:+z.2f}, {delta.high:+z.2f}]"


def _cells(board: Leaderboard) -> tuple[list[str], list[list[str]], list[set[int]]]:
    """Return headers, cells, and for each column the rows that are best in it."""
    headers = ["method"]
    columns: list[list[str]] = [[row.method for row in board.rows]]
    best: list[set[int]] = [set()]
    for task, infos in board.metrics.items():
        metric = board.primary(task)
        info = infos[metric]
        scale, unit = (100.0, "% ") if info.percent else (1.0, "")
        digits = 1 if info.percent else 3
        stats = [row.tasks.get(task, {}).get(metric) for row in board.rows]
        arrow = "↑" if info.higher_is_better else "↓"
        headers.append(f"{task}\n{metric}\n{unit}{arrow}")
        columns.append([_number(stat, scale, digits) for stat in stats])
        best.append(_best(stats, higher=info.higher_is_better))
    deltas = [row.delta_m for row in board.rows]
    headers.append(f"Δm %\n{board.definition}\n↑ [95 %]")
    columns.append([_delta_cell(row) for row in board.rows])
    best.append(_best(deltas, higher=True))
    ranks = board.ranks()
    plain: list[tuple[str, Callable[[Row], str]]] = [
        ("rank", lambda row: str(ranks[row.method].best) if row.method in ranks else DASH),
        ("worst\ntask", _worst),
        ("tasks\nimproved", _improved),
        ("params", lambda row: human(row.costs.parameters.total if row.costs else None)),
        ("MACs", lambda row: human(row.costs.macs.all_tasks if row.costs else None)),
        ("step\nms", lambda row: DASH if row.step_ms is None else f"{row.step_ms:.2f}"),
        ("steps", lambda row: human(row.optimizer_steps)),
        ("train\nMACs", lambda row: human(row.training_macs)),
        ("seeds", _seeds),
    ]
    for title, cell in plain:
        headers.append(title)
        columns.append([cell(row) for row in board.rows])
        best.append(set())
    for title in dict.fromkeys(name for row in board.rows for name in row.extra):
        headers.append(title)
        columns.append([str(row.extra.get(title, DASH)) for row in board.rows])
        best.append(set())
    return headers, columns, best


def _delta_cell(row: Row) -> str:
    return "reference" if row.is_baseline and row.seeds else _with_interval(row.delta_m)


def _worst(row: Row) -> str:
    gains = row.standing.gains if row.standing else None
    return f"{gains.worst} {gains.gains[gains.worst].mean:+z.1f}" if gains else DASH


def _improved(row: Row) -> str:
    gains = row.standing.gains if row.standing else None
    return f"{len(gains.improved)} of {len(gains.gains)}" if gains else DASH


def _seeds(row: Row) -> str:
    text = str(len(row.seeds))
    if row.failed:
        text += f", {row.failed} failed"
    return text + (f", {row.missing} missing" if row.missing else "")


def _best(stats: Sequence[Stat | Difference | None], *, higher: bool) -> set[int]:
    means = [stat.mean for stat in stats if stat]
    if not means:
        return set()
    top = max(means) if higher else min(means)
    return {i for i, stat in enumerate(stats) if stat and stat.mean == top}


def _selected_on_test(board: Leaderboard) -> list[str]:
    """Return the line that marks a table whose models were selected on what it scores."""
    if board.protocol.selection.rule != "paper-selection":
        return []
    return ["! Models were selected on the test split itself: scores are too good, as in papers."]


def caption(board: Leaderboard) -> list[str]:
    """Return the lines that say how to read the table."""
    lines = [
        f"Protocol {board.protocol.id}, digest {board.protocol.digest[:12]}.",
        f"Model selection: {board.protocol.selection}.",
        *_selected_on_test(board),
        "Mean ± standard deviation over seeds on the test split.",
        f"Δm: {DEFINITIONS[board.definition]}, against {board.baseline}; positive is better.",
        "[]: 95 % t interval of Δm, which carries the reference's variance.",
        "Rank: 1 + the methods whose 95 % interval of the difference is above zero, pair by pair.",
        _seeds_line(board),
        _budget_line(board),
        _tier_line(board),
        f"MACs: {MAC_CONVENTION}.",
    ]
    lines.append("Training MACs: all passes, a backward pass counted as two forward passes.")
    if board.step_device:
        lines.append(f"Step time: median training step, measured alone on {board.step_device}.")
    lines += [
        f"{row.method}: no Δm ({row.delta_note})."
        for row in board.rows
        if row.delta_m is None and not (row.is_baseline and row.seeds)
    ]
    usual = board.estimates()
    lines += [
        f"{row.method}: Δm against {row.reference}, so not ranked with the others."
        for row in board.rows
        if row.standing is not None and row.method not in usual
    ]
    unsure = [row.method for row in board.rows if row.delta_m and row.delta_m.low is None]
    if unsure:
        lines.append(f"No interval and no rank, for lack of seeds: {', '.join(unsure)}.")
    return [*lines, *board.notes]


def _seeds_line(board: Leaderboard) -> str:
    return _by_method("Seeds for each method", board, _seeds)


def _budget_line(board: Leaderboard) -> str:
    head = f"Budget: {board.protocol.epochs} epochs; samples drawn for one seed"
    return _by_method(head, board, lambda row: human(row.samples))


def _tier_line(board: Leaderboard) -> str:
    return _by_method("Trust tier, the lowest of a method's records", board, lambda row: row.tier)


def _by_method(head: str, board: Leaderboard, value: Callable[[Row], str | None]) -> str:
    """Return what most whole rows have, then each row that has something else."""
    whole = [row for row in board.rows if not row.failed and not row.missing]
    counts = Counter(value(row) or DASH for row in whole or board.rows)
    usual = counts.most_common(1)[0][0] if counts else DASH
    found = [(row.method, value(row) or DASH) for row in board.rows]
    others = [f"{method}: {text}" for method, text in found if text != usual]
    return f"{head}: {'; '.join([usual, *others])}."


def to_markdown(board: Leaderboard) -> str:
    """Return the table and its caption as Markdown; the best mean of each column is bold."""
    from tabulate import tabulate

    headers, columns, best = _cells(board)
    marked = [
        [f"**{_harmless(x)}**" if i in top else _harmless(x) for i, x in enumerate(column)]
        for column, top in zip(columns, best, strict=True)
    ]
    table = tabulate(
        list(zip(*marked, strict=True)),
        [_harmless(header.replace("\n", " ")) for header in headers],
        tablefmt="pipe",
        disable_numparse=True,
    )
    if any(row.cosines for row in board.rows):
        cosines = tabulate(
            [list(map(_harmless, cells)) for cells in _cosine_cells(board)],
            ["method", *map(_harmless, _pairs(board))],
            tablefmt="pipe",
            disable_numparse=True,
        )
        table = f"{table}\n\n{COSINES}\n\n{cosines}"
    title = board.protocol.title or board.protocol.id
    notes = "\n".join(f"- {_harmless(line)}" for line in caption(board))
    return f"# {title}\n\n{table}\n\n{notes}\n"


def _harmless(text: str) -> str:
    """Return a text that neither ends a cell nor begins a tag, whatever a record's names hold."""
    return text.replace("|", "\\|").replace("<", "&lt;")


COSINES: Final = (
    "Cosines of the tasks' gradients of the parameters that they share, in each epoch's first "
    "step; mean over epochs ± standard deviation over seeds:"
)


def _pairs(board: Leaderboard) -> list[str]:
    return list(dict.fromkeys(pair for row in board.rows for pair in row.cosines))


def _cosine_cells(board: Leaderboard) -> list[list[str]]:
    return [
        [row.method, *(_number(row.cosines.get(pair), 1, 2, plus=True) for pair in _pairs(board))]
        for row in board.rows
        if row.cosines
    ]


DROPPED: Final = (
    "train\nMACs",
    "steps",
    "step\nms",
    "tasks\nimproved",
    "worst\ntask",
    "MACs",
    "params",
    "rank",
)
"""Columns that a narrow terminal goes without, in this order."""


NARROWEST: Final = 12
"""A table whose method column would have less room is shown as a list."""


def to_terminal(board: Leaderboard, width: int = 80) -> RenderableType:
    """Return the table for a rich console of a width in characters.

    A column that says the same everywhere, or that does not fit, is left out; the text below says
    what it held, or how to see it.
    """
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    headers, columns, best = _cells(board)
    lines = caption(board)
    hidden = ["seeds"]  # the caption tells them
    widths = [_width(h, c) for h, c in zip(headers, columns, strict=True)]

    def total() -> int:
        return sum(w + 2 for h, w in zip(headers, widths, strict=True) if h not in hidden) - 2

    dropped = [name for name in DROPPED if name in headers and name not in hidden]
    while total() > width and dropped:
        hidden.append(dropped.pop(0))
    left_out = [name.replace("\n", " ") for name in hidden if name != "seeds"]
    if left_out:
        lines.append(f"Not shown for lack of room: {', '.join(left_out)}; see --format md.")
    shown = [i for i, header in enumerate(headers) if header not in hidden]
    note = Text("\n".join(lines), style="dim")
    if (
        total() - widths[0] + min(widths[0], NARROWEST) > width
    ):  # one line a number, rather than cut numbers off
        blocks = [
            "\n".join(
                [
                    row.method,
                    *(f"  {' '.join(headers[i].split())}: {columns[i][n]}" for i in shown[1:]),
                ]
            )
            for n, row in enumerate(board.rows)
        ]
        return Group(Text("\n".join(blocks), overflow="fold"), "", note)
    columns[0] = [wrap(name, width - (total() - widths[0])) for name in columns[0]]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for i in shown:
        fits = total() <= width or i > 0
        table.add_column(
            Text(headers[i]), justify="left" if i == 0 else "right", no_wrap=fits, overflow="fold"
        )
    for row in range(len(board.rows)):
        table.add_row(
            *(Text(columns[i][row], style="bold" if row in best[i] else "") for i in shown)
        )
    if not any(row.cosines for row in board.rows):
        return Group(table, "", note)
    cosines = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    cosines.add_column("method", overflow="fold")
    for pair in _pairs(board):
        cosines.add_column(Text(pair), justify="right", overflow="fold")
    for cells in _cosine_cells(board):
        cosines.add_row(*map(Text, cells))
    return Group(table, "", Text(COSINES, style="dim"), cosines, "", note)


def _width(header: str, column: list[str]) -> int:
    return max(map(len, [*header.split("\n"), *column]))


FORMATS: Final[Mapping[str, Callable[[Leaderboard], str]]] = {
    "md": to_markdown,
    "csv": to_csv,
    "json": to_json,
}


def write_leaderboard(
    board: Leaderboard, folder: Path, name: str | None = None, results: Path | None = None
) -> list[Path]:
    """Write the table in every file format; return the paths.

    Args:
        board: the table.
        folder: where the files go.
        name: of the files; ``<suite>.<protocol>`` for a suite's table, the protocol's by default.
        results: the folder of its records; by default the one around ``folder``.

    Raises:
        StoreError: the folder cannot be written.
    """
    records = os.path.relpath(results or folder.parent, folder)
    board = board.from_records(Path(records).as_posix())
    paths: list[Path] = []
    for suffix, write in FORMATS.items():
        path = folder / f"{name or board.protocol.id}.{suffix}"
        write_atomically(path, write(board).encode())
        paths.append(path)
    return paths
