"""``benchbed data fixture``."""

from __future__ import annotations

from pathlib import Path

import click

from benchbed.basics.errors import DataError
from benchbed.cli.common import strict_option
from benchbed.cli.data_command import find_dataset
from benchbed.contracts.dataset import Dataset, has_fixture, needs_files


@click.command("fixture")
@click.argument("dataset")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@strict_option
def command(dataset: str, folder: Path, strict_plugins: bool) -> None:
    """Write a miniature of a data set in its true layout, to try things out.

    FOLDER must be empty or not there yet.

    \b
    Example:
      benchbed data fixture digits miniature
    """
    found = find_dataset(dataset, strict=strict_plugins)
    if not has_fixture(found):
        raise DataError(_no_miniature(dataset, found))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise DataError(f"{folder} is not empty; name a new folder.")
        found.fixture(folder)
    except OSError as error:
        raise DataError(f"Cannot write {folder}: {error.strerror}; name another folder.") from error
    click.echo(folder)


def _no_miniature(name: str, dataset: Dataset) -> str:
    if needs_files(dataset):
        return (
            f"The plugin of data set '{name}' has no fixture, so there is no miniature of it; take "
            "the data set's own files (--root), or give the plugin a fixture."
        )
    return f"Data set '{name}' needs no files, so there is no miniature of it."
