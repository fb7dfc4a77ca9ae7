"""Printed parameter counts and ratios against measured ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from benchbed.published.cells import Printed, TableError
from benchbed.published.sheet import read_sheet
from benchbed.published.table import Row, Table

if TYPE_CHECKING:
    from benchbed.published.library import Library

MEASURED: Final = "measured_costs.csv"
"""Name of a file with measured costs."""
QUANTITIES: Final = ("parameters", "macs", "encoder_parameters", "encoder_macs")
UNITS: Final = {"": 1, "k": 1_000, "M": 1_000_000, "G": 1_000_000_000}
CostVerdict = Literal["agrees", "truncated", "differs"]


@dataclass(frozen=True, slots=True)
class Measured:
    """Measured costs of one net; ``work``, ``key`` and ``backbone`` name the rows that print it."""

    name: str
    work: str
    key: str
    backbone: str
    note: str
    costs: dict[str, int]


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


def read_measured(path: Path) -> dict[str, Measured]:
    """Read measured costs by name.

    Raises:
        TableError: the file is wrong.
    """
    text = ("name", "work", "key", "backbone", "note")
    found: dict[str, Measured] = {}
    for number, line in read_sheet(path, ("name", "parameters"), (*text, *QUANTITIES)):
        costs = {q: line.get(q, "") for q in QUANTITIES if line.get(q)}
        wrong = [cell for cell in costs.values() if not re.fullmatch(r"[0-9]{1,18}", cell)]
        if wrong or line["name"] in found or not line["name"]:
            problem = f"'{wrong[0][:40]}' is no count" if wrong else "the name is taken or missing"
            raise TableError(f"{path}, line {number}: {problem}; mend it.")
        fields = {name: line.get(name, "") for name in text}
        found[line["name"]] = Measured(**fields, costs={q: int(c) for q, c in costs.items()})
    return found


def cost_verdict(printed: Printed, measured: Fraction) -> CostVerdict:
    """Say whether a measured number rounds to the printed one, or at least is cut off to it."""
    low, high = printed.bounds
    if low <= measured <= high:
        return "agrees"
    cut = printed.exact <= measured < printed.exact + 2 * printed.half
    return "truncated" if cut else "differs"


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
