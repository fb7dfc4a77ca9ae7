"""``benchbed results size``."""

from __future__ import annotations

from pathlib import Path

import click

from benchbed.cli.common import json_option, print_json, results_option
from benchbed.cli.results.shown import size_text
from benchbed.records.housekeeping import sizes
from benchbed.records.store import Store


@click.command("size")
@results_option
@json_option
def command(results: Path, as_json: bool) -> None:
    """Tell how large each part of a results folder is, the largest first.

    \b
    Example:
      benchbed results size
    """
    found = sizes(Store(results))
    if as_json:
        print_json(found)
        return
    for name, size in found.items():
        click.echo(f"{size_text(size):>10}  {name}")
    click.echo(f"{size_text(sum(found.values())):>10}  in all")
