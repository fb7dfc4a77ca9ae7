"""What a split holds: how often and on what area each class occurs, how numbers are spread.

Columns are read a piece at a time, so memory does not grow with the split. Imports no torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from benchbed.contracts.dataset import Column, Report, Target

ELEMENTS: Final = 2**21
"""How many numbers of a column are in memory at once."""
BINS: Final = 40
"""Of a histogram."""


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


def class_names(target: Target) -> tuple[str, ...]:
    """Return the names of a target's classes, or their numbers."""
    return target.names or tuple(map(str, range(target.classes)))


def annotated(values: np.ndarray, target: Target) -> np.ndarray:
    """Tell which elements hold a class that counts, ``bool`` of the same shape."""
    known: np.ndarray = (values >= 0) & (values < target.classes)
    return known if target.ignore is None else known & (values != target.ignore)


def valid(values: np.ndarray, target: Target, low: float) -> np.ndarray:
    """Tell which numbers count, by the conventions of dense targets; ``bool`` of the same shape.

    Not finite numbers never count. In a map ``(H, W)`` without negative numbers (depth), 0 marks
    what is invalid. In a map ``(3, H, W)`` a pixel counts as a whole, and where there are negative
    numbers (normals) the zero vector marks what is invalid.

    Args:
        values: ``(N, *target.shape)``.
        target: what they are.
        low: the smallest finite number that the target takes.
    """
    finite: np.ndarray = np.isfinite(values)
    if len(target.shape) == 2 and low >= 0:
        return finite & (values > 0)
    if _has_channels(target):
        pixels = finite.all(axis=1, keepdims=True)
        if low < 0:
            pixels &= (values != 0).any(axis=1, keepdims=True)
        return np.broadcast_to(pixels, values.shape)
    return finite


def smallest(values: np.ndarray) -> float:
    """Return the smallest finite number, infinity where there is none."""
    return float(np.min(values, where=np.isfinite(values), initial=math.inf))


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
    readings = {"class": 1, "value": 2}
    total = sum(readings[target.kind] * len(columns[name]) for name, target in targets.items())
    done = 0

    def pieces(name: str) -> Iterator[np.ndarray]:
        nonlocal done
        target, column = targets[name], columns[name]
        step = max(1, ELEMENTS // max(math.prod(target.shape), target.classes + 1))
        for start in range(0, len(column), step):
            values = column[np.arange(start, min(start + step, len(column)))]
            yield values
            done += len(values)
            report(done, total)

    found: dict[str, ClassStatistics | ValueStatistics] = {}
    for name, target in targets.items():
        count = _describe_classes if target.kind == "class" else _describe_values
        found[name] = count(partial(pieces, name), target)
    return found


def _describe_classes(
    pieces: Callable[[], Iterator[np.ndarray]], target: Target
) -> ClassStatistics:
    """Count samples and elements of each class; what is not annotated is one class more."""
    bins = target.classes + 1
    samples, present, elements = 0, np.zeros(bins, np.int64), np.zeros(bins, np.int64)
    for values in pieces():
        flat = values.reshape(len(values), -1).astype(np.int64)
        flat[~annotated(flat, target)] = target.classes
        flat += bins * np.arange(len(flat))[:, None]
        counts = np.bincount(flat.ravel(), minlength=bins * len(flat)).reshape(len(flat), bins)
        samples += len(flat)
        present += (counts > 0).sum(axis=0)
        elements += counts.sum(axis=0)
    return ClassStatistics(
        class_names(target),
        tuple((present[:-1] / samples).tolist()),
        tuple((elements[:-1] / max(elements[:-1].sum(), 1)).tolist()),
        float(elements[-1] / elements.sum()),
    )


def _describe_values(pieces: Callable[[], Iterator[np.ndarray]], target: Target) -> ValueStatistics:
    """Find the range of the numbers, then count them in bins of it."""
    low, high = math.inf, -math.inf
    for values in pieces():
        low, high = min(low, smallest(values)), max(high, -smallest(-values))
    channels = _channel_names(target, low)
    if low > high:
        low, high = 0.0, 1.0
    counts = np.zeros((len(channels), BINS), np.int64)
    elements = marked = 0
    for values in pieces():
        good = valid(values, target, low)
        elements += good.size
        marked += good.size - int(good.sum())
        for channel in range(len(channels)):
            at = (slice(None), channel) if len(channels) > 1 else ...
            counts[channel] += np.histogram(values[at][good[at]], BINS, (low, high))[0]
    return ValueStatistics(
        channels,
        tuple(np.histogram_bin_edges((), BINS, (low, high)).tolist()),
        tuple(tuple((row / max(row.sum(), 1)).tolist()) for row in counts),
        marked / elements,
    )


def _has_channels(target: Target) -> bool:
    return len(target.shape) == 3 and target.shape[0] == 3


def _channel_names(target: Target, low: float) -> tuple[str, ...]:
    if not _has_channels(target):
        return ("",)
    return ("x", "y", "z") if low < 0 else ("red", "green", "blue")
