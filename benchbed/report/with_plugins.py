"""A protocol's leaderboard with the names and the columns of the installed plugins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchbed.basics.errors import BenchbedError
from benchbed.contracts.delta import Definition
from benchbed.contracts.protocol import Protocol
from benchbed.discovery.method import resolve_under
from benchbed.discovery.registry import Registry
from benchbed.records.row_id import parse_row
from benchbed.records.store import Store
from benchbed.report.leaderboard import Leaderboard, build_leaderboard
from benchbed.report.records.installed import Installed
from benchbed.report.records.of_split import Split
from benchbed.report.table.columns.plugins import add_columns


def leaderboard_of(
    protocol: Protocol,
    registry: Registry,
    results: str | Path,
    *,
    definition: Definition | None = None,
    reference: str | None = None,
    methods: Sequence[str] | None = None,
    pretrained: str | None = None,
    data_root: Path | None = None,
    split: Split = "test",
) -> Leaderboard:
    """Build a leaderboard, with the columns that plugins add.

    Args:
        protocol: of the records.
        registry: the installed plugins, which decide which records count where versions differ.
        results: the results folder.
        definition: of Δm; the protocol's own by default.
        reference: row that Δm is relative to, instead of the baseline.
        methods: canonical names to show; all by default (baselines are always kept).
        pretrained: of these only the rows that began with the weights of this SHA-256; empty: from
            scratch.
        data_root: the folder of the data sets, which decides where the data differ.
        split: whose scores are shown, ``test`` or ``validation``.

    Raises:
        BenchbedError: there are no records.
    """
    if reference is not None:
        reference = _full_name(reference, protocol, registry)
    board = build_leaderboard(
        protocol,
        Store(results),
        installed=Installed(protocol, registry, data_root),
        definition=definition,
        reference=reference,
        methods=methods,
        pretrained=pretrained,
        split=split,
    )
    return add_columns(board, registry)


def _full_name(name: str, protocol: Protocol, registry: Registry) -> str:
    """Return the name that a row has, or the text where its plugin is not there."""
    row = parse_row(name)
    try:
        method = resolve_under(protocol, row.method, registry).name
    except BenchbedError:
        return name
    return row._replace(method=method).name
