"""Everything that can be said against printed tables, as plain data and as lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from benchbed.published.audit import Check, audit
from benchbed.published.cells import Cell, Gap, Printed
from benchbed.published.cost_checks import CostCheck, check_costs
from benchbed.published.findings import Disagreement, Outlier, disagreements, outliers
from benchbed.published.judgements import Judged, judge
from benchbed.published.library import Library
from benchbed.published.table import Table


@dataclass(frozen=True, slots=True)
class Report:
    """An audit of some tables."""

    checks: list[Check]
    disagreements: list[Disagreement]
    outliers: list[Outlier]
    costs: list[CostCheck]
    claims: list[Judged]

    def counts(self) -> dict[str, int]:
        """Return how many rows have each verdict; ``none printed`` are those without a Δm."""
        verdicts = [check.verdict or "none printed" for check in self.checks]
        return {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))}

    def sections(self) -> dict[str, list[str]]:
        """Return the findings beside Δm as lines under their titles."""
        return {
            "Reasons": [
                f"{check.table.id}, {check.row.name}: {check.reason}."
                for check in self.checks
                if check.verdict and check.reason
            ],
            "Printed with different values": [
                str(item) for item in self.disagreements if not item.padded
            ],
            "The same but for zeros in place of cut digits": [
                str(item) for item in self.disagreements if item.padded
            ],
            "Far off their column": [str(item) for item in self.outliers],
            "Costs against measured ones": [
                f"{c.table.id}, {c.row.name}: {c.column} printed {c.printed}, measured "
                f"{float(c.measured):.3f}: {c.verdict}"
                for c in self.costs
            ],
            "Claims in running text": _claim_lines(self.claims),
        }

    def plain(self) -> dict[str, Any]:
        """Return the audit as plain data; Δm are positive where better."""
        return {
            "positive_is": "better",
            "counts": self.counts(),
            "delta_m": [plain_check(check) for check in self.checks],
            "disagreements": [
                {
                    **{n: getattr(d.quantity, n) for n in d.quantity.__slots__},
                    "values": {str(value): list(places) for value, places in d.values},
                    "padded": d.padded,
                }
                for d in self.disagreements
            ],
            "outliers": [
                {
                    "table": o.table.id,
                    "row": o.row.name,
                    "column": o.column,
                    "value": float(o.value.number),
                    "median": o.median,
                }
                for o in self.outliers
            ],
            "costs": [
                {
                    "table": c.table.id,
                    "row": c.row.name,
                    "column": c.column,
                    "printed": float(c.printed.number),
                    "measured": float(c.measured),
                    "verdict": c.verdict,
                }
                for c in self.costs
            ],
            "claims": [
                {
                    "id": j.claim.id,
                    "paper": j.claim.paper or None,
                    "text": j.claim.text,
                    "reading": j.claim.reading,
                    "printed": plain_cell(j.claim.printed),
                    "found": None if j.found is None else float(j.found),
                    "against": j.against,
                    "verdict": j.verdict,
                }
                for j in self.claims
            ],
        }


def report_on(library: Library, names: Sequence[str] = ()) -> Report:
    """Audit some tables, all by default, with the claims of their papers.

    Raises:
        TableError: there is no such table, or a claim names something that is not there.
    """
    tables = [library.table(name) for name in names] or list(library.tables.values())
    papers = {table.paper.id for table in tables}
    ids = {table.id for table in tables}
    return Report(
        checks=[check for table in tables for check in audit(library, table)],
        disagreements=disagreements(library, ids),
        outliers=[item for table in tables for item in outliers(table)],
        costs=[item for table in tables for item in check_costs(library, table)],
        claims=[
            judge(library, claim) for claim in library.claims if not names or claim.paper in papers
        ],
    )


def plain_check(check: Check) -> dict[str, Any]:
    """Return a recomputed Δm as plain data."""
    found = check.found
    return {
        "table": check.table.id,
        "key": check.row.key,
        "system": check.row.system,
        "backbone": check.row.backbone,
        "dataset": check.row.dataset,
        "printed": plain_cell(check.printed),
        "recomputed": float(found.value) if found else None,
        "allowed": [float(found.low), float(found.high)] if found else None,
        "verdict": check.verdict,
        "reason": check.reason,
    }


def plain_table(table: Table) -> dict[str, Any]:
    """Return a printed table as plain data; numbers stay texts, so that no digit is lost."""
    return {
        "table": table.id,
        "source": table.paper.source,
        "number": table.entry.number,
        "caption": table.entry.caption,
        "compares": table.entry.compares,
        "tier": "claimed",
        "delta_m": {"definition": table.paper.delta_m.definition, "positive_is": "better"},
        "columns": {
            name: {"kind": c.kind, "better": c.better or None, "unit": c.unit}
            for name, c in table.columns.items()
        },
        "rows": [
            {
                "key": row.key,
                "system": row.system,
                "method": row.method or None,
                "backbone": row.backbone or None,
                "dataset": row.dataset,
                "baseline": row.baseline or None,
                "cells": {name: _text(cell) for name, cell in row.cells.items()},
                "delta_m": _text(row.delta_m),
                "note": row.note,
            }
            for row in table.rows
        ],
    }


def plain_cell(cell: Printed | None) -> float | None:
    """Return a printed number as a float."""
    return float(cell.number) if cell else None


def _text(cell: Cell | None) -> str | None:
    if cell is None:
        return None
    return cell.value if isinstance(cell, Gap) else str(cell)


def _claim_lines(claims: list[Judged]) -> list[str]:
    lines: list[str] = []
    for identifier, group in groupby(claims, key=lambda item: item.claim.id):
        items = list(group)
        claim = items[0].claim
        lines.append(f"{claim.paper or 'paper not known'}: {claim.text} ({identifier})")
        for item in items:
            unit = item.claim.unit
            number = "" if item.found is None else f" {float(item.found):.4g} {unit}".rstrip()
            what = item.claim.reading or item.against
            lines.append(f"  {item.verdict}: {what}{':' if number else ''}{number}")
    return lines
