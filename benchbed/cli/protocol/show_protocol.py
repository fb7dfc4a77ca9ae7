"""``benchbed protocol show``."""

from __future__ import annotations

import click
import msgspec

from benchbed.cli.common import json_option, open_registry, print_json, strict_option
from benchbed.contracts.derived import to_toml
from benchbed.discovery.catalogue import find_protocol


@click.command("show")
@click.argument("protocol")
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "toml"]),
    default="text",
    show_default=True,
    help="toml: the file of a protocol, without fields at their defaults.",
)
@json_option
@strict_option
def command(protocol: str, style: str, as_json: bool, strict_plugins: bool) -> None:
    """Show a protocol with all its fields, defaults filled in.

    \b
    Examples:
      benchbed protocol show digits
      benchbed protocol show digits --format toml > my-digits.toml
    """
    if as_json and style != "text":
        raise click.UsageError("--json is a format of its own; leave out --format.")
    found = find_protocol(protocol, open_registry(strict=strict_plugins))
    if style == "toml":
        click.echo(to_toml(found), nl=False)
        return
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
