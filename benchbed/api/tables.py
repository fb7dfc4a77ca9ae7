"""Which leaderboards a protocol and suites mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchbed.api.under_suites import under_suites
from benchbed.contracts.derived import Changes, with_changes
from benchbed.contracts.protocol import Protocol
from benchbed.discovery.catalogue import find_protocol
from benchbed.discovery.registry import Registry
from benchbed.records.tries import read_tries
from benchbed.report.committed import suite_methods


@dataclass(frozen=True, slots=True)
class Asked:
    """One leaderboard.

    Attributes:
        methods: canonical names; ``None``: all that have records.
        name: of its files; ``None``: that of the protocol.
    """

    protocol: Protocol
    methods: list[str] | None
    name: str | None


def tables(
    registry: Registry,
    protocol: str | None,
    suites: Sequence[str],
    *,
    changes: Changes,
    results: Path,
) -> list[Asked]:
    """Return the leaderboards that are asked for.

    Args:
        registry: the installed plugins.
        protocol: name or file; that of each suite by default.
        suites: names or files.
        changes: settings of the protocols that were changed, for quick tries.
        results: the results folder, where the protocols of earlier tries lie.

    Raises:
        BenchbedError: something does not exist.
    """
    found = None if protocol is None else find_protocol(protocol, registry, read_tries(results))
    if found is not None and not suites:
        return [Asked(with_changes(found, changes), None, None)]
    asked: list[Asked] = []
    for under in under_suites(suites, found, registry):
        chosen = with_changes(under.protocol, changes)
        methods = suite_methods(under.suite, chosen, registry)
        name = f"{under.own_name}.{chosen.id}" if under.own_name else None
        asked.append(Asked(chosen, methods, name))
    return asked
