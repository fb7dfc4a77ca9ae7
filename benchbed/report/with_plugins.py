"""A protocol's leaderboard with the names and the columns of the installed plugins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchbed.basics.errors import BenchbedError
from benchbed.contracts.delta import Definition
from benchbed.contracts.protocol import Protocol
from benchbed.discovery.method import resolve_under
from benchbed.discovery.registry import Registry
from benchbed.records.store import Store
from benchbed.report.leaderboard import Leaderboard, build_leaderboard
from benchbed.report.table.columns.plugins import add_columns


def leaderboard_of(
    protocol: Protocol,
    registry: Registry,
    results: str | Path,
    *,
    definition: Definition | None = None,
    reference: str | None = None,
    methods: Sequence[str] | None = None,
) -> Leaderboard:
    """Build a leaderboard, with the columns that plugins add.

    Raises:
        BenchbedError: there are no records.
    """
    if reference is not None:
        reference = _full_name(reference, protocol, registry)
    board = build_leaderboard(
        protocol, Store(results), definition=definition, reference=reference, methods=methods
    )
    return add_columns(board, registry)


def _full_name(method: str, protocol: Protocol, registry: Registry) -> str:
    """Return the name that a method's records have, or the text where its plugin is not there."""
    try:
        return resolve_under(protocol, method, registry).name
    except BenchbedError:
        return method
