"""``benchbed data prepare``."""

from __future__ import annotations

import time
from pathlib import Path

import click

from benchbed.basics.cache import cache_folder
from benchbed.cli.common import console, data_option, seconds_text, strict_option
from benchbed.cli.data.notes import print_notes, print_source
from benchbed.cli.data_command import find_dataset
from benchbed.contracts.dataset import Dataset
from benchbed.execution.prepare import prepare


@click.command("prepare")
@click.argument("dataset")
@data_option
@strict_option
def command(dataset: str, data_root: Path | None, strict_plugins: bool) -> None:
    """Prepare a data set: make once, in the cache, what all runs share.

    The cache is the folder that $BENCHBED_CACHE names, or the system's for caches; how much will
    be written is told first.

    \b
    Example:
      benchbed data prepare nyuv2 --root /data
    """
    found = find_dataset(dataset, strict=strict_plugins)
    print_source(found)
    if type(found).prepare is Dataset.prepare:
        click.echo(f"{dataset}: nothing to prepare.")
        return
    start = time.perf_counter()
    if prepare(found, dataset, data_root, console(stderr=True)):
        click.echo(f"{dataset}: prepared in {seconds_text(time.perf_counter() - start)}.")
    else:
        click.echo(f"{dataset}: prepared already.")
    print_notes(found, data_root)
    click.echo(f"The cache is {cache_folder()}.")
