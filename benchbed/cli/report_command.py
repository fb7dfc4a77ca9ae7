"""``benchbed report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchbed.cli.common import console, open_registry, results_option, strict_option

if TYPE_CHECKING:
    from benchbed.delta import Definition
    from benchbed.registry import Registry


@click.command("report")
@click.argument("protocol", required=False)
@click.option("--suite", help="Only the methods of a suite.")
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
@click.option("--write", is_flag=True, help="Write md, csv and json into the output folder.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for --write. [default: RESULTS/leaderboards]",
)
@click.option(
    "--check",
    is_flag=True,
    help="Show nothing; end with status 1 if a leaderboard in RESULTS/leaderboards is stale.",
)
@results_option
@strict_option
def command(
    protocol: str | None,
    suite: str | None,
    style: str,
    definition: Definition | None,
    reference: str | None,
    write: bool,
    output: Path | None,
    check: bool,
    results: Path,
    strict_plugins: bool,
) -> None:
    """Show, write or check a protocol's leaderboard, from the records that there are.

    \b
    Examples:
      benchbed report digits
      benchbed report digits --format json --results my-results
      benchbed report digits --delta-m flat --reference hps+equal
      benchbed report --check
    """
    if protocol is None and suite is None and not check:
        raise click.UsageError("Name a protocol, or a suite with --suite.")
    if check and (write or output or definition or reference or style != "terminal"):
        raise click.UsageError("--check goes with a protocol, --suite and --results alone.")
    registry = open_registry(strict=strict_plugins)
    if check:
        _check(registry, protocol, suite, results)
        return

    from benchbed.api import leaderboard_of
    from benchbed.catalogue import find_protocol, find_suite
    from benchbed.report.committed import suite_methods
    from benchbed.report.writers import FORMATS, to_terminal, write_leaderboard

    chosen = find_suite(suite, registry) if suite is not None else None
    names = [protocol] if protocol is not None else chosen.protocols if chosen else []
    for found in [find_protocol(name, registry) for name in names]:
        board = leaderboard_of(
            found,
            registry,
            results,
            definition=definition,
            reference=reference,
            methods=suite_methods(chosen, found, registry) if chosen else None,
        )
        if style == "terminal":
            out = console()
            out.print(to_terminal(board, out.width))
        else:
            click.echo(FORMATS[style](board), nl=False)
        if write:
            name = f"{chosen.name}.{found.id}" if chosen else None
            folder = output or results / "leaderboards"
            for path in write_leaderboard(board, folder, name, results):
                click.echo(f"Wrote {path}", err=True)


def _check(registry: Registry, protocol: str | None, suite: str | None, results: Path) -> None:
    from benchbed.catalogue import find_protocol
    from benchbed.report.committed import check_leaderboards

    found = find_protocol(protocol, registry) if protocol is not None else None
    checked = check_leaderboards(results, registry, found, suite)
    stale = [item for item in checked if item.is_stale]
    for item in stale:
        click.echo(item, err=True)
    click.echo(f"{len(checked)} leaderboards checked, {len(stale)} stale.")
    if stale:
        raise click.exceptions.Exit(1)
