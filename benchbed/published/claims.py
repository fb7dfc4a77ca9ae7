"""Claims in a paper's running text, and what they can be held against."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args

from benchbed.errors import suggest
from benchbed.published.cells import Printed, TableError, parse_printed
from benchbed.published.costs import CostVerdict, Measured, cost_verdict
from benchbed.published.sheet import read_sheet

if TYPE_CHECKING:
    from benchbed.published.library import Library

CLAIMS: Final = "text_claims.csv"
"""Name of a file with claims."""
Check = Literal["cell", "share", "growth", "better", "none"]
Verdict = CostVerdict | Literal["denied", "not computable"]
_FIELDS: Final = ("id", "paper", "text", "unit", "reading", "left", "right", "quantity")


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim under one reading.

    Attributes:
        paper: id of the paper; nothing where it is not known.
        text: the claim in our words.
        reading: what it is taken to be about, where that is open.
        check: ``cell`` (a printed cell, ``left`` its row and ``right`` its column), ``share``
            (``left`` in percent of ``right``, by measured ``quantity``), ``growth`` (by how many
            percent ``left`` exceeds ``right``, a task), ``better`` (the row ``left`` beats its
            baseline by its printed Δm) or ``none``.
    """

    id: str
    paper: str
    text: str
    printed: Printed | None
    unit: str
    reading: str
    check: Check
    left: str
    right: str
    quantity: str
    tasks: int


@dataclass(frozen=True, slots=True)
class Judged:
    """A claim, what it was held against, and the verdict."""

    claim: Claim
    found: Fraction | None
    against: str
    verdict: Verdict


def read_claims(path: Path) -> list[Claim]:
    """Read claims.

    Raises:
        TableError: the file is wrong.
    """
    required = ("id", "text", "check")
    known = (*_FIELDS, "printed", "check", "tasks")
    found: dict[tuple[str, str], Claim] = {}
    for number, line in read_sheet(path, required, known):
        try:
            claim = _claim(line)
            if (claim.id, claim.reading) in found:
                raise TableError(f"the claim '{claim.id}' is there twice in one reading.")
        except TableError as error:
            raise TableError(f"{path}, line {number}: {error}") from error
        found[claim.id, claim.reading] = claim
    return list(found.values())


def _claim(line: dict[str, str]) -> Claim:
    check, printed, tasks = line["check"], line.get("printed", ""), line.get("tasks") or "1"
    if check not in get_args(Check):
        raise TableError(f"there is no check '{check}'.{suggest(check, get_args(Check))}")
    if not tasks.isdecimal() or not 1 <= int(tasks) <= 1000:
        raise TableError(f"'{tasks[:40]}' is no number of tasks.")
    if not printed and check in {"cell", "share", "growth"}:
        raise TableError(f"the check '{check}' needs the printed number.")
    return Claim(
        **{name: line.get(name, "") for name in _FIELDS},
        printed=parse_printed(printed) if printed else None,
        check=check,  # type: ignore[arg-type]
        tasks=int(tasks),
    )


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
