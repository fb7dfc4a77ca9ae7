"""Canonical JSON and its digest: the one way in which benchbed names content."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import Any

import msgspec


def canonical_json(value: object) -> str:
    """Return plain data as JSON with sorted keys, no spaces, and no NaN or infinity."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )


def digest(value: object) -> str:
    """Return the SHA-256 of plain data's canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


@lru_cache(maxsize=256)
def _fields(kind: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(kind)


def without_defaults(value: Any, skip: frozenset[str] = frozenset()) -> Any:
    """Turn nested Structs into plain data, leaving out fields that hold their default.

    Args:
        value: Structs, dicts, lists and scalars, nested.
        skip: fields of the outermost Struct to leave out always.
    """
    if isinstance(value, msgspec.Struct):
        plain: dict[str, Any] = {}
        for info in _fields(type(value)):
            inner = getattr(value, info.name)
            if info.default is not msgspec.NODEFAULT:
                is_default = inner == info.default
            elif info.default_factory is not msgspec.NODEFAULT:
                is_default = inner == info.default_factory()
            else:
                is_default = False
            if not is_default and info.name not in skip:
                plain[info.name] = without_defaults(inner)
        return plain
    if isinstance(value, dict):
        return {key: without_defaults(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_defaults(inner) for inner in value]
    return value
