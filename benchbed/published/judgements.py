"""Claims in a paper's running text, held against what they name."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from benchbed.basics.errors import suggest
from benchbed.published.cells import Printed, TableError
from benchbed.published.claims import Claim
from benchbed.published.costs import CostVerdict, Measured, cost_verdict
from benchbed.published.library import Library

Verdict = CostVerdict | Literal["denied", "not computable"]


@dataclass(frozen=True, slots=True)
class Judged:
    """A claim, what it was held against, and the verdict."""

    claim: Claim
    found: Fraction | None
    against: str
    verdict: Verdict


def judge(library: Library, claim: Claim) -> Judged:
    """Hold a claim against what it names.

    Raises:
        TableError: it names a row, column or measured net that is not there.
    """
    if claim.check == "none" or (claim.printed is None and claim.check != "better"):
        return Judged(claim, None, "no printed row", "not computable")
    if claim.check == "better":
        return _by_delta(library, claim)
    assert claim.printed is not None
    if claim.check == "cell":
        return _by_cell(library, claim, claim.printed)
    return _by_costs(library, claim, claim.printed)


def _by_delta(library: Library, claim: Claim) -> Judged:
    table, row = library.row(claim.left)
    against = f"Δm of {row.name} in {table.id}"
    if not isinstance(row.delta_m, Printed):
        return Judged(claim, None, against, "not computable")
    delta = row.delta_m.exact
    return Judged(claim, delta, against, "agrees" if delta > 0 else "denied")


def _by_cell(library: Library, claim: Claim, printed: Printed) -> Judged:
    table, row = library.row(claim.left)
    cell = row.cells.get(claim.right)
    against = f"{claim.right} of {row.name} in {table.id}"
    if not isinstance(cell, Printed):
        return Judged(claim, None, against, "not computable")
    verdict: Verdict = "differs" if printed.differs_from(cell) else "agrees"
    return Judged(claim, cell.exact, against, verdict)


def _by_costs(library: Library, claim: Claim, printed: Printed) -> Judged:
    left = _cost(library, claim.left, claim)
    right = _cost(library, claim.right, claim)
    found = 100 * Fraction(left, right)
    if claim.check == "growth":
        found = (found - 100) / claim.tasks
    against = f"{claim.quantity} of {claim.left} over {claim.right}"
    return Judged(claim, found, against, cost_verdict(printed, found))


def _cost(library: Library, name: str, claim: Claim) -> int:
    measured: Measured | None = library.measured.get(name)
    if measured is None or not measured.costs.get(claim.quantity):
        raise TableError(
            f"The claim '{claim.id}' needs {claim.quantity or 'a quantity'} of '{name}', which is "
            f"not among the measured costs.{suggest(name, library.measured)}"
        )
    return measured.costs[claim.quantity]
