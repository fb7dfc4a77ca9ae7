"""Requests: what a combination of protocol, methods and suite asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from benchbed.api.under_suites import UnderSuite, under_suites
from benchbed.basics.errors import ProtocolError
from benchbed.contracts.derived import Changes, with_changes
from benchbed.contracts.protocol import Protocol
from benchbed.discovery.catalogue import (
    Suite,
    find_protocol,
    require_name,
    suites,
)
from benchbed.discovery.registry import Registry
from benchbed.execution.plan import Plan, Settings, make_plan
from benchbed.records.tries import read_tries


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for: a protocol with methods, named one by one or by a suite.

    ``suite``: its name; empty where there is none, or it is one from a file.
    """

    protocol: Protocol
    methods: tuple[str, ...]
    suite: str = ""
    seeds: Sequence[int] | None = None
    log_gradients: bool = False

    def plan(
        self, registry: Registry, settings: Settings, seeds: Sequence[int] | None = None
    ) -> Plan:
        """Plan the runs, with the suite's seeds where none are given.

        Raises:
            BenchbedError: a name or an option is wrong, or data is missing.
        """
        settings = replace(settings, log_gradients=settings.log_gradients or self.log_gradients)
        chosen = self.seeds if seeds is None else seeds
        return make_plan(self.protocol, self.methods, registry, settings, chosen)


def requests(
    registry: Registry,
    protocol: str | None = None,
    methods: Sequence[str] = (),
    suite: str | Sequence[str] | None = None,
    *,
    changes: Changes = MappingProxyType({}),
    results: Path | None = None,
) -> list[Request]:
    """Return what a combination of protocol, methods and suites means.

    Nothing at all means the default suite; a protocol alone the suite of its name; suites may be
    narrowed to one protocol.

    Args:
        registry: the installed plugins.
        protocol: name, ``name@version`` or file.
        methods: names as typed.
        suite: names or files of suites, instead of methods.
        changes: settings of the protocols that are changed, for quick tries
            (:func:`~benchbed.contracts.derived.derive`).
        results: the results folder, where the protocols of earlier tries lie.

    Raises:
        ProtocolError: something does not exist, or a file has the name of an installed protocol.
    """
    names = [suite] if isinstance(suite, str) else list(suite or ())
    if methods and (names or protocol is None):
        raise ProtocolError("Methods go with a protocol, and without a suite; name one protocol.")
    tries = read_tries(results) if results else {}
    found = None if protocol is None else find_protocol(protocol, registry, tries)
    if found is not None:
        require_name(found, registry)
    if found is not None and methods:
        asked = [Request(found, tuple(methods))]
    else:
        asked = _of_suites(names, found, registry)
    return [replace(one, protocol=with_changes(one.protocol, changes)) for one in asked]


def _of_suites(
    names: Sequence[str], protocol: Protocol | None, registry: Registry
) -> list[Request]:
    """Return what suites ask for: under one protocol, or under each of their own.

    Without a name it is the suite of the protocol's name, or the default one.
    """
    if protocol is not None and not names:
        _require_own_suite(protocol, registry)
        names = [protocol.name]
    return [_of_suite(found) for found in under_suites(names or [None], protocol, registry)]


def _of_suite(found: UnderSuite) -> Request:
    suite = found.suite
    seeds = range(suite.seeds) if suite.seeds else None
    methods = tuple(suite.methods)
    return Request(found.protocol, methods, found.own_name, seeds, suite.log_gradients)


def _require_own_suite(protocol: Protocol, registry: Registry) -> None:
    """Refuse a protocol alone where no suite has its name.

    Raises:
        ProtocolError: with the suites that run it.
    """
    known = suites(registry)
    if protocol.name in known:
        return
    using = [name for name, suite in known.items() if _runs(suite, protocol)]
    suggested = f", or a suite: --suite {' or '.join(using)}" if using else ""
    raise ProtocolError(
        f"{protocol.id} stands alone, and there is no suite '{protocol.name}' of its name; name "
        f"methods after it{suggested}."
    )


def _runs(suite: Suite, protocol: Protocol) -> bool:
    names = [one.partition("@")[0] for one in suite.protocols]
    return protocol.name in names
