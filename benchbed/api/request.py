"""Requests: what a combination of protocol, methods and suite asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchbed.basics.errors import ProtocolError
from benchbed.contracts.protocol import Protocol
from benchbed.discovery.catalogue import Suite, find_protocol, find_suite, require_name, suites
from benchbed.discovery.registry import Registry
from benchbed.execution.plan import Plan, Settings, make_plan


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for: a protocol with methods, named one by one or by a suite."""

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
    suite: str | None = None,
) -> list[Request]:
    """Return what a combination of protocol, methods and suite means.

    Nothing at all means the default suite; a protocol alone the suite of its name; a suite may be
    narrowed to one protocol.

    Raises:
        ProtocolError: something does not exist, or a file has the name of an installed protocol.
    """
    if methods and (suite is not None or protocol is None):
        raise ProtocolError("Methods go with a protocol, and without a suite; name one protocol.")
    if protocol is None:
        found = find_suite(suite or None, registry)
        return [_of_suite(found, find_protocol(name, registry)) for name in found.protocols]
    chosen = find_protocol(protocol, registry)
    require_name(chosen, registry)
    if methods:
        return [Request(chosen, tuple(methods))]
    if suite is None:
        _require_own_suite(chosen, registry)
    return [_of_suite(find_suite(suite or chosen.name, registry), chosen)]


def _of_suite(suite: Suite, protocol: Protocol) -> Request:
    seeds = range(suite.seeds) if suite.seeds else None
    return Request(protocol, tuple(suite.methods), suite.name, seeds, suite.log_gradients)


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
