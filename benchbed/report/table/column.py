"""A column of the table, and a cell of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, Literal, TypeVar

from benchbed.report.row import Row
from benchbed.report.table.groups import Group
from benchbed.report.table.shown import Shown

V = TypeVar("V")
Direction = Literal["higher", "lower", ""]
"""Which of a column's values are better; "" where none is."""

ALWAYS: Final = 100
"""Priority of a column that no table goes without, however narrow it is."""
IN_NOTES: Final = 0
"""Priority of a column whose values stand below a table, so that a narrow one has them there."""
REFERENCE: Final = Shown(mark="reference")
"""What the reference itself has in a column of values against it."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[V]):
    """What the values of a column are: how one is shown, sorted and written.

    Attributes:
        show: its text in parts.
        sort: the number (or text) by which rows are ordered.
        fields: of a DataFrame and of CSV: what follows the column's field, and what stands there.
        plain: what JSON holds of it, in numbers, texts, lists and dictionaries; ``None`` where JSON
            says it elsewhere.
        whole: whether the fields are whole numbers, some of which may be missing.
    """

    show: Callable[[V], Shown]
    sort: Callable[[V], float | str]
    fields: Mapping[str, Callable[[V], object]]
    plain: Callable[[V], object] | None
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Cell(Generic[V]):
    """What stands in one column of one row.

    Attributes:
        value: what the column holds of the row; ``None`` where there is nothing.
        kind: the column's.
        is_reference: whether it is the reference's own in a column of values against it.
        place: 1 for the best of a column that has a direction, 2 for the next best; else 0.
    """

    value: V | None
    kind: Kind[V]
    is_reference: bool = False
    place: int = 0

    @property
    def shown(self) -> Shown | None:
        """Its text in parts; ``None`` where there is nothing."""
        if self.value is not None:
            return self.kind.show(self.value)
        return REFERENCE if self.is_reference else None

    @property
    def sort(self) -> float | str | None:
        """What orders rows in this column; ``None`` where there is nothing."""
        if self.value is not None:
            return self.kind.sort(self.value)
        return 0.0 if self.is_reference else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column(Generic[V]):
    """One column of every format.

    Attributes:
        id: its name, unlike that of any other column.
        group: the columns that it belongs to.
        title: its name for people, in one line.
        kind: what its values are.
        value: what it holds of a row; ``None`` where there is nothing.
        heading: what stands above it, a line each; title and unit where it is empty.
        brief_heading: the same where an interval is shown by half its width.
        unit: of its numbers as they are shown.
        direction: which of its values are better.
        highlight: whether the best of its values is marked.
        relative: whether its values are against the reference, of which it then says just that.
        notes: sentences that explain it.
        by_default: whether a table for people has it without being asked.
        priority: a table too narrow for all columns goes without those of the lowest first.
        field: its name in a DataFrame and in CSV; the id where it is empty.
        key: its place in a row of JSON, from the outside; the id where it is empty.
        sparse: whether rows without a value lack its fields altogether.
    """

    id: str
    group: Group
    title: str
    kind: Kind[V]
    value: Callable[[Row], V | None]
    heading: tuple[str, ...] = ()
    brief_heading: tuple[str, ...] = ()
    unit: str = ""
    direction: Direction = ""
    highlight: bool = False
    relative: bool = False
    notes: tuple[str, ...] = ()
    by_default: bool = True
    priority: int = ALWAYS
    field: str = ""
    key: tuple[str, ...] = ()
    sparse: bool = False

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines of its heading."""
        if self.heading:
            return self.heading
        return (self.title, self.unit) if self.unit else (self.title,)

    @property
    def path(self) -> tuple[str, ...]:
        """Its place in a row of JSON."""
        return self.key or (self.id,)

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of its fields in a DataFrame and in CSV."""
        return tuple((self.field or self.id) + suffix for suffix in self.kind.fields)

    def cell(self, row: Row, place: int = 0) -> Cell[V]:
        """Return what stands in a row."""
        is_reference = self.relative and row.is_baseline and bool(row.seeds)
        return Cell(self.value(row), self.kind, is_reference, place)
