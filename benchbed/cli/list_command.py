"""``benchbed list``."""

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
from benchbed.discovery.catalogue import protocols, suites
from benchbed.discovery.registry import Entry, Registry
from benchbed.discovery.spec import KINDS


@click.command("list")
@click.argument("kind", required=False)
@json_option
@plugin_option
@strict_option
def command(
    kind: str | None, as_json: bool, plugins: tuple[Path, ...], strict_plugins: bool
) -> None:
    """List the installed plugins, protocols and suites.

    KIND is one of architecture, backbone, task, dataset, transform, weighting, executor,
    logger, protocol, suite (the plural will do).

    \b
    Examples:
      benchbed list
      benchbed list weightings --json
    """
    registry = open_registry(strict=strict_plugins, note=False, plugins=plugins)
    rows = _rows(registry, _singular(kind) if kind else None)
    if as_json:
        print_json(rows)
    else:
        _print(rows)
    for broken in registry.broken:
        click.echo(f"Left out: {broken}", err=True)


def _singular(kind: str) -> str:
    known = [*KINDS, "protocol", "suite"]
    name = kind.lower()
    for singular in known:
        plural = singular[:-1] + "ies" if singular.endswith("y") else singular + "s"
        if name in {singular, plural}:
            return singular
    raise BenchbedError(f"There is no kind '{kind}'.{suggest(name, known)}")


def _rows(registry: Registry, kind: str | None) -> list[dict[str, str]]:
    """Return what there is of a kind, or of all kinds, in the order of the kinds."""
    rows: list[dict[str, str]] = []
    for wanted in KINDS:
        if kind in {None, wanted}:
            rows += map(_component_row, registry.of_kind(wanted))
    if kind in {None, "protocol"}:
        for protocol in protocols(registry).values():
            origin = registry.origins["protocol", protocol.id]
            version = str(protocol.version)
            rows.append(_row("protocol", protocol.name, version, protocol.title, origin))
    if kind in {None, "suite"}:
        for suite in suites(registry).values():
            origin = registry.origins["suite", suite.name]
            rows.append(_row("suite", suite.name, "", suite.title, origin))
    return rows


def _component_row(entry: Entry) -> dict[str, str]:
    spec = entry.spec
    return _row(entry.kind, spec.id, spec.version, spec.summary, entry.distribution)


def _row(kind: str, name: str, version: str, summary: str, distribution: str) -> dict[str, str]:
    return {
        "kind": kind,
        "id": name,
        "version": version,
        "summary": summary,
        "distribution": distribution,
    }


def _print(rows: list[dict[str, str]]) -> None:
    width = max((len(row["id"]) for row in rows), default=0)
    previous = ""
    for row in rows:
        if row["kind"] != previous:
            previous = row["kind"]
            click.secho(("" if row is rows[0] else "\n") + previous, bold=True)
        line = f"  {row['id']:<{width}}  {row['version']:<4} {row['summary']}"
        if row["distribution"] != "benchbed":
            line += f"  [{row['distribution']}]"
        click.echo(line)
