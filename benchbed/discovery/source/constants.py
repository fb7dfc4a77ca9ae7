"""Constants as text: type and value, the same in all versions of Python."""

from __future__ import annotations

from benchbed.discovery.source.nodes import UnreadableError

_SHOWN_BITS = 64  # beyond, Python may refuse to write decimals


def constant_text(value: object) -> str:
    """Return ``int(1)``, ``float(1.0)``, ``str('a')`` and so on for a constant of the syntax.

    Raises:
        UnreadableError: the constant is of no type that the syntax has.
    """
    match value:
        case None | bool():
            return str(value)
        case int():
            return f"int({value})" if value.bit_length() <= _SHOWN_BITS else f"int({hex(value)})"
        case float():
            return f"float({value!r})"
        case complex():
            return f"complex({value.real!r},{value.imag!r})"
        case str():
            return f"str({value!a})"
        case bytes():
            return f"bytes({value!r})"
        case _ if value is ...:
            return "Ellipsis()"
        case _:
            raise UnreadableError(f"a constant of type {type(value).__name__} is unknown")
