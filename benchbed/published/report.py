"""Everything that can be said against printed tables, as plain data and as lines of text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from benchbed.published.audit import Check, audit
from benchbed.published.cost_checks import CostCheck, check_costs
from benchbed.published.findings import Disagreement, Outlier, disagreements, outliers
from benchbed.published.judgements import Judged, judge
from benchbed.published.library import Library
from benchbed.published.plain import (
    plain_check,
    plain_claim,
    plain_cost,
    plain_disagreement,
    plain_outlier,
)


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
        return dict(sorted(Counter(verdicts).items()))

    def sections(self) -> dict[str, list[str]]:
        """Return the findings beside Δm as lines under their titles."""
        reasons = [check for check in self.checks if check.verdict and check.reason]
        differ = [item for item in self.disagreements if not item.padded]
        padded = [item for item in self.disagreements if item.padded]
        return {
            "Reasons": list(map(_reason, reasons)),
            "Printed with different values": list(map(str, differ)),
            "The same but for zeros in place of cut digits": list(map(str, padded)),
            "Far off their column": list(map(str, self.outliers)),
            "Costs against measured ones": list(map(str, self.costs)),
            "Claims in running text": _claim_lines(self.claims),
        }

    def plain(self) -> dict[str, Any]:
        """Return the audit as plain data; Δm are positive where better."""
        return {
            "positive_is": "better",
            "counts": self.counts(),
            "delta_m": list(map(plain_check, self.checks)),
            "disagreements": list(map(plain_disagreement, self.disagreements)),
            "outliers": list(map(plain_outlier, self.outliers)),
            "costs": list(map(plain_cost, self.costs)),
            "claims": list(map(plain_claim, self.claims)),
        }


def report_on(library: Library, names: Sequence[str] = ()) -> Report:
    """Audit some tables, all by default, with the claims of their papers.

    Raises:
        TableError: there is no such table, or a claim names something that is not there.
    """
    tables = [library.table(name) for name in names] or list(library.tables.values())
    checks: list[Check] = []
    far_off: list[Outlier] = []
    costs: list[CostCheck] = []
    for table in tables:
        checks += audit(library, table)
        far_off += outliers(table)
        costs += check_costs(library, table)
    differing = disagreements(library, [table.id for table in tables])
    papers = {table.paper.id for table in tables}
    # claims of papers that are not known stand beside all tables only
    claims = [claim for claim in library.claims if not names or claim.paper in papers]
    return Report(checks, differing, far_off, costs, [judge(library, claim) for claim in claims])


def _reason(check: Check) -> str:
    return f"{check.table.id}, {check.row.name}: {check.reason}."


def _claim_lines(claims: list[Judged]) -> list[str]:
    """Return each claim with a line for each of its readings."""
    lines: list[str] = []
    for identifier, group in groupby(claims, key=lambda item: item.claim.id):
        readings = list(group)
        claim = readings[0].claim
        lines.append(f"{claim.paper or 'paper not known'}: {claim.text} ({identifier})")
        lines += map(_reading, readings)
    return lines


def _reading(item: Judged) -> str:
    line = f"  {item.verdict}: {item.claim.reading or item.against}"
    if item.found is None:
        return line
    return f"{line}: {float(item.found):.4g} {item.claim.unit}".rstrip()
