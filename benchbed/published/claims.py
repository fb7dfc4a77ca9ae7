"""Claims in a paper's running text, as files list them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from benchbed.basics.errors import suggest
from benchbed.published.cells import Printed, TableError, parse_printed
from benchbed.published.sheet import read_sheet

CLAIMS: Final = "text_claims.csv"
"""Name of a file with claims."""
Check = Literal["cell", "share", "growth", "better", "none"]
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
    check = line["check"]
    printed = line.get("printed", "")
    tasks = line.get("tasks") or "1"
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
