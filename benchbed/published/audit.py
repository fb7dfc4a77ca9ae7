"""Printed Δm against the cells beside it: a verdict for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final, Literal

from msgspec import structs

from benchbed.contracts.delta import Definition
from benchbed.published.cells import Cell, Gap, Printed, TableError
from benchbed.published.interval import DeltaRange, delta_range, entering
from benchbed.published.library import Library
from benchbed.published.paper import Column
from benchbed.published.table import Row, Table

Verdict = Literal["agrees", "within rounding", "impossible", "not computable"]
CLOSE: Final = Fraction(5, 100)
"""Percentage points up to which a printed Δm agrees with that of the printed cells."""


@dataclass(frozen=True, slots=True)
class Check:
    """One row's Δm, positive is better.

    Attributes:
        printed: as printed, with benchbed's sign; ``None`` where none is printed or it is lost.
        found: what the printed cells give and allow; ``None`` where they give nothing.
        verdict: ``None`` where there is no printed Δm to judge.
        reason: why there is no verdict or no number, or what a reader should know of it.
    """

    table: Table
    row: Row
    printed: Printed | None
    found: DeltaRange | None
    verdict: Verdict | None
    reason: str = ""


def audit(library: Library, table: Table) -> list[Check]:
    """Recompute Δm of every row that has a baseline, by the paper's own definition.

    ``agrees``: within 0.05 of the printed cells' Δm; ``within rounding``: further off, but the
    cells' rounding allows it; ``impossible``: no values that round to the cells give it.
    """
    return [_check(library, table, row) for row in table.rows if row.baseline]


def range_of(
    library: Library, table: Table, row: Row, definition: Definition, *, padding: bool = True
) -> DeltaRange:
    """Return a row's Δm against its baseline.

    Args:
        library: where other tables' rows are found.
        table: the row's table.
        row: a row with a baseline.
        definition: of Δm.
        padding: take trailing zeros for digits; otherwise for padding, which allows more.

    Raises:
        TableError: cells are missing; the message says which.
    """
    other, base = library.baseline(table, row)
    scores = library.cells(table, row)
    reference = library.cells(other, base)
    columns = _entering(table, definition, {*scores, *reference})
    if not columns:
        raise TableError("no metric enters Δm")
    gaps = [
        _gap("the row", scores, columns),
        _gap(f"the baseline's row in {other.id}", reference, columns),
    ]
    if any(gaps):
        raise TableError("; ".join(filter(None, gaps)))
    return delta_range(
        _numbers(scores, columns, padding=padding),
        _numbers(reference, columns, padding=padding),
        columns,
        definition,
    )


def _entering(table: Table, definition: Definition, present: Set[str]) -> dict[str, Column]:
    columns = table.paper.columns
    return entering({name: columns[name] for name in columns if name in present}, definition)


def _gap(whose: str, cells: Mapping[str, Cell], names: Iterable[str]) -> str:
    """Say which of some metrics a row has no number for, or nothing."""
    lacking = [name for name in names if not isinstance(cells.get(name), Printed)]
    return f"{whose} lacks {', '.join(lacking)}" if lacking else ""


def _numbers(
    cells: Mapping[str, Cell], names: Iterable[str], *, padding: bool
) -> dict[str, Printed]:
    numbers: dict[str, Printed] = {}
    for name in names:
        cell = cells[name]
        assert isinstance(cell, Printed)
        numbers[name] = cell if padding else cell.without_padding()
    return numbers


def _check(library: Library, table: Table, row: Row) -> Check:
    printed = row.delta_m if isinstance(row.delta_m, Printed) else None
    definition = table.paper.delta_m.definition
    try:
        found = range_of(library, table, row, definition)
    except TableError as error:
        return Check(table, row, printed, None, "not computable", str(error))
    if printed is None:
        reason = "the printed Δm is lost" if row.delta_m is Gap.LOST else "no Δm is printed"
        return Check(table, row, None, found, None, reason)
    verdict = verdict_of(printed, found)
    reason = ""
    if verdict == "impossible":
        reason = _way_out(printed, range_of(library, table, row, definition, padding=False))
    return Check(table, row, printed, found, verdict, reason)


def _way_out(printed: Printed, wide: DeltaRange) -> str:
    """Return what may explain a Δm that its cells do not give, but would give if cut short."""
    if verdict_of(printed, wide) == "impossible":
        return ""
    return (
        "possible if trailing zeros of the cells are padding, not digits: then "
        f"{float(wide.low):.2f} to {float(wide.high):.2f} is allowed"
    )


def verdict_of(printed: Printed, found: DeltaRange) -> Verdict:
    """Judge a printed Δm, itself rounded, by what its cells give and allow."""
    low, high = printed.bounds
    if high < found.low or low > found.high:
        return "impossible"
    return "agrees" if abs(printed.exact - found.value) <= CLOSE else "within rounding"


def contradiction(library: Library, table: Table) -> str:
    """Return what is likely stated the wrong way round, or nothing.

    That is so where every printed Δm is impossible, but would be possible with the other sign, or
    with the other direction of one metric.

    Args:
        library: where other tables' rows are found.
        table: a table with at least two printed Δm that can be recomputed.
    """
    pairs = _recomputed(library, table)
    # one impossible Δm may be a slip; a statement the wrong way round spoils them all
    if len(pairs) < 2 or not all(_is_impossible(*pair) for pair in pairs):
        return ""
    if not any(_is_impossible(printed.negated(), found) for printed, found in pairs):
        return "the sign of Δm: see delta_m.positive_is"
    for name, column in table.columns.items():
        if column.kind != "metric":
            continue
        turned = _recomputed(library, _turned(table, name))
        if not any(_is_impossible(*pair) for pair in turned):
            return f'the direction of {name}: see columns."{name}".better'
    return ""


def _recomputed(library: Library, table: Table) -> list[tuple[Printed, DeltaRange]]:
    """Return each printed Δm that can be recomputed, and what its cells give and allow."""
    return [
        (check.printed, check.found)
        for check in audit(library, table)
        if check.printed and check.found
    ]


def _is_impossible(printed: Printed, found: DeltaRange) -> bool:
    return verdict_of(printed, found) == "impossible"


def _turned(table: Table, name: str) -> Table:
    """Return a table with the other direction of one metric."""
    column = table.paper.columns[name]
    other: Literal["higher", "lower"] = "lower" if column.higher_is_better else "higher"
    columns = {**table.paper.columns, name: structs.replace(column, better=other)}
    return replace(table, paper=structs.replace(table.paper, columns=columns))
