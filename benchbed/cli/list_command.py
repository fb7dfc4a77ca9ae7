"""``benchbed list``."""

from __future__ import annotations

import click

from benchbed.basics.errors import BenchbedError, suggest
from benchbed.cli.common import json_option, open_registry, print_json, strict_option
from benchbed.discovery.registry import FileKind, Registry
from benchbed.discovery.spec import KINDS


@click.command("list")
@click.argument("kind", required=False)
@json_option
@strict_option
def command(kind: str | None, as_json: bool, strict_plugins: bool) -> None:
    """List the installed plugins, protocols and suites.

    KIND is one of architecture, backbone, task, dataset, transform, weighting, executor,
    protocol, suite (the plural will do).

    \b
    Examples:
      benchbed list
      benchbed list weightings --json
    """
    registry = open_registry(strict=strict_plugins, note=False)
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
    rows = [
        {
            "kind": entry.kind,
            "id": entry.spec.id,
            "version": entry.spec.version,
            "summary": entry.spec.summary,
            "distribution": entry.distribution,
        }
        for wanted in KINDS
        if kind in {None, wanted}
        for entry in registry.of_kind(wanted)
    ]
    if kind in {None, "protocol", "suite"}:
        from benchbed.discovery.catalogue import protocols, suites

        if kind in {None, "protocol"}:
            rows += [
                _file_row("protocol", p.name, str(p.version), p.title, registry, p.id)
                for p in protocols(registry).values()
            ]
        if kind in {None, "suite"}:
            rows += [
                _file_row("suite", s.name, "", s.title, registry, s.name)
                for s in suites(registry).values()
            ]
    return rows


def _file_row(
    kind: FileKind, name: str, version: str, summary: str, registry: Registry, full: str
) -> dict[str, str]:
    return {
        "kind": kind,
        "id": name,
        "version": version,
        "summary": summary,
        "distribution": registry.origins[kind, full],
    }


def _print(rows: list[dict[str, str]]) -> None:
    width = max((len(row["id"]) for row in rows), default=0)
    previous = ""
    for row in rows:
        if row["kind"] != previous:
            previous = row["kind"]
            click.secho(("" if row is rows[0] else "\n") + previous, bold=True)
        version = f"{row['version']:<4}"
        origin = "" if row["distribution"] == "benchbed" else f"  [{row['distribution']}]"
        click.echo(f"  {row['id']:<{width}}  {version} {row['summary']}{origin}")
