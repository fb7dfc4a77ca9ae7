"""Columns that plugins add."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from benchbed.basics.errors import one_line
from benchbed.discovery.registry import Registry
from benchbed.report.leaderboard import Leaderboard
from benchbed.report.row import Row
from benchbed.report.table.column import Column, Kind
from benchbed.report.table.groups import PLUGINS
from benchbed.report.table.shown import Shown

MARK: Final = " (plugin)"
"""What follows a plugin's title that another column has."""


def add_columns(board: Leaderboard, registry: Registry) -> Leaderboard:
    """Return the leaderboard with the columns of every ``benchbed_leaderboard_columns`` hook."""
    methods = tuple(row.method for row in board.rows)
    arguments = {"protocol": board.protocol.id, "methods": methods}
    extra: dict[str, dict[str, object]] = {method: {} for method in methods}
    notes: list[str] = []
    for function, accepted in registry.observers("benchbed_leaderboard_columns"):
        try:
            found = function(**{name: arguments[name] for name in accepted})
            _enter(found, extra)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            notes.append(f"A plugin's columns are missing: {one_line(error)}.")
    rows = tuple(replace(row, extra=extra[row.method]) for row in board.rows)
    return replace(board, rows=rows, notes=(*board.notes, *notes))


def _enter(found: Any, extra: Mapping[str, dict[str, object]]) -> None:
    """Put what a plugin returned, ``{title: {method: value}}``, into the methods' columns."""
    for title, values in dict(found).items():
        for method, value in dict(values).items():
            if method in extra:
                extra[method][str(title)] = value


@dataclass(frozen=True, slots=True)
class Given:
    """A value that a plugin gave, which may be anything, also ``None``."""

    value: object

    def plain(self) -> str | int | float | None:
        """Return it as a number or text."""
        value = self.value
        return value if isinstance(value, str | int | float | None) else str(value)

    def sort(self) -> str | int | float:
        """Return what orders rows by it."""
        value = self.value
        return value if isinstance(value, int | float) else str(value)


GIVEN: Final[Kind[Given]] = Kind(
    show=lambda given: Shown(str(given.value)),
    sort=Given.sort,
    fields={"": lambda given: given.value},
    plain=Given.plain,
)


def plugin_columns(board: Leaderboard, others: Sequence[Column[Any]]) -> list[Column[Any]]:
    """Return the columns that plugins added, in the order in which they came.

    Args:
        board: whose rows have them.
        others: the columns beside them, whose names none of theirs can take.
    """
    titles: dict[str, None] = {}
    for row in board.rows:
        titles |= dict.fromkeys(row.extra)
    taken = _names(others)
    columns: list[Column[Any]] = []
    for title in titles:
        name = _free_name(title, taken)
        taken.add(name)
        columns.append(_given(title, name))
    return columns


def _names(columns: Iterable[Column[Any]]) -> set[str]:
    """Return all by which columns are known."""
    found: set[str] = set()
    for column in columns:
        found |= {column.id, *column.fields, " ".join(column.lines)}
    return found


def _free_name(title: str, taken: Container[str]) -> str:
    """Return a title, marked where another column is known by it."""
    name = title
    while name in taken:
        name += MARK
    return name


def _given(title: str, name: str) -> Column[Given]:
    return Column(
        id=name,
        group=PLUGINS,
        title=" ".join(name.split()),
        heading=tuple(name.split("\n")),
        kind=GIVEN,
        value=_value_of(title),
        key=("extra", title),
        sparse=True,
    )


def _value_of(title: str) -> Callable[[Row], Given | None]:
    return lambda row: Given(row.extra[title]) if title in row.extra else None
