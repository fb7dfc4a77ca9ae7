"""Ranges in suites: one entry that stands for a method at several values of its options."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from benchbed.basics.errors import ProtocolError
from benchbed.discovery.spec import show_value

_BRACES: Final = re.compile(r"\{([^{}]*)\}")
MOST: Final = 1000
"""Methods that one entry may stand for."""


def expanded(entries: Sequence[object], source: str) -> list[object]:
    """Return a suite's methods with each range written out.

    ``"hps+dwa:T={1,2,5}"`` is three methods; so is ``{method = "hps+dwa", T = [1, 2, 5]}``, whose
    options are those of the part that they are written for. Several ranges in one entry give all
    combinations, the last one running fastest. What is no entry of these kinds is left as it is.

    Raises:
        ProtocolError: braces without values, or too many methods.
    """
    found: list[object] = []
    for entry in entries:
        if isinstance(entry, dict):
            found += _of_table(entry, source)
        elif isinstance(entry, str):
            found += _of_text(entry, source)
        else:
            found.append(entry)
    return found


def _of_text(text: str, source: str) -> Iterator[str]:
    choices = [_values(inner, text, source) for inner in _BRACES.findall(text)]
    _refuse_many(choices, text, source)
    frame = _BRACES.split(text)[::2]
    for values in itertools.product(*choices):
        yield frame[0] + "".join(
            value + rest for value, rest in zip(values, frame[1:], strict=True)
        )


def _values(inner: str, text: str, source: str) -> list[str]:
    values = [value.strip() for value in inner.split(",")]
    if not all(values):
        raise ProtocolError(f"{source}: '{text}' has a range without values; write {{1,2,5}}.")
    return values


def _of_table(entry: dict[str, Any], source: str) -> Iterator[str]:
    """Yield the methods of ``{method = "hps+dwa", T = [1, 2, 5]}``."""
    method = entry.get("method")
    if not isinstance(method, str):
        raise ProtocolError(
            f"{source}: a table among the methods needs 'method', as in "
            '{method = "hps+dwa", T = [1, 2, 5]}.'
        )
    options = {name: value for name, value in entry.items() if name != "method"}
    choices = [_as_list(value) for value in options.values()]
    if not all(choices):
        raise ProtocolError(f"{source}: '{method}' has a range without values; write [1, 2, 5].")
    _refuse_many(choices, method, source)
    for values in itertools.product(*choices):
        named = [f"{name}={value}" for name, value in zip(options, values, strict=True)]
        yield _with_options(method, named)


def _as_list(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [show_value(item) for item in values]


def _with_options(method: str, options: Sequence[str]) -> str:
    """Return a method with options added to its last part."""
    if not options:
        return method
    last = method.rpartition("+")[2]
    mark = "," if ":" in last else ":"
    return method + mark + ",".join(options)


def _refuse_many(choices: Sequence[Sequence[str]], text: str, source: str) -> None:
    number = 1
    for values in choices:
        number *= len(values)
    if number > MOST:
        raise ProtocolError(f"{source}: '{text}' stands for {number} methods, more than {MOST}.")
