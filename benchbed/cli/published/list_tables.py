"""``benchbed published list``."""

from __future__ import annotations

from collections.abc import Collection

import click

from benchbed.cli.common import json_option, print_json, strict_option
from benchbed.cli.printed import open_library
from benchbed.published.table import Table


@click.command("list")
@json_option
@strict_option
def command(as_json: bool, strict_plugins: bool) -> None:
    """List the installed printed tables.

    \b
    Example:
      benchbed published list
    """
    _, library = open_library(strict=strict_plugins)
    if as_json:
        print_json([_plain(table) for table in library.tables.values()])
    else:
        _print(library.tables.values())


def _plain(table: Table) -> dict[str, object]:
    return {
        "table": table.id,
        "number": table.entry.number,
        "rows": len(table.rows),
        "caption": table.entry.caption,
        "source": table.paper.source,
        "compares": table.entry.compares,
    }


def _print(tables: Collection[Table]) -> None:
    """Print a line a table, under its paper."""
    width = max((len(table.id) for table in tables), default=0)
    previous = ""
    for table in tables:
        source = table.paper.source
        if source != previous:
            click.secho(("\n" if previous else "") + source, bold=True)
            previous = source
        click.echo(f"  {table.id:<{width}}  {len(table.rows):>2} rows  {table.entry.caption}")
