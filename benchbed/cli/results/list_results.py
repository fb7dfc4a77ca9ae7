"""``benchbed results list``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from benchbed.basics.texts import counted, visible
from benchbed.cli.common import json_option, print_json, results_option
from benchbed.cli.results.shown import size_text
from benchbed.records.housekeeping import held
from benchbed.records.store import Store


@click.command("list")
@results_option
@json_option
def command(results: Path, as_json: bool) -> None:
    """List protocols and methods with their records, failures and sizes.

    \b
    Example:
      benchbed results list --results my-results
    """
    found = held(Store(results))
    if as_json:
        print_json([asdict(item) for item in found])
        return
    if not found:
        click.echo(f"There are no records in {results}.")
    for item in found:
        failed = f", {item.failed} failed" if item.failed else ""
        runs = counted(item.runs, "run")
        name = visible(f"{item.protocol} {item.row}")
        click.echo(f"{name}: {runs}{failed}, {size_text(item.size)}")
