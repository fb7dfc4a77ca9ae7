"""``benchbed import``."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from benchbed.cli.common import json_option, open_registry, print_json, results_option
from benchbed.exchange.importing import Status, import_records
from benchbed.records.store import Store


@click.command("import")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check the records and write nothing.")
@results_option
@json_option
def command(folder: Path, dry_run: bool, results: Path, as_json: bool) -> None:
    """Take others' records, one by one.

    FOLDER is a results folder or any folder of records. Ends with status 1 when a record was
    refused; the others are taken all the same.

    \b
    Examples:
      benchbed import ../their-results
      benchbed import downloads --dry-run
    """
    registry = open_registry(strict=False)
    items = import_records(folder, Store(results), registry, dry_run=dry_run)
    counts = dict.fromkeys(get_args(Status), 0)
    for item in items:
        counts[item.status] += 1
    if as_json:
        print_json({"counts": counts, "items": [item.facts() for item in items]})
    else:
        for item in items:
            if item.note:
                click.echo(item, err=item.status == "refused")
        click.echo(", ".join(f"{count} {status}" for status, count in counts.items()) + ".")
    if counts["refused"]:
        raise click.exceptions.Exit(1)
