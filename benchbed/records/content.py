"""The digest of a record's content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec


def content_digest(plain: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a record's JSON without ``content``, whatever its layout.

    Taken of its MessagePack, map keys sorted and numbers with a point as 64-bit floats: unlike
    JSON, one form of every number, and thirty times as fast. It tells of accidents and careless
    edits; who edits on purpose can take it anew.
    """
    rest = dict(plain)
    rest.pop("content", None)
    try:
        packed = _packer.encode(rest)
    except OverflowError:
        packed = _packer.encode(_packable(rest))
    return hashlib.sha256(packed).hexdigest()


_packer: Final = msgspec.msgpack.Encoder(order="deterministic")


def _packable(value: Any) -> Any:
    """Return plain data with the whole numbers that MessagePack lacks as text."""
    if isinstance(value, dict):
        return {name: _packable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_packable(inner) for inner in value]
    if isinstance(value, int) and abs(value) >= 2**63:
        return str(value)
    return value
