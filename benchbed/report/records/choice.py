"""Which of several variants counts, where records of both may not be mixed.

It is the one that the installed plugins would make; where none of the records is of that, one of
ours, and only where all are imported one of those. Among these the baseline decides, to which all
else refers, and then the highest version. How many records there are of a variant, and when they
were made, says nothing: whoever hands in records could choose both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, TypeVar

from benchbed.records.imports import Imported
from benchbed.records.index import Summary

T = TypeVar("T")
_NUMBER: Final = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class Chooser:
    """Chooses among variants.

    Attributes:
        imported: the records that others made.
        baseline: the protocol's, by name.
    """

    imported: Imported
    baseline: str

    def is_ours(self, record: Summary) -> bool:
        """Tell whether a record was not imported."""
        return self.imported.get(record.key) != record.content

    def ours(self, records: Sequence[Summary]) -> Sequence[Summary]:
        """Return those of the records that are ours; all, where none is."""
        return [record for record in records if self.is_ours(record)] or records

    def deciding(self, records: Sequence[Summary]) -> Sequence[Summary]:
        """Return those that decide where the plugins do not: ours, of these the baseline's."""
        ours = self.ours(records)
        return [record for record in ours if record.method == self.baseline] or ours

    def choose(self, variants: Mapping[str, Sequence[Summary]], installed: str | None) -> str:
        """Return the variant that counts.

        Args:
            variants: the records of each, by a text that tells variants apart.
            installed: the one that would be made now, if that is known.
        """
        if installed is not None and installed in variants:
            return installed
        everything = list(chain.from_iterable(variants.values()))
        deciding = {record.key for record in self.deciding(everything)}
        chosen: list[str] = []
        for name, records in variants.items():
            keys = {record.key for record in records}
            if keys & deciding:
                chosen.append(name)
        return max(chosen, key=_by_version)


def _by_version(text: str) -> list[tuple[int, str]]:
    """Return what sorts texts by the numbers in them, so that 1.10 comes after 1.9."""
    return [_number_or_text(part) for part in _NUMBER.split(text)]


def _number_or_text(part: str) -> tuple[int, str]:
    # beyond that many digits it is no version, and takes long to read
    return (int(part), "") if part.isdecimal() and len(part) < 20 else (0, part)


def remembered(
    function: Callable[[Summary], T], part: Callable[[Summary], object]
) -> Callable[[Summary], T]:
    """Return a function of records that is worked out once for all that share a part.

    The summaries of a method's runs hold the very same objects, and there may be 100,000 of them.

    Args:
        function: depends on the part alone.
        part: an object that lives as long as the records.
    """
    known: dict[int, T] = {}

    def found(record: Summary) -> T:
        key = id(part(record))
        if key not in known:
            known[key] = function(record)
        return known[key]

    return found


def variants_of(
    records: Sequence[Summary], variant: Callable[[Summary], str | None]
) -> dict[str, list[Summary]]:
    """Return the records of each variant; those of none are left out.

    Args:
        records: all of them.
        variant: a text that tells variants apart; ``None`` of a record that has none.
    """
    found: dict[str, list[Summary]] = {}
    for record in records:
        name = variant(record)
        if name is not None:
            found.setdefault(name, []).append(record)
    return found
