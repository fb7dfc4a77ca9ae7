"""Names of several methods side by side, without what all of them have."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple


class _Part(NamedTuple):
    """An architecture or a weighting, as a method's name gives it."""

    name: str
    options: list[str]


class _Placed(NamedTuple):
    """An option of one part of a method, whose place is 0 for the architecture."""

    place: int
    option: str


def leave_out_shared(methods: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return methods without the options that all of them have, and these options.

    >>> leave_out_shared(["hps:a=1+dwa:T=3", "mtan:a=1,b=2+dwa:T=3"])
    (['hps+dwa', 'mtan:b=2+dwa'], ['a=1', 'T=3'])
    """
    parsed = [_parse_method(method) for method in methods]
    first, *others = map(_placed_options, parsed)
    in_order = list(first)
    in_all = set(in_order).intersection(*others)
    shared = [placed for placed in in_order if placed in in_all]
    left = [_show_method(parts, shared) for parts in parsed]
    return left, [placed.option for placed in shared]


def _parse_method(method: str) -> list[_Part]:
    """Return the architecture and, where there is one, the weighting."""
    parts = []
    for part in method.split("+"):
        name, _, options = part.partition(":")
        parts.append(_Part(name, options.split(",") if options else []))
    return parts


def _placed_options(parts: Sequence[_Part]) -> Iterator[_Placed]:
    for place, part in enumerate(parts):
        for option in part.options:
            yield _Placed(place, option)


def _show_method(parts: Sequence[_Part], without: Collection[_Placed]) -> str:
    shown = []
    for place, (name, options) in enumerate(parts):
        kept = [option for option in options if (place, option) not in without]
        shown.append(f"{name}:{','.join(kept)}" if kept else name)
    return "+".join(shown)
