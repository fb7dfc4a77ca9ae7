"""Printed parameter counts and ratios against measured ones."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from benchbed.published.cells import Printed
from benchbed.published.costs import QUANTITIES, UNITS, CostVerdict, cost_verdict
from benchbed.published.library import Library
from benchbed.published.table import Row, Table


@dataclass(frozen=True, slots=True)
class CostCheck:
    """A printed cost and the measured one in the same unit."""

    table: Table
    row: Row
    column: str
    printed: Printed
    measured: Fraction
    verdict: CostVerdict

    def __str__(self) -> str:
        return (
            f"{self.table.id}, {self.row.name}: {self.column} printed {self.printed}, measured "
            f"{float(self.measured):.3f}: {self.verdict}"
        )


@dataclass(frozen=True, slots=True)
class PrintedRatio:
    """A method's printed parameters relative to another's; benchbed's names for both."""

    table: Table
    printed: Printed
    method: str
    reference: str


def check_costs(library: Library, table: Table) -> list[CostCheck]:
    """Compare a table's costs with those that were measured."""
    found: list[CostCheck] = []
    for name, column in table.columns.items():
        if column.kind != "cost" or name not in QUANTITIES:
            continue
        for row in table.rows:
            printed = row.cells.get(name)
            measured = _in_unit(library, table, row, name)
            if isinstance(printed, Printed) and measured is not None:
                verdict = cost_verdict(printed, measured)
                found.append(CostCheck(table, row, name, printed, measured, verdict))
    return found


def _in_unit(library: Library, table: Table, row: Row, quantity: str) -> Fraction | None:
    """Return a row's measured cost in the unit of its column, which may be another row's cost."""
    column = table.columns[quantity]
    measured = _measured(library, table, row.key, row.backbone, quantity)
    if column.relative_to:
        unit = _measured(library, table, column.relative_to, row.backbone, quantity)
    else:
        unit = UNITS.get(column.unit)
    return Fraction(measured, unit) if measured and unit else None


def printed_ratios(library: Library, dataset: str) -> list[PrintedRatio]:
    """Return what tables print of parameters relative to a row's, where benchbed has both methods.

    Args:
        library: all printed tables; the ratios come in the order of their ids.
        dataset: that the methods are built for.
    """
    found: list[PrintedRatio] = []
    for identifier in sorted(library.tables):
        table = library.tables[identifier]
        column = table.columns.get("parameters")
        if column is None or column.kind != "cost" or not column.relative_to:
            continue
        for row in table.rows:
            base = table.row(column.relative_to, row.backbone, row.dataset)
            printed = row.cells.get("parameters")
            if base is None or row.dataset != dataset or not isinstance(printed, Printed):
                continue
            if row.method and base.method:
                found.append(PrintedRatio(table, printed, row.method, base.method))
    return found


def _measured(library: Library, table: Table, key: str, backbone: str, quantity: str) -> int | None:
    net = table.work, key, backbone
    for other in library.measured.values():
        if (other.work, other.key, other.backbone) == net:
            return other.costs.get(quantity)
    return None
