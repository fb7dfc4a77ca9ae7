"""How many values of each sample are annotated, and which splits have none at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from benchbed.files.codings import Coding
from benchbed.files.samples import cut


class Validity:
    """Counts the valid values of each sample, by part and column.

    Args:
        codings: tell of each column what is valid.
    """

    def __init__(self, codings: Mapping[str, Coding]) -> None:
        self._codings = codings
        self._counts: dict[tuple[str, str], list[int]] = {}

    def add(self, part: str, stored: Mapping[str, np.ndarray]) -> None:
        """Count a part's next sample, as it is stored."""
        for column, coding in self._codings.items():
            counts = self._counts.setdefault((part, column), [])
            counts.append(coding.valid(stored[column]))

    def samples(self, part: str) -> int:
        """Return how many samples of a part were counted."""
        return len(self._counts.get((part, "input"), ()))

    def empty(self, groups: Sequence[str] | None, held_out: float) -> Iterator[tuple[str, str]]:
        """Yield each column of which a whole split holds nothing valid, with that split.

        Args:
            groups: of all training samples; ``None`` if some could not be read, so that only whole
                parts are looked at.
            held_out: share of the training samples that is held out for validation.
        """
        sides: dict[str, list[int]] = {}
        if groups is not None and len(set(groups)) > 1:
            sides["train"], sides["validation"] = cut(groups, held_out)
        for (part, column), counts in self._counts.items():
            split = _empty_split(part, counts, sides)
            if split is not None:
                yield column, split


def _empty_split(
    part: str, counts: Sequence[int], sides: Mapping[str, Sequence[int]]
) -> str | None:
    """Return the largest split of a part that has no valid value, if one has none.

    Args:
        part: ``train`` or ``test``.
        counts: the number of valid values of each of its samples.
        sides: the positions of the training samples in the splits that they are cut into.
    """
    if part != "train":
        return None if any(counts) else part
    if not any(counts):
        return "trainval"
    for split, rows in sides.items():
        if not any(counts[row] for row in rows):
            return split
    return None
