"""``benchbed protocol show``."""

from __future__ import annotations

import click
import msgspec

from benchbed.cli.common import json_option, open_registry, print_json, strict_option
from benchbed.discovery.catalogue import find_protocol


@click.command("show")
@click.argument("protocol")
@json_option
@strict_option
def command(protocol: str, as_json: bool, strict_plugins: bool) -> None:
    """Show a protocol with all its fields, defaults filled in.

    \b
    Example:
      benchbed protocol show digits
    """
    found = find_protocol(protocol, open_registry(strict=strict_plugins))
    fields = msgspec.to_builtins(found)
    if as_json:
        print_json({"digest": found.digest, **fields})
        return
    click.echo(f"{found.id}: {found.title}\ndigest {found.digest}")
    if found.description:
        click.echo(found.description.strip())
    for told in ("title", "description", "name", "version"):
        fields.pop(told, None)
    _print_nested(fields, 0)


def _print_nested(fields: dict[str, object], depth: int) -> None:
    indent = "  " * depth
    for name, value in fields.items():
        if isinstance(value, dict) and value:
            click.echo(f"{indent}{name}:")
            _print_nested(value, depth + 1)
        elif value not in ("", {}):
            click.echo(f"{indent}{name}: {value}")
