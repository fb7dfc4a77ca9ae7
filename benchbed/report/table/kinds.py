"""What values of columns can be: texts, counts, numbers, statistics over seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, Final, TypeVar

from benchbed.report.row import Stat
from benchbed.report.statistics.intervals import Difference
from benchbed.report.table.column import Kind
from benchbed.report.table.numbers import Decimals, human
from benchbed.report.table.shown import Shown

Spread = Stat | Difference
"""A mean over seeds with its deviation and its 95 % interval."""
S = TypeVar("S", bound=float | str)


def itself(value: S) -> S:
    """Return the value."""
    return value


def simple(show: Callable[[S], str], *, whole: bool = False) -> Kind[S]:
    """Return the kind of values that are sorted and written as they are.

    Args:
        show: their text.
        whole: whether they are whole numbers, some of which may be missing.
    """
    return Kind(lambda value: Shown(show(value)), itself, {"": itself}, itself, whole)


TEXT: Final[Kind[str]] = simple(itself)
COUNT: Final[Kind[int]] = simple(human, whole=True)
"""Counts that may be large or missing."""
WHOLE: Final[Kind[int]] = simple(str)
"""Small counts that every row has."""


def decimal(digits: int) -> Kind[float]:
    """Return the kind of numbers with so many digits after the point."""
    return simple(Decimals(digits).show)


def plain_spread(value: Spread) -> dict[str, Any]:
    """Return a mean with all its parts as JSON holds it."""
    return {
        "mean": value.mean,
        "std": value.std,
        "low": value.low,
        "high": value.high,
        "n": value.n,
    }


def statistic(
    numbers: Decimals,
    *,
    interval: bool = False,
    fields: Iterable[str] = ("mean", "std", "low", "high"),
    plain: Callable[[Any], object] = plain_spread,
) -> Kind[Spread]:
    """Return the kind of means over seeds.

    Args:
        numbers: how they are shown.
        interval: whether plain text has the interval rather than the deviation.
        fields: what of them a DataFrame has.
        plain: what JSON has of them.
    """
    return Kind(
        lambda value: _show_spread(value, numbers, interval=interval),
        attrgetter("mean"),
        {_suffix(name): attrgetter(name) for name in fields},
        plain,
    )


def _suffix(name: str) -> str:
    """Return what follows a column's field for a part of its values: nothing for the mean."""
    return "" if name == "mean" else f" {name}"


def _show_spread(value: Spread, numbers: Decimals, *, interval: bool) -> Shown:
    main, std = numbers.show(value.mean), numbers.show_size(value.std)
    if value.low is None or value.high is None:
        return Shown(main, std, interval=interval)
    half = numbers.show_size((value.high - value.low) / 2)
    low, high = numbers.show(value.low), numbers.show(value.high)
    return Shown(main, std, half, low, high, interval=interval)
