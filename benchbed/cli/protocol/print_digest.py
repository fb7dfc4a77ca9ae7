"""``benchbed protocol hash``."""

from __future__ import annotations

import click

from benchbed.basics.canonical import canonical_json
from benchbed.cli.common import open_registry, strict_option
from benchbed.discovery.catalogue import find_protocol


@click.command("hash")
@click.argument("protocol")
@click.option("--canonical", is_flag=True, help="Print the text that the digest is taken of.")
@strict_option
def command(protocol: str, canonical: bool, strict_plugins: bool) -> None:
    """Print a protocol's digest.

    \b
    Example:
      benchbed protocol hash digits@1
    """
    found = find_protocol(protocol, open_registry(strict=strict_plugins))
    click.echo(canonical_json(found.canonical()) if canonical else found.digest)
