"""What a data set has to say to its user."""

from __future__ import annotations

from pathlib import Path

import click

from benchbed.contracts.dataset import Dataset


def print_source(dataset: Dataset) -> None:
    """Print where a data set is from and on which terms, as far as it says."""
    if dataset.licence:
        click.echo(f"Licence: {dataset.licence}")
    if dataset.homepage:
        click.echo(f"Home page: {dataset.homepage}")


def print_notes(dataset: Dataset, root: Path | None) -> None:
    """Print what is odd, but not wrong, about a data set's files."""
    for note in dataset.notes(root):
        click.echo(f"Note: {note}", err=True)
