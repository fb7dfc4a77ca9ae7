"""``benchbed protocol``: a file of the folder ``protocol`` for each of its commands."""

from __future__ import annotations

from typing import Final

import click

from benchbed.cli.lazy import LazyGroup

MODULES: Final = {
    "constant": "benchbed.cli.protocol.score_constant",
    "derive": "benchbed.cli.protocol.derive_protocol",
    "diff": "benchbed.cli.protocol.show_differences",
    "hash": "benchbed.cli.protocol.print_digest",
    "list": "benchbed.cli.protocol.list_protocols",
    "show": "benchbed.cli.protocol.show_protocol",
}


@click.group("protocol", cls=LazyGroup, modules=MODULES)
def command() -> None:
    """List, show, hash, compare and derive protocols.

    A protocol is named by its name (the newest version), by name@version, or by a TOML file.

    \b
    Examples:
      benchbed protocol show digits
      benchbed protocol diff digits my-protocol.toml
    """
