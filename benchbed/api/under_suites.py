"""The protocols that suites are asked for under."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from benchbed.contracts.protocol import Protocol
from benchbed.discovery.catalogue import Suite, find_protocol, find_suite, is_file
from benchbed.discovery.registry import Registry


@dataclass(frozen=True, slots=True)
class UnderSuite:
    """A suite under one protocol.

    ``own_name``: the suite's, under which tables of it are written; empty of one from a file, as
    only installed suites have tables of their own.
    """

    suite: Suite
    protocol: Protocol
    own_name: str


def under_suites(
    names: Iterable[str | None], protocol: Protocol | None, registry: Registry
) -> Iterator[UnderSuite]:
    """Yield suites under a protocol, or under each of their own.

    Args:
        names: of installed suites, or files; ``None`` is the default suite.
        protocol: instead of the suites' own.
        registry: the installed plugins.

    Raises:
        ProtocolError: something does not exist.
    """
    for name in names:
        suite = find_suite(name, registry)
        own_name = "" if name is not None and is_file(name) else suite.name
        own = [protocol] if protocol is not None else _protocols_of(suite, registry)
        for each in own:
            yield UnderSuite(suite, each, own_name)


def _protocols_of(suite: Suite, registry: Registry) -> list[Protocol]:
    return [find_protocol(name, registry) for name in suite.protocols]
