"""``benchbed results forget-failed``."""

from __future__ import annotations

from pathlib import Path

import click

from benchbed.cli.common import results_option
from benchbed.cli.results.shown import remove_or_say
from benchbed.records.housekeeping import every_failure
from benchbed.records.store import Store


@click.command("forget-failed")
@results_option
@click.option("--yes", is_flag=True, help="Remove them.")
def command(results: Path, yes: bool) -> None:
    """Remove what failed runs left, so that tables no longer tell of them.

    \b
    Example:
      benchbed results forget-failed --yes
    """
    remove_or_say(every_failure(Store(results)), really=yes)
