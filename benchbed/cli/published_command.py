"""``benchbed published``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchbed.cli.common import console, json_option, print_json, strict_option
from benchbed.cli.compare_command import command as compare
from benchbed.cli.printed import open_library

if TYPE_CHECKING:
    from benchbed.published.audit import Check
    from benchbed.published.table import Table


@click.group("published")
def command() -> None:
    """List, show, import, audit and compare printed tables of papers.

    \b
    Examples:
      benchbed published list
      benchbed published audit astmt-5a
    """


command.add_command(compare)


@command.command("list")
@json_option
@strict_option
def list_tables(as_json: bool, strict_plugins: bool) -> None:
    """List the installed printed tables.

    \b
    Example:
      benchbed published list
    """
    _, library = open_library(strict=strict_plugins)
    rows = [
        {
            "table": table.id,
            "number": table.entry.number,
            "rows": len(table.rows),
            "caption": table.entry.caption,
            "source": table.paper.source,
            "compares": table.entry.compares,
        }
        for table in library.tables.values()
    ]
    if as_json:
        print_json(rows)
        return
    width = max((len(table.id) for table in library.tables.values()), default=0)
    previous = ""
    for row in rows:
        if row["source"] != previous:
            click.secho(("\n" if previous else "") + str(row["source"]), bold=True)
            previous = str(row["source"])
        click.echo(f"  {row['table']:<{width}}  {row['rows']:>2} rows  {row['caption']}")


@command.command("show")
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
def show(table: str, style: str, as_json: bool, strict_plugins: bool) -> None:
    """Show a printed table, Δm turned so that positive is better.

    \b
    Examples:
      benchbed published show astmt-4b
      benchbed published show ati-net-1 --format md
    """
    _, library = open_library(strict=strict_plugins)
    _show(library.table(table), style, as_json=as_json)


def _show(table: Table, style: str, *, as_json: bool) -> None:
    from rich.text import Text

    from benchbed.published.grid import to_markdown, to_terminal
    from benchbed.published.plain import plain_table
    from benchbed.published.render import table_caption, table_grid

    if as_json:
        print_json(plain_table(table))
    elif style == "md":
        click.echo(to_markdown(table_grid(table), table_caption(table)))
    else:
        out = console()
        out.print(to_terminal(table_grid(table).fitting(out.width), out.width))
        out.print(Text("\n" + "\n".join(table_caption(table)), style="dim"))


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--output", type=click.Path(path_type=Path), help="Write the table, normalised, into a folder."
)
@json_option
@strict_option
def import_table(file: Path, output: Path | None, as_json: bool, strict_plugins: bool) -> None:
    """Check a printed table's CSV, and the paper.toml that lies beside it.

    \b
    Examples:
      benchbed published import my-paper/1.csv
      benchbed published import my-paper/1.csv --output plugin/published
    """
    from benchbed.published.audit import audit
    from benchbed.published.exchange import check_import, write_table
    from benchbed.published.plain import plain_check

    _, library = open_library(strict=strict_plugins)
    table = check_import(library, file)
    checks = audit(library, table)
    written = write_table(table, output) if output else []
    if as_json:
        print_json(
            {
                "table": table.id,
                "rows": len(table.rows),
                "checks": [plain_check(check) for check in checks],
                "written": [str(path) for path in written],
            }
        )
        return
    click.echo(f"{file} is fine: {table.id}, {len(table.rows)} rows of {table.paper.source}.")
    for path in written:
        click.echo(f"Wrote {path}")
    if checks:
        _print_checks(checks)


@command.command("audit")
@click.argument("tables", nargs=-1)
@json_option
@strict_option
def audit_tables(tables: tuple[str, ...], as_json: bool, strict_plugins: bool) -> None:
    """Recompute every printed Δm, and look for disagreements, outliers and wrong costs.

    \b
    Examples:
      benchbed published audit
      benchbed published audit astmt-4b astmt-5b --json
    """
    from benchbed.published.report import report_on

    _, library = open_library(strict=strict_plugins)
    report = report_on(library, tables)
    if as_json:
        print_json(report.plain())
        return
    _print_checks(report.checks)
    counts = ", ".join(f"{number} {verdict}" for verdict, number in report.counts().items())
    click.echo(f"{len(report.checks)} rows with a baseline: {counts or 'none'}.")
    for title, lines in report.sections().items():
        if lines:
            click.secho(f"\n{title}", bold=True)
            click.echo("\n".join(lines))


def _print_checks(checks: list[Check]) -> None:
    from itertools import groupby

    from benchbed.published.grid import to_terminal
    from benchbed.published.render import audit_grid

    out = console()
    click.echo("Δm in percent; positive is better.\n")
    for name, group in groupby(checks, key=lambda check: check.table.id):
        click.secho(name, bold=True)
        out.print(to_terminal(audit_grid(group), out.width))
        click.echo()
