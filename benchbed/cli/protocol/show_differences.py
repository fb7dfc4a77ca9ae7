"""``benchbed protocol diff``."""

from __future__ import annotations

import click
import msgspec

from benchbed.cli.common import json_option, open_registry, print_json, strict_option
from benchbed.contracts.protocol import DISPLAY, Protocol
from benchbed.discovery.catalogue import find_protocol


@click.command("diff")
@click.argument("first")
@click.argument("second")
@json_option
@strict_option
def command(first: str, second: str, as_json: bool, strict_plugins: bool) -> None:
    """Show the fields in which two protocols differ; display text does not count.

    \b
    Example:
      benchbed protocol diff digits my-protocol.toml
    """
    registry = open_registry(strict=strict_plugins)
    left = find_protocol(first, registry)
    right = find_protocol(second, registry)
    different = _differences(left, right)
    if as_json:
        print_json(different)
        return
    if not different:
        click.echo(f"{left.id} and {right.id} do not differ.")
    for name, (before, after) in different.items():
        click.echo(f"{name}: {_shown(before)} → {_shown(after)}")


def _differences(left: Protocol, right: Protocol) -> dict[str, tuple[object, object]]:
    """Return the values of each field that differs, by its dotted name; ``None`` is not there."""
    before, after = _fields(left), _fields(right)
    different: dict[str, tuple[object, object]] = {}
    for name in sorted(before.keys() | after.keys()):
        values = before.get(name), after.get(name)
        if values[0] != values[1] and name not in DISPLAY:
            different[name] = values
    return different


def _fields(protocol: Protocol) -> dict[str, object]:
    fields = _flat(msgspec.to_builtins(protocol))
    # tasks are equal as mappings in any order, yet it decides which comes first
    fields["task order"] = list(protocol.tasks)
    return fields


def _flat(nested: dict[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in nested.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def _shown(value: object) -> str:
    return "not there" if value is None else str(value)
