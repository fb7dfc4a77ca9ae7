"""Which leaderboards a protocol and suites mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchbed.contracts.derived import Changes, derive
from benchbed.contracts.protocol import Protocol
from benchbed.discovery.catalogue import Suite, find_protocol, find_suite, is_file
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
    tries = read_tries(results)
    given = [] if protocol is None else [find_protocol(protocol, registry, tries)]
    if not suites:
        return [Asked(_changed(found, changes), None, None) for found in given]
    asked: list[Asked] = []
    for name in suites:
        suite = find_suite(name, registry)
        own = given or [find_protocol(each, registry) for each in suite.protocols]
        asked += [_of_suite(suite, _changed(each, changes), registry, name) for each in own]
    return asked


def _of_suite(suite: Suite, protocol: Protocol, registry: Registry, name: str) -> Asked:
    # tables are written under the names of installed suites alone
    file = None if is_file(name) else f"{suite.name}.{protocol.id}"
    return Asked(protocol, suite_methods(suite, protocol, registry), file)


def _changed(protocol: Protocol, changes: Changes) -> Protocol:
    return derive(protocol, changes) if changes else protocol
