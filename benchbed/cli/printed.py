"""What ``published`` and ``compare`` share: the printed tables of the installed plugins."""

from __future__ import annotations

import click

from benchbed.cli.common import open_registry
from benchbed.discovery.registry import Registry
from benchbed.published.library import Library
from benchbed.published.registered import read_library


def open_library(*, strict: bool) -> tuple[Registry, Library]:
    """Discover the plugins and read their printed tables; name broken ones on standard error."""
    registry = open_registry(strict=strict)
    noted = len(registry.broken)
    library = read_library(registry)
    if strict:
        registry.require_sound()
    for broken in registry.broken[noted:]:
        click.echo(f"Note: left out {broken}", err=True)
    return registry, library
