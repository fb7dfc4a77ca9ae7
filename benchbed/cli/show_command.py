"""``benchbed show``."""

from __future__ import annotations

import click

from benchbed.basics.errors import BenchbedError, suggest
from benchbed.cli.common import json_option, open_registry, print_json, strict_option
from benchbed.discovery.registry import Entry, Registry
from benchbed.discovery.spec import KINDS, Option, show_value


@click.command("show")
@click.argument("name")
@json_option
@strict_option
def command(name: str, as_json: bool, strict_plugins: bool) -> None:
    """Show one plugin, protocol, suite or method.

    \b
    Examples:
      benchbed show dwa
      benchbed show hps+dwa:T=3
      benchbed show digits
    """
    registry = open_registry(strict=strict_plugins)
    described = _describe(name, registry)
    if as_json:
        print_json(described)
        return
    for number, item in enumerate(described):
        click.secho(("\n" if number else "") + f"{item['kind']} {item['id']}", bold=True)
        for key, value in item.items():
            if key in {"kind", "id"} or not value:
                continue
            if key == "options":
                click.echo("  options:")
                for option, text in dict(value).items():  # type: ignore[call-overload]
                    click.echo(f"    {option}: {text}")
            else:
                shown = ", ".join(value) if isinstance(value, list) else value
                click.echo(f"  {key}: {shown}")


def _describe(name: str, registry: Registry) -> list[dict[str, object]]:
    from benchbed.discovery.catalogue import protocols, suites

    if "+" in name or ":" in name:
        return _method(name, registry)
    entries = [registry.entries[kind, name] for kind in KINDS if (kind, name) in registry.entries]
    described = [_entry(entry) for entry in entries]
    known = {spec_id for _, spec_id in registry.entries}
    for protocol in protocols(registry).values():
        known |= {protocol.name, protocol.id}
        if name in {protocol.name, protocol.id}:
            described.append(
                {
                    "kind": "protocol",
                    "id": protocol.id,
                    "title": protocol.title,
                    "digest": protocol.digest,
                    "citation": protocol.citation,
                    "tasks": list(protocol.tasks),
                    "epochs": str(protocol.epochs),
                    "selection": str(protocol.selection),
                }
            )
    for suite in suites(registry).values():
        known.add(suite.name)
        if name == suite.name:
            described.append(
                {
                    "kind": "suite",
                    "id": suite.name,
                    "title": suite.title,
                    "protocols": suite.protocols,
                    "methods": suite.methods,
                }
            )
    if not described:
        raise BenchbedError(f"There is nothing called '{name}'.{suggest(name, known)}")
    return described


def _entry(entry: Entry) -> dict[str, object]:
    spec = entry.spec
    return {
        "kind": entry.kind,
        "id": spec.id,
        "version": spec.version,
        "summary": spec.summary,
        "citation": spec.citation,
        "traits": sorted(spec.traits),
        "options": {
            (f"<{name}>" if option.per_task else name): _described(option)
            for name, option in spec.options.items()
        },
        "target": spec.target,
        "distribution": f"{entry.distribution} {entry.distribution_version}",
    }


def _described(option: Option) -> str:
    default = f"{option.type.__name__}, default {show_value(option.default)}"
    return "; ".join(filter(None, (default, option.limits(), option.help)))


def _method(name: str, registry: Registry) -> list[dict[str, object]]:
    from benchbed.discovery.method import resolve_method

    method = resolve_method(name, registry, None)
    described: list[dict[str, object]] = [{"kind": "method", "id": method.name}]
    for component in method.components:
        options = {key: show_value(value) for key, value in component.options.items()}
        described.append(
            {
                "kind": component.kind,
                "id": component.id,
                "version": component.version,
                "options": options,
                "source": component.source,
                "distribution": f"{component.distribution} {component.distribution_version}",
            }
        )
    return described
