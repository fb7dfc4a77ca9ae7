"""``benchbed report``."""

from __future__ import annotations

from pathlib import Path

import click

from benchbed.cli.common import console, open_registry, results_option, strict_option


@click.command("report")
@click.argument("protocol")
@click.option(
    "--format",
    "style",
    type=click.Choice(["terminal", "md", "csv", "json"]),
    default="terminal",
    show_default=True,
)
@click.option(
    "--delta-m",
    "definition",
    type=click.Choice(["primary", "per-task-mean", "flat"]),
    help="Definition of Δm. [default: the protocol's]",
)
@click.option("--reference", help="Method that Δm is relative to. [default: the baseline]")
@click.option("--write", is_flag=True, help="Write md, csv and json into RESULTS/leaderboards.")
@results_option
@strict_option
def command(
    protocol: str,
    style: str,
    definition: str | None,
    reference: str | None,
    write: bool,
    results: Path,
    strict_plugins: bool,
) -> None:
    """Show or write a protocol's leaderboard, from the records that there are.

    \b
    Examples:
      benchbed report digits
      benchbed report digits --format json --results my-results
      benchbed report digits --delta-m flat --reference hps+equal
    """
    from typing import cast

    from benchbed.api import leaderboard_of
    from benchbed.catalogue import find_protocol
    from benchbed.delta import Definition
    from benchbed.report.writers import FORMATS, to_terminal, write_leaderboard

    registry = open_registry(strict=strict_plugins)
    board = leaderboard_of(
        find_protocol(protocol, registry),
        registry,
        results,
        definition=cast("Definition | None", definition),
        reference=reference,
    )
    if style == "terminal":
        out = console()
        out.print(to_terminal(board, out.width))
    else:
        click.echo(FORMATS[style](board), nl=False)
    if write:
        for path in write_leaderboard(board, results / "leaderboards"):
            click.echo(f"Wrote {path}", err=True)
