"""Recomputed Δm on a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

import click

from benchbed.cli.common import console
from benchbed.published.audit import Check
from benchbed.published.grid import to_terminal
from benchbed.published.render import audit_grid


def print_checks(checks: Iterable[Check]) -> None:
    """Print recomputed Δm, a table for each printed one."""
    out = console()
    click.echo("Δm in percent; positive is better.\n")
    for name, group in groupby(checks, key=lambda check: check.table.id):
        click.secho(name, bold=True)
        out.print(to_terminal(audit_grid(group), out.width))
        click.echo()
