"""Protocols for quick tries: a released one with other settings, under a name of its own."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import tomli_w

from benchbed.basics.canonical import without_defaults
from benchbed.basics.errors import ProtocolError
from benchbed.contracts.protocol import DISPLAY, Name, Protocol, convert, protocol_from

TRY: Final = "-try-"
"""What the name of a derived protocol holds, between that of the released one and a digest."""
Changes = Mapping[str, Any]
"""Values by dotted name, such as ``{"optimizer.lr": 0.01}``."""


def derive(base: Protocol, changes: Changes, name: str = "") -> Protocol:
    """Return a protocol with some settings changed.

    ::

        derive(digits, {"optimizer.lr": 0.01, "data.share": 0.1}).id  # digits-try-1f0c9a42@1

    Args:
        base: the protocol.
        changes: what is changed.
        name: of the new one; by default the old one's with eight digits of what it says now, so
            that other settings always have another name.

    Raises:
        ProtocolError: there is no such setting, or a value makes no sense.
    """
    plain = msgspec.to_builtins(base)
    for place, value in changes.items():
        _set(plain, place, value)
    source = f"{base.id} with {_listed(changes)}"
    changed = protocol_from(plain, source)
    return msgspec.structs.replace(
        changed,
        name=_checked_name(name) if name else f"{base.name}{TRY}{changed.digest[:8]}",
        version=1,
        title=source,
        seconds_per_run=_seconds(base, changed),
    )


def with_changes(base: Protocol, changes: Changes) -> Protocol:
    """Return a protocol derived by some changes, or itself where there are none."""
    return derive(base, changes) if changes else base


def is_derived(protocol: Protocol) -> bool:
    """Tell whether a protocol has the name of a quick try."""
    return TRY in protocol.name


def parse_change(text: str) -> tuple[str, Any]:
    """Return the setting and the value of ``optimizer.lr=1e-2``; a bare word is a text.

    Raises:
        ProtocolError: it does not look like that.
    """
    place, equals, value = text.partition("=")
    if not (place and equals and value):
        raise ProtocolError(f"--set {text} must look like optimizer.lr=0.01.")
    try:
        return place, tomllib.loads(f"value = {value}")["value"]
    except ValueError:
        return place, value


def to_toml(protocol: Protocol) -> str:
    """Return a protocol as the TOML that is read as it, without fields at their defaults."""
    return tomli_w.dumps(without_defaults(protocol))


def _set(plain: dict[str, Any], place: str, value: object) -> None:
    """Set one value in nested plain data.

    Raises:
        ProtocolError: there is no such place, or it is text for people.
    """
    *path, last = place.split(".")
    if place in DISPLAY or place in {"name", "version"}:
        raise ProtocolError(
            f"--set {place}: that changes nothing that runs do; a derived protocol has a name and "
            "a title of its own."
        )
    inner: Any = plain
    for part in path:
        inner = inner.get(part) if isinstance(inner, dict) else None
    if not isinstance(inner, dict):
        raise ProtocolError(f"--set {place}: the protocol has no '{'.'.join(path)}'.")
    inner[last] = value


def _listed(changes: Changes) -> str:
    return ", ".join(f"{place}={_shown(value)}" for place, value in changes.items())


def _shown(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _checked_name(name: str) -> str:
    """Return a name that a protocol may have.

    Raises:
        ProtocolError: it may not.
    """
    convert({"name": name}, f"The name '{name}'", _Named)
    return name


class _Named(msgspec.Struct):
    name: Name


def _seconds(base: Protocol, changed: Protocol) -> float:
    """Return about how long a run takes now; epochs and samples decide."""
    before, after = base.epochs * base.data.share, changed.epochs * changed.data.share
    return round(base.seconds_per_run * after / before, 1)
