"""``benchbed compare``."""

from __future__ import annotations

from pathlib import Path

import click
from rich.text import Text

from benchbed.basics.errors import ProtocolError
from benchbed.cli.common import console, json_option, print_json, results_option, strict_option
from benchbed.cli.printed import open_library
from benchbed.contracts.dataset import Dataset
from benchbed.contracts.delta import Definition
from benchbed.contracts.protocol import Protocol
from benchbed.discovery.catalogue import find_protocol, protocols
from benchbed.discovery.loading import make_component
from benchbed.discovery.method import plain_component
from benchbed.discovery.registry import Registry
from benchbed.published.compare import Comparison, Entry, compare
from benchbed.published.grid import to_terminal
from benchbed.published.own_protocol import metrics_of, statement_of
from benchbed.published.paper import Statement
from benchbed.published.render import comparison_grid, comparison_notes
from benchbed.published.table import Table
from benchbed.report.leaderboard import Leaderboard
from benchbed.report.table.build import caption
from benchbed.report.table.source import stated
from benchbed.report.with_plugins import leaderboard_of


@click.command("compare")
@click.argument("table")
@click.argument("protocol", required=False)
@click.option(
    "--delta-m",
    "definition",
    type=click.Choice(["primary", "per-task-mean", "flat"]),
    help="Definition of Δm for all rows. [default: the protocol's]",
)
@click.option("--anyway", is_flag=True, help="Rank what is not comparable, under a banner.")
@results_option
@json_option
@strict_option
def command(
    table: str,
    protocol: str | None,
    definition: Definition | None,
    anyway: bool,
    results: Path,
    as_json: bool,
    strict_plugins: bool,
) -> None:
    """Compare printed rows of a paper with own ones.

    All rows get Δm by one definition. Each printed row comes with the protocol fields in which it
    differs from ours or that its paper leaves open; where there are any, it is not ranked.
    PROTOCOL may be left out where one installed protocol is on the table's data set.

    \b
    Examples:
      benchbed compare astmt-4b digits
      benchbed compare ati-net-1 digits --delta-m per-task-mean --anyway
    """
    registry, library = open_library(strict=strict_plugins)
    found = library.table(table)
    chosen = _protocol(found, protocol, registry)
    board = leaderboard_of(chosen, registry, results, definition=definition)
    ours = _ours(chosen, board, registry)
    comparison = compare(library, found, board, ours, anyway=anyway)
    if as_json:
        own = {**stated(board), "notes": list(board.notes)}
        print_json({**_plain(comparison), "own_rows": own})
    else:
        _print(comparison, board)


def _protocol(table: Table, name: str | None, registry: Registry) -> Protocol:
    if name is not None:
        return find_protocol(name, registry)
    datasets = {row.dataset for row in table.rows}
    names: set[str] = set()
    for protocol in protocols(registry).values():
        if protocol.data.dataset in datasets:
            names.add(protocol.name)
    if len(names) != 1:
        which = "More than one" if names else "No"
        raise ProtocolError(
            f"{which} installed protocol is on {' or '.join(sorted(datasets))}, the data of "
            f"{table.id}; name one: benchbed compare {table.id} PROTOCOL."
        )
    return find_protocol(names.pop(), registry)


def _ours(protocol: Protocol, board: Leaderboard, registry: Registry) -> Statement:
    entry = registry.get("dataset", protocol.data.dataset)
    dataset = make_component(plain_component("dataset", entry, protocol.data.options), Dataset)
    shape = dataset.input.shape
    return statement_of(
        protocol,
        metrics=metrics_of(board),
        input_size="x".join(map(str, shape[1:] or shape)),
        pretrained=all(row.pretrained for row in board.rows),
        official=dataset.official,
    )


def _plain(comparison: Comparison) -> dict[str, object]:
    return {
        "table": comparison.table,
        "protocol": comparison.protocol,
        "delta_m": {"definition": comparison.definition, "positive_is": "better"},
        "banner": comparison.banner,
        "rows": [_plain_entry(entry) for entry in comparison.entries],
    }


def _plain_entry(entry: Entry) -> dict[str, object]:
    differs: dict[str, object] = {}
    for name, (theirs, ours) in entry.differs.items():
        differs[name] = {"theirs": theirs, "ours": ours}
    return {
        "name": entry.name,
        "from": entry.source,
        "tier": entry.tier,
        "delta_m": entry.delta_m,
        "note": entry.note,
        "rank": entry.rank,
        "comparable": entry.comparable,
        "differs": differs,
        "left_open": list(entry.left_open),
    }


def _print(comparison: Comparison, board: Leaderboard) -> None:
    out = console()
    if comparison.banner:
        out.print(Text(comparison.banner + "\n", style="bold"))
    out.print(to_terminal(comparison_grid(comparison), out.width))
    lines = [*comparison_notes(comparison), "", "Own rows:", *caption(board)]
    out.print(Text("\n" + "\n".join(lines), style="dim"))
