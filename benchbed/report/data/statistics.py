"""What a split holds: how often and on what area each class occurs, how numbers are spread.

Columns are read a piece at a time, so memory does not grow with the split. Imports no torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchbed.contracts.dataset import Column, Report, Target
from benchbed.report.data.validity import (
    annotated,
    class_names,
    has_channels,
    largest,
    smallest,
    valid,
)

ELEMENTS: Final = 2**21
"""How many numbers of a column are in memory at once."""
BINS: Final = 40
"""Of a histogram."""
READINGS: Final = {"class": 1, "value": 2}
"""How often a column is read: of numbers, first to find their range, then to count them."""

Pieces = Callable[[], Iterator[np.ndarray]]
"""Reads a column from its start: ``(n, *target.shape)`` a piece."""


@dataclass(frozen=True, slots=True)
class ClassStatistics:
    """Of a target of classes; shares in [0, 1].

    Attributes:
        names: of the classes, in order; numbers where the data set has none.
        presence: share of the samples in which each class occurs.
        area: share of each class among all annotated elements; 0 where none is annotated.
        ignored: share of the elements that are not annotated.
    """

    names: tuple[str, ...]
    presence: tuple[float, ...]
    area: tuple[float, ...]
    ignored: float


@dataclass(frozen=True, slots=True)
class ValueStatistics:
    """Of a target of numbers; shares in [0, 1].

    Attributes:
        channels: names of the histograms: ``x``, ``y``, ``z`` of a map of vectors, ``red``,
            ``green``, ``blue`` of a map of colours, else one without a name.
        edges: of the bins, one more than there are bins.
        shares: for each channel the share of the valid numbers in each bin; 0 where none is valid.
        invalid: share of the elements that are invalid; a map of three channels counts by pixel.
    """

    channels: tuple[str, ...]
    edges: tuple[float, ...]
    shares: tuple[tuple[float, ...], ...]
    invalid: float


def describe(
    columns: Mapping[str, Column],
    targets: Mapping[str, Target],
    report: Report = lambda done, total: None,
) -> dict[str, ClassStatistics | ValueStatistics]:
    """Return the statistics of each target of a split.

    Args:
        columns: what ``Dataset.load`` returned.
        targets: the data set's targets.
        report: told how many samples have been read of how many in all; of a target of numbers
            they are read twice.
    """
    total = sum(READINGS[target.kind] * len(columns[name]) for name, target in targets.items())
    done = 0

    def advance(samples: int) -> None:
        nonlocal done
        done += samples
        report(done, total)

    found: dict[str, ClassStatistics | ValueStatistics] = {}
    for name, target in targets.items():
        pieces = _pieces(columns[name], target, advance)
        if target.kind == "class":
            found[name] = _describe_classes(pieces, target)
        else:
            found[name] = _describe_values(pieces, target)
    return found


def _pieces(column: Column, target: Target, advance: Callable[[int], None]) -> Pieces:
    """Return what reads a column; it tells the number of samples of each piece that is done."""
    # a sample's counts of all classes are to fit as well, not only its elements
    numbers = max(math.prod(target.shape), target.classes + 1)
    step = max(1, ELEMENTS // numbers)

    def read() -> Iterator[np.ndarray]:
        for start in range(0, len(column), step):
            values = column[np.arange(start, min(start + step, len(column)))]
            yield values
            advance(len(values))

    return read


def _describe_classes(pieces: Pieces, target: Target) -> ClassStatistics:
    """Count samples and elements of each class; what is not annotated is one class more."""
    samples = 0
    present = np.zeros(target.classes + 1, np.int64)
    elements = np.zeros(target.classes + 1, np.int64)
    for values in pieces():
        counts = _count_classes(values, target)
        samples += len(counts)
        present += (counts > 0).sum(axis=0)
        elements += counts.sum(axis=0)
    annotated_elements = max(elements[:-1].sum(), 1)
    return ClassStatistics(
        names=class_names(target),
        presence=tuple((present[:-1] / samples).tolist()),
        area=tuple((elements[:-1] / annotated_elements).tolist()),
        ignored=float(elements[-1] / elements.sum()),
    )


def _count_classes(values: np.ndarray, target: Target) -> np.ndarray:
    """Return each sample's elements of each class, and last those not annotated, ``(n, C + 1)``."""
    bins = target.classes + 1
    flat = values.reshape(len(values), -1).astype(np.int64)
    flat[~annotated(flat, target)] = target.classes
    # numbers of their own for the classes of each sample, so that one bincount counts all samples
    flat += bins * np.arange(len(flat))[:, None]
    return np.bincount(flat.ravel(), minlength=bins * len(flat)).reshape(len(flat), bins)


def _describe_values(pieces: Pieces, target: Target) -> ValueStatistics:
    """Find the range of the numbers, then count them in bins of it."""
    low, high = math.inf, -math.inf
    for values in pieces():
        low = min(low, smallest(values))
        high = max(high, largest(values))
    channels = _channel_names(target, low)
    if low > high:  # no number is finite
        low, high = 0.0, 1.0

    counts = np.zeros((len(channels), BINS), np.int64)
    elements = invalid = 0
    for values in pieces():
        good = valid(values, target, low)
        elements += good.size
        invalid += good.size - int(good.sum())
        for channel in range(len(channels)):
            at = (slice(None), channel) if len(channels) > 1 else ...
            counts[channel] += np.histogram(values[at][good[at]], BINS, (low, high))[0]
    shares = [row / max(row.sum(), 1) for row in counts]
    return ValueStatistics(
        channels=channels,
        edges=tuple(np.histogram_bin_edges((), BINS, (low, high)).tolist()),
        shares=tuple(tuple(row.tolist()) for row in shares),
        invalid=invalid / elements,
    )


def _channel_names(target: Target, low: float) -> tuple[str, ...]:
    if not has_channels(target):
        return ("",)
    return ("x", "y", "z") if low < 0 else ("red", "green", "blue")
