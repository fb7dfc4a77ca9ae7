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


@lru_cache(maxsize=256)  # msgspec reads annotations anew each time
def _fields(kind: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(kind)


def _is_default(value: object, info: msgspec.structs.FieldInfo) -> bool:
    if info.default is not msgspec.NODEFAULT:
        return bool(value == info.default)
    if info.default_factory is not msgspec.NODEFAULT:
        return bool(value == info.default_factory())
    return False


def without_defaults(value: Any, skip: frozenset[str] = frozenset()) -> Any:
    """Turn nested Structs into plain data, leaving out fields that hold their default.

    ::

        without_defaults(Schedule("step", gamma=0.1))  # {"name": "step"}, 0.1 being the default

    Args:
        value: Structs, dicts, lists and scalars, nested.
        skip: fields of the outermost Struct to leave out always.
    """
    if isinstance(value, msgspec.Struct):
        plain: dict[str, Any] = {}
        for info in _fields(type(value)):
            inner = getattr(value, info.name)
            if info.name not in skip and not _is_default(inner, info):
                plain[info.name] = without_defaults(inner)
        return plain
    if isinstance(value, dict):
        return {key: without_defaults(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_defaults(inner) for inner in value]
    return value
