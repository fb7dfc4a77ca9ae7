"""``benchbed published show``."""

from __future__ import annotations

import click
from rich.text import Text

from benchbed.cli.common import console, json_option, print_json, strict_option
from benchbed.cli.printed import open_library
from benchbed.published.grid import to_markdown, to_terminal
from benchbed.published.plain import plain_table
from benchbed.published.render import table_caption, table_grid
from benchbed.published.table import Table


@click.command("show")
@click.argument("table")
@click.option(
    "--format",
    "style",
    type=click.Choice(["terminal", "md"]),
    default="terminal",
    show_default=True,
)
@json_option
@strict_option
def command(table: str, style: str, as_json: bool, strict_plugins: bool) -> None:
    """Show a printed table, Δm turned so that positive is better.

    \b
    Examples:
      benchbed published show astmt-4b
      benchbed published show ati-net-1 --format md
    """
    _, library = open_library(strict=strict_plugins)
    _show(library.table(table), style, as_json=as_json)


def _show(table: Table, style: str, *, as_json: bool) -> None:
    if as_json:
        print_json(plain_table(table))
        return
    grid, caption = table_grid(table), table_caption(table)
    if style == "md":
        click.echo(to_markdown(grid, caption))
        return
    out = console()
    out.print(to_terminal(grid.fitting(out.width), out.width))
    out.print(Text("\n" + "\n".join(caption), style="dim"))
