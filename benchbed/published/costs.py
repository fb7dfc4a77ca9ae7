"""Measured costs of nets, as files list them, and when a printed number agrees with one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, Literal

from benchbed.published.cells import Printed, TableError
from benchbed.published.sheet import read_sheet

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
