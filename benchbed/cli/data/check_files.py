"""``benchbed data check``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from benchbed.cli.common import console, data_option, json_option, print_json, strict_option
from benchbed.cli.data.notes import print_notes
from benchbed.cli.data_command import find_dataset
from benchbed.execution.prepare import progress_bar

MOST_PROBLEMS: Final = 100
"""That are printed."""


@click.command("check")
@click.argument("dataset")
@data_option
@json_option
@strict_option
def command(dataset: str, data_root: Path | None, as_json: bool, strict_plugins: bool) -> None:
    """Check a data set's files: read them all, and name what is missing or wrong.

    Ends with status 2 if anything is.

    \b
    Example:
      benchbed data check nyuv2 --root /data
    """
    found = find_dataset(dataset, strict=strict_plugins)
    with progress_bar(f"checking {dataset}", console(stderr=True)) as report:
        problems = found.check(data_root, report)
    if as_json:
        print_json({"dataset": dataset, "problems": problems})
    else:
        lines = problems[:MOST_PROBLEMS]
        if len(problems) > MOST_PROBLEMS:
            lines.append(f"… and {len(problems) - MOST_PROBLEMS} more; --json lists them all.")
        click.echo("\n".join(lines) or f"{dataset}: nothing wrong.")
    if problems:
        raise click.exceptions.Exit(2)
    print_notes(found, data_root)
