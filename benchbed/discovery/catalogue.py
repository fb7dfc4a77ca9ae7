"""Protocols and suites by name, out of the files that plugins register."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, TypeVar

import msgspec

from benchbed.basics.errors import ProtocolError, one_line, suggest
from benchbed.contracts.protocol import Name, Protocol, convert, load_toml, read_protocol, read_text
from benchbed.discovery.ranges import expanded
from benchbed.discovery.registry import Broken, FileEntry, FileKind, Registry

T = TypeVar("T")


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


def is_file(name: str) -> bool:
    """Tell whether a protocol or suite is named by its file."""
    return name.endswith(".toml")


def protocols(registry: Registry) -> dict[str, Protocol]:
    """Return the registered protocols by ``name@version``; a broken file joins ``broken``.

    One that several plugins bring, but not of the same digest, is none: nobody could tell which of
    them a table is of.
    """
    found = _by_name(registry, "protocol", read_protocol, lambda protocol: protocol.id, _conflict)
    return {name: protocol for name, protocol in found.items() if name not in registry.conflicts}


def _conflict(one: Protocol, other: Protocol) -> bool:
    return one.digest != other.digest


def find_protocol(
    name: str, registry: Registry, others: Mapping[str, Protocol] = MappingProxyType({})
) -> Protocol:
    """Return a protocol by ``name@version``, by bare name (its newest version), or by file.

    Args:
        name: as typed.
        registry: the installed plugins.
        others: further protocols by ``name@version``, such as those of quick tries.

    Raises:
        ProtocolError: there is none.
    """
    if is_file(name):
        return read_protocol(Path(name))
    known = {**others, **protocols(registry)}
    if name in known:
        return known[name]
    _refuse_conflict(name, registry)
    versions = [protocol for protocol in known.values() if protocol.name == name]
    if versions:
        return max(versions, key=lambda protocol: protocol.version)
    _refuse_method(name, registry)
    names = set(known)
    names.update(protocol.name for protocol in known.values())
    raise ProtocolError(
        f"There is no protocol '{name}'.{suggest(name, names)}{registry.left_out()}"
    )


def _refuse_method(name: str, registry: Registry) -> None:
    """Refuse a method where a protocol should stand, by what it should look like.

    Raises:
        ProtocolError: it is one.
    """
    head = name.partition("+")[0].partition(":")[0]
    if ("architecture", head) in registry.entries or "+" in name:
        raise ProtocolError(
            f"'{name}' is a method, and a protocol stands before methods; write for instance "
            f"'digits {name}'."
        )


def _refuse_conflict(name: str, registry: Registry) -> None:
    """Refuse a protocol that plugins differ on, also where only its bare name is given.

    Raises:
        ProtocolError: it is one.
    """
    for conflicting, sentence in registry.conflicts.items():
        if name in {conflicting, conflicting.partition("@")[0]}:
            raise ProtocolError(sentence)


def require_name(protocol: Protocol, registry: Registry) -> None:
    """Refuse a protocol that has the name and version of an installed one and is another.

    Its records would lie among those of the installed one, and its table in that one's place.

    Raises:
        ProtocolError: with the remedy.
    """
    installed = protocols(registry).get(protocol.id)
    if installed is None or installed.digest == protocol.digest:
        return
    origin = registry.origins["protocol", protocol.id]
    raise ProtocolError(
        f"This protocol calls itself {protocol.id}, and the installed {protocol.id} of {origin} is "
        f"another one (digest {installed.digest[:12]}, where this has {protocol.digest[:12]}); "
        "give it another name, or raise its version."
    )


def suites(registry: Registry) -> dict[str, Suite]:
    """Return the registered suites by name; a broken file joins ``broken``."""
    return _by_name(registry, "suite", _read_suite, lambda suite: suite.name, _never)


def _never(one: object, other: object) -> bool:
    return False


def find_suite(name: str | None, registry: Registry) -> Suite:
    """Return a suite by name or by file; ``None`` means the one marked as default.

    Raises:
        ProtocolError: there is none.
    """
    if name is not None and is_file(name):
        return _read_suite(Path(name))
    known = suites(registry)
    if name is None:
        for suite in known.values():
            if suite.default:
                return suite
        raise ProtocolError("No default suite is installed; name a protocol and methods.")
    if name not in known:
        raise ProtocolError(f"There is no suite '{name}'.{suggest(name, known)}")
    return known[name]


def _read_suite(path: Path) -> Suite:
    plain = load_toml(read_text(path), str(path))
    methods = plain.get("methods")
    if isinstance(methods, list):
        plain["methods"] = expanded(methods, str(path))
    suite: Suite = convert(plain, str(path), Suite)
    return suite


def _by_name(
    registry: Registry,
    kind: FileKind,
    read: Callable[[Path], T],
    name_of: Callable[[T], str],
    conflict: Callable[[T, T], bool],
) -> dict[str, T]:
    """Return what the registered files of a kind hold, by name; a broken file joins ``broken``.

    Args:
        registry: what was discovered.
        kind: of the files.
        read: one of them.
        name_of: what one holds.
        conflict: tells whether two of one name are so different that neither counts.
    """
    found: dict[str, T] = {}
    for entry in registry.files:
        if entry.kind != kind:
            continue
        try:
            document: T = _read_once(registry, entry.path, read)
            name = name_of(document)
            if name in found:
                first = registry.origins[kind, name]
                if conflict(found[name], document):
                    registry.conflicts[name] = (
                        f"Plugins differ on what {kind} {name} is: {first} brings one, and "
                        f"{entry.distribution} another; one of them must take another name, or "
                        "raise its version."
                    )
                raise ProtocolError(
                    f"{entry.path}: {kind} {name} is registered twice; {first} brings it too."
                )
            found[name] = document
            registry.origins[kind, name] = entry.distribution
        except ProtocolError as error:
            _note(registry, entry, error)
    return dict(sorted(found.items()))


def _read_once(registry: Registry, path: Path, read: Callable[[Path], Any]) -> Any:
    """Return what a registered file holds; one command asks for it several times."""
    if path not in registry.documents:
        registry.documents[path] = read(path)
    return registry.documents[path]


def _note(registry: Registry, entry: FileEntry, error: ProtocolError) -> None:
    broken = Broken(entry.path.name, entry.distribution, one_line(error))
    if broken not in registry.broken:
        registry.broken.append(broken)
