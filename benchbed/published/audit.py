"""Printed Δm against the cells beside it: a verdict for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    scores, reference = library.cells(table, row), library.cells(other, base)
    present = {
        name: column
        for name, column in table.paper.columns.items()
        if name in scores or name in reference
    }
    columns = entering(present, definition)
    if not columns:
        raise TableError("no metric enters Δm")
    sides = {"the row": scores, f"the baseline's row in {other.id}": reference}
    gaps = {side: _gaps(cells, columns) for side, cells in sides.items()}
    lacking = [f"{side} lacks {', '.join(names)}" for side, names in gaps.items() if names]
    if lacking:
        raise TableError("; ".join(lacking))
    numbers = [_numbers(cells, columns, padding=padding) for cells in (scores, reference)]
    return delta_range(numbers[0], numbers[1], columns, definition)


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
    check = Check(table, row, printed, found, verdict_of(printed, found))
    if check.verdict != "impossible":
        return check
    wide = range_of(library, table, row, definition, padding=False)
    if verdict_of(printed, wide) == "impossible":
        return check
    return replace(
        check,
        reason="possible if trailing zeros of the cells are padding, not digits: then "
        f"{float(wide.low):.2f} to {float(wide.high):.2f} is allowed",
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
    checks = [check for check in audit(library, table) if check.printed and check.found]
    if len(checks) < 2 or any(check.verdict != "impossible" for check in checks):
        return ""
    if _possible((c.printed.negated(), c.found) for c in checks if c.printed and c.found):
        return "the sign of Δm: see delta_m.positive_is"
    for name, column in table.columns.items():
        other = "lower" if column.higher_is_better else "higher"
        columns = {**table.paper.columns, name: structs.replace(column, better=other)}
        turned = replace(table, paper=structs.replace(table.paper, columns=columns))
        if column.kind == "metric" and _possible(
            (check.printed, check.found)
            for check in audit(library, turned)
            if check.printed and check.found
        ):
            return f'the direction of {name}: see columns."{name}".better'
    return ""


def _possible(pairs: Iterable[tuple[Printed, DeltaRange]]) -> bool:
    return all(verdict_of(printed, found) != "impossible" for printed, found in pairs)


def _gaps(cells: Mapping[str, Cell], names: Iterable[str]) -> list[str]:
    return [name for name in names if not isinstance(cells.get(name), Printed)]


def _numbers(
    cells: Mapping[str, Cell], columns: Mapping[str, Column], *, padding: bool
) -> dict[str, Printed]:
    numbers = {n: cell for n, cell in cells.items() if n in columns and isinstance(cell, Printed)}
    if padding:
        return numbers
    return {name: cell.without_padding() for name, cell in numbers.items()}
