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
            measured = _measured(library, table, row.key, row.backbone, name)
            unit = UNITS.get(column.unit)
            if column.relative_to:
                unit = _measured(library, table, column.relative_to, row.backbone, name)
            if isinstance(printed, Printed) and measured and unit:
                value = Fraction(measured, unit)
                verdict = cost_verdict(printed, value)
                found.append(CostCheck(table, row, name, printed, value, verdict))
    return found


def printed_ratios(library: Library, dataset: str) -> list[PrintedRatio]:
    """Return what tables print of parameters relative to a row's, where benchbed has both methods.

    Args:
        library: all printed tables; the ratios come in the order of their ids.
        dataset: that the methods are built for.
    """
    found: list[PrintedRatio] = []
    for _, table in sorted(library.tables.items()):
        column = table.columns.get("parameters")
        if column is None or column.kind != "cost" or not column.relative_to:
            continue
        for row in table.rows:
            base = table.row(column.relative_to, row.backbone, row.dataset)
            cell = row.cells.get("parameters")
            if base is None or row.dataset != dataset or not isinstance(cell, Printed):
                continue
            if row.method and base.method:
                found.append(PrintedRatio(table, cell, row.method, base.method))
    return found


def _measured(library: Library, table: Table, key: str, backbone: str, quantity: str) -> int | None:
    work = table.paper.work or table.paper.id
    return next(
        (
            m.costs.get(quantity)
            for m in library.measured.values()
            if (m.work, m.key, m.backbone) == (work, key, backbone)
        ),
        None,
    )
