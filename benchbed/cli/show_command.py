"""``benchbed show``."""

from __future__ import annotations

from pathlib import Path

import click

from benchbed.basics.errors import BenchbedError, suggest
from benchbed.cli.common import (
    json_option,
    open_registry,
    plugin_option,
    print_json,
    strict_option,
)
from benchbed.contracts.protocol import Protocol
from benchbed.discovery.catalogue import Suite, protocols, suites
from benchbed.discovery.method import Component, resolve_method
from benchbed.discovery.registry import Entry, Registry
from benchbed.discovery.spec import KINDS, Option, show_value


@click.command("show")
@click.argument("name")
@json_option
@plugin_option
@strict_option
def command(name: str, as_json: bool, plugins: tuple[Path, ...], strict_plugins: bool) -> None:
    """Show one plugin, protocol, suite or method.

    \b
    Examples:
      benchbed show dwa
      benchbed show hps+dwa:T=3
      benchbed show digits
    """
    registry = open_registry(strict=strict_plugins, plugins=plugins)
    described = _describe(name, registry)
    if as_json:
        print_json(described)
        return
    for number, item in enumerate(described):
        title = f"{item['kind']} {item['id']}"
        click.secho(f"\n{title}" if number else title, bold=True)
        _print_fields(item)


def _print_fields(item: dict[str, object]) -> None:
    for key, value in item.items():
        if key in {"kind", "id"} or not value:
            continue
        if isinstance(value, dict):
            click.echo(f"  {key}:")
            for option, text in value.items():
                click.echo(f"    {option}: {text}")
        else:
            shown = ", ".join(value) if isinstance(value, list) else value
            click.echo(f"  {key}: {shown}")


def _describe(name: str, registry: Registry) -> list[dict[str, object]]:
    """Return all that goes by a name: components, protocols and suites, or one method."""
    if "+" in name or ":" in name:
        return _method(name, registry)
    described: list[dict[str, object]] = []
    for kind in KINDS:
        entry = registry.entries.get((kind, name))
        if entry is not None:
            described.append(_entry(entry))
    known = {component for _, component in registry.entries}
    for protocol in protocols(registry).values():
        names = {protocol.name, protocol.id}
        known |= names
        if name in names:
            described.append(_protocol(protocol))
    for suite in suites(registry).values():
        known.add(suite.name)
        if name == suite.name:
            described.append(_suite(suite))
    if not described:
        raise BenchbedError(f"There is nothing called '{name}'.{suggest(name, known)}")
    return described


def _protocol(protocol: Protocol) -> dict[str, object]:
    return {
        "kind": "protocol",
        "id": protocol.id,
        "title": protocol.title,
        "digest": protocol.digest,
        "citation": protocol.citation,
        "tasks": list(protocol.tasks),
        "epochs": str(protocol.epochs),
        "selection": str(protocol.selection),
    }


def _suite(suite: Suite) -> dict[str, object]:
    return {
        "kind": "suite",
        "id": suite.name,
        "title": suite.title,
        "protocols": suite.protocols,
        "methods": suite.methods,
    }


def _entry(entry: Entry) -> dict[str, object]:
    spec = entry.spec
    options: dict[str, str] = {}
    for name, option in spec.options.items():
        shown = f"<{name}>" if option.per_task else name
        options[shown] = _described(option)
    return {
        "kind": entry.kind,
        "id": spec.id,
        "version": spec.version,
        "summary": spec.summary,
        "citation": spec.citation,
        "traits": sorted(spec.traits),
        "options": options,
        "target": spec.target,
        "distribution": f"{entry.distribution} {entry.distribution_version}",
    }


def _described(option: Option) -> str:
    default = f"{option.type.__name__}, default {show_value(option.default)}"
    return "; ".join(filter(None, (default, option.limits(), option.help)))


def _method(name: str, registry: Registry) -> list[dict[str, object]]:
    method = resolve_method(name, registry, None)
    return [{"kind": "method", "id": method.name}, *map(_component, method.components)]


def _component(component: Component) -> dict[str, object]:
    return {
        "kind": component.kind,
        "id": component.id,
        "version": component.version,
        "options": {name: show_value(value) for name, value in component.options.items()},
        "source": component.source,
        "distribution": f"{component.distribution} {component.distribution_version}",
    }
