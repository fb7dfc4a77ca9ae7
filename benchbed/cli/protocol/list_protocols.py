"""``benchbed protocol list``."""

from __future__ import annotations

import click

from benchbed.cli.common import json_option, open_registry, print_json, strict_option
from benchbed.contracts.protocol import Protocol
from benchbed.discovery.catalogue import protocols


@click.command("list")
@json_option
@strict_option
def command(as_json: bool, strict_plugins: bool) -> None:
    """List the installed protocols with their digests.

    \b
    Example:
      benchbed protocol list
    """
    found = protocols(open_registry(strict=strict_plugins)).values()
    if as_json:
        print_json(list(map(_plain, found)))
        return
    for protocol in found:
        click.echo(f"{protocol.id:<24} {protocol.digest[:12]}  {protocol.title}")


def _plain(protocol: Protocol) -> dict[str, str]:
    return {"protocol": protocol.id, "digest": protocol.digest, "title": protocol.title}
