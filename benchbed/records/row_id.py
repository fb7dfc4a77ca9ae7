"""What one row of a leaderboard sums up: a method, and the weights that its runs began with."""

from __future__ import annotations

import re
from typing import Final, NamedTuple, Protocol

_SHOWN: Final = 8
"""Digits of a digest that a name holds."""
_MARKED: Final = re.compile(r"(?P<method>\S+) from (?P<digest>[0-9a-f]{8,64})")


class _Started(Protocol):
    """What tells rows apart, of a record, its summary, a failure or a row."""

    @property
    def method(self) -> str: ...
    @property
    def pretrained(self) -> str: ...


class RowId(NamedTuple):
    """A method, and the SHA-256 of the file that its runs began with (empty: from scratch)."""

    method: str
    pretrained: str = ""

    @classmethod
    def of(cls, run: _Started) -> RowId:
        """Return the row of a record, its summary, or a failure."""
        return cls(run.method, run.pretrained)

    @property
    def name(self) -> str:
        """The row's name, ``hps+dwa`` or ``hps+dwa from 1a2b3c4d``."""
        if not self.pretrained:
            return self.method
        return f"{self.method} from {self.pretrained[:_SHOWN]}"


def parse_row(name: str) -> RowId:
    """Return the row that a name is of; of a digest it may hold the beginning alone."""
    found = _MARKED.fullmatch(name)
    if found is None:
        return RowId(name)
    return RowId(found["method"], found["digest"])
