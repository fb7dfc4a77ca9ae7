"""``benchbed published audit``."""

from __future__ import annotations

import click

from benchbed.cli.common import json_option, print_json, strict_option
from benchbed.cli.printed import open_library
from benchbed.cli.published.checks import print_checks
from benchbed.published.report import report_on


@click.command("audit")
@click.argument("tables", nargs=-1)
@json_option
@strict_option
def command(tables: tuple[str, ...], as_json: bool, strict_plugins: bool) -> None:
    """Recompute every printed Δm, and look for disagreements, outliers and wrong costs.

    \b
    Examples:
      benchbed published audit
      benchbed published audit astmt-4b astmt-5b --json
    """
    _, library = open_library(strict=strict_plugins)
    report = report_on(library, tables)
    if as_json:
        print_json(report.plain())
        return
    print_checks(report.checks)
    counts = ", ".join(f"{number} {verdict}" for verdict, number in report.counts().items())
    click.echo(f"{len(report.checks)} rows with a baseline: {counts or 'none'}.")
    for title, lines in report.sections().items():
        if lines:
            click.secho(f"\n{title}", bold=True)
            click.echo("\n".join(lines))
