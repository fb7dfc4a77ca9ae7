"""``benchbed published import``."""

from __future__ import annotations

from pathlib import Path

import click

from benchbed.cli.common import json_option, print_json, strict_option
from benchbed.cli.printed import open_library
from benchbed.cli.published.checks import print_checks
from benchbed.published.audit import audit
from benchbed.published.exchange import check_import, write_table
from benchbed.published.plain import plain_check


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--output", type=click.Path(path_type=Path), help="Write the table, normalised, into a folder."
)
@json_option
@strict_option
def command(file: Path, output: Path | None, as_json: bool, strict_plugins: bool) -> None:
    """Check a printed table's CSV, and the paper.toml that lies beside it.

    \b
    Examples:
      benchbed published import my-paper/1.csv
      benchbed published import my-paper/1.csv --output plugin/published
    """
    _, library = open_library(strict=strict_plugins)
    table = check_import(library, file)
    checks = audit(library, table)
    written = write_table(table, output) if output else []
    if as_json:
        print_json(
            {
                "table": table.id,
                "rows": len(table.rows),
                "checks": list(map(plain_check, checks)),
                "written": list(map(str, written)),
            }
        )
        return
    click.echo(f"{file} is fine: {table.id}, {len(table.rows)} rows of {table.paper.source}.")
    for path in written:
        click.echo(f"Wrote {path}")
    if checks:
        print_checks(checks)
