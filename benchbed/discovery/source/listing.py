"""Definitions written one a line, each numbered where it is first named."""

from __future__ import annotations

from collections.abc import Iterable

from benchbed.discovery.source.contents import Contents
from benchbed.discovery.source.program import Node


class Listing:
    """Lines of text in which definitions go by numbers, not by where they stand.

    Two definitions never share a number, however alike they are.
    """

    def __init__(self, contents: Contents) -> None:
        self.lines: list[str] = []
        self._contents = contents
        self._numbers: dict[Node, int] = {}
        self._waiting: list[Node] = []

    def copy(self) -> Listing:
        """Return another listing that goes on from here, with no lines yet."""
        other = Listing(self._contents)
        other._numbers = dict(self._numbers)
        return other

    def write(self, title: str, pieces: Iterable[str | Node]) -> None:
        """Write a line, and one for each definition that it names and that has none yet."""
        self.lines.append(f"{title} {self._spelt(pieces)}")
        for node in self._waiting:  # grows meanwhile
            pieces = self._contents.node(node).pieces
            self.lines.append(f"#{self._numbers[node]} {self._spelt(pieces)}")
        self._waiting.clear()

    def text(self) -> str:
        """Return all lines."""
        return "".join(f"{line}\n" for line in self.lines)

    def _spelt(self, pieces: Iterable[str | Node]) -> str:
        return "".join(piece if isinstance(piece, str) else self._number(piece) for piece in pieces)

    def _number(self, node: Node) -> str:
        if node not in self._numbers:
            self._numbers[node] = len(self._numbers)
            self._waiting.append(node)
        return f"#{self._numbers[node]}"
