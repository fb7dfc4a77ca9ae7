"""``benchbed results``: a file of the folder ``results`` for each of its commands."""

from __future__ import annotations

from typing import Final

import click

from benchbed.cli.lazy import LazyGroup

MODULES: Final = {
    "forget-failed": "benchbed.cli.results.forget_failed",
    "list": "benchbed.cli.results.list_results",
    "remove": "benchbed.cli.results.remove_results",
    "size": "benchbed.cli.results.measure_size",
}


@click.group("results", cls=LazyGroup, modules=MODULES)
def command() -> None:
    """List, measure and remove what lies in a results folder.

    What removes says what it would remove, and does so with --yes.

    \b
    Examples:
      benchbed results list
      benchbed results remove digits hps+dwa
    """
