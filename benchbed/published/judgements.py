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
    if claim.check in {"cell", "better"}:
        return _by_row(library, claim)
    left, right = (_cost(library, name, claim) for name in (claim.left, claim.right))
    share = 100 * Fraction(left, right)
    found = share if claim.check == "share" else (share - 100) / claim.tasks
    against = f"{claim.quantity} of {claim.left} over {claim.right}"
    assert claim.printed is not None
    return Judged(claim, found, against, cost_verdict(claim.printed, found))


def _by_row(library: Library, claim: Claim) -> Judged:
    table, row = library.row(claim.left)
    column = "Δm" if claim.check == "better" else claim.right
    cell = row.delta_m if claim.check == "better" else row.cells.get(claim.right)
    against = f"{column} of {row.name} in {table.id}"
    if not isinstance(cell, Printed):
        return Judged(claim, None, against, "not computable")
    if claim.check == "better":
        return Judged(claim, cell.exact, against, "agrees" if cell.exact > 0 else "denied")
    assert claim.printed is not None
    verdict: Verdict = "differs" if claim.printed.differs_from(cell) else "agrees"
    return Judged(claim, cell.exact, against, verdict)


def _cost(library: Library, name: str, claim: Claim) -> int:
    measured: Measured | None = library.measured.get(name)
    if measured is None or not measured.costs.get(claim.quantity):
        raise TableError(
            f"The claim '{claim.id}' needs {claim.quantity or 'a quantity'} of '{name}', which is "
            f"not among the measured costs.{suggest(name, library.measured)}"
        )
    return measured.costs[claim.quantity]
