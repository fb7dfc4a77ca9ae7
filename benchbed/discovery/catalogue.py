"""Protocols and suites by name, out of the files that plugins register."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec

from benchbed.basics.errors import ProtocolError, one_line, suggest
from benchbed.contracts.protocol import Name, Protocol, parse_toml, read_protocol, read_text
from benchbed.discovery.registry import Broken, FileEntry, FileKind, Registry


class Suite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Methods × protocols under one name, for instance one printed table of a paper.

    ``default``: what ``benchbed run`` without arguments does; ``seeds``: how many, instead of the
    protocol's own; ``log_gradients``: as the option of ``benchbed run``.
    """

    name: Name
    protocols: list[str]
    methods: list[str]
    title: str = ""
    description: str = ""
    default: bool = False
    seeds: Annotated[int, msgspec.Meta(ge=0)] = 0
    log_gradients: bool = False


def protocols(registry: Registry) -> dict[str, Protocol]:
    """Return the registered protocols by ``name@version``; a broken file joins ``broken``."""
    found: dict[str, Protocol] = {}
    for entry in _files(registry, "protocol"):
        try:
            protocol: Protocol = _read_once(registry, entry.path, read_protocol)
            if protocol.id in found:
                raise ProtocolError(f"{entry.path}: protocol {protocol.id} is registered twice.")
            found[protocol.id] = protocol
            registry.origins["protocol", protocol.id] = entry.distribution
        except ProtocolError as error:
            _note(registry, entry, error)
    return dict(sorted(found.items()))


def find_protocol(name: str, registry: Registry) -> Protocol:
    """Return a protocol by ``name@version``, by bare name (its newest version), or by file.

    Raises:
        ProtocolError: there is none.
    """
    if name.endswith(".toml"):
        return read_protocol(Path(name))
    known = protocols(registry)
    if name in known:
        return known[name]
    versions = [protocol for protocol in known.values() if protocol.name == name]
    if versions:
        return max(versions, key=lambda protocol: protocol.version)
    names = {*known, *(protocol.name for protocol in known.values())}
    raise ProtocolError(
        f"There is no protocol '{name}'.{suggest(name, names)}{registry.left_out()}"
    )


def suites(registry: Registry) -> dict[str, Suite]:
    """Return the registered suites by name; a broken file joins ``broken``."""
    found: dict[str, Suite] = {}
    for entry in _files(registry, "suite"):
        try:
            suite: Suite = _read_once(registry, entry.path, _read_suite)
            if suite.name in found:
                raise ProtocolError(f"{entry.path}: suite {suite.name} is registered twice.")
            found[suite.name] = suite
            registry.origins["suite", suite.name] = entry.distribution
        except ProtocolError as error:
            _note(registry, entry, error)
    return dict(sorted(found.items()))


def find_suite(name: str | None, registry: Registry) -> Suite:
    """Return a suite by name; ``None`` means the one marked as default.

    Raises:
        ProtocolError: there is none.
    """
    known = suites(registry)
    if name is None:
        defaults = [suite for suite in known.values() if suite.default]
        if not defaults:
            raise ProtocolError("No default suite is installed; name a protocol and methods.")
        return defaults[0]
    if name not in known:
        raise ProtocolError(f"There is no suite '{name}'.{suggest(name, known)}")
    return known[name]


def _read_suite(path: Path) -> Suite:
    suite: Suite = parse_toml(read_text(path), str(path), Suite)
    return suite


def _read_once(registry: Registry, path: Path, read: Callable[[Path], Any]) -> Any:
    """Return what a registered file holds; one command asks for it several times."""
    if path not in registry.documents:
        registry.documents[path] = read(path)
    return registry.documents[path]


def _files(registry: Registry, kind: FileKind) -> list[FileEntry]:
    return [entry for entry in registry.files if entry.kind == kind]


def _note(registry: Registry, entry: FileEntry, error: ProtocolError) -> None:
    broken = Broken(entry.path.name, entry.distribution, one_line(error))
    if broken not in registry.broken:
        registry.broken.append(broken)
