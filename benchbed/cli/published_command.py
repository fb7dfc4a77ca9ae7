"""``benchbed published``: a file of the folder ``published`` for each of its commands."""

from __future__ import annotations

from typing import Final

import click

from benchbed.cli.lazy import LazyGroup

MODULES: Final = {
    "audit": "benchbed.cli.published.audit_tables",
    "compare": "benchbed.cli.compare_command",
    "import": "benchbed.cli.published.import_table",
    "list": "benchbed.cli.published.list_tables",
    "show": "benchbed.cli.published.show_table",
}


@click.group("published", cls=LazyGroup, modules=MODULES)
def command() -> None:
    """List, show, import, audit and compare printed tables of papers.

    \b
    Examples:
      benchbed published list
      benchbed published audit astmt-5a
    """
