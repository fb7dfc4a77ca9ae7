"""Measured costs of nets, as files list them, and when a printed number agrees with one."""

from __future__ import annotations

import re
from collections.abc import Mapping
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
_TEXT: Final = ("name", "work", "key", "backbone", "note")
_COUNT: Final = re.compile("[0-9]{1,18}")
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
    found: dict[str, Measured] = {}
    for number, line in read_sheet(path, ("name", "parameters"), (*_TEXT, *QUANTITIES)):
        try:
            net = _measured(line)
            if net.name in found or not net.name:
                raise TableError("the name is taken or missing")
        except TableError as error:
            raise TableError(f"{path}, line {number}: {error}; mend it.") from error
        found[net.name] = net
    return found


def _measured(line: Mapping[str, str]) -> Measured:
    costs: dict[str, int] = {}
    for quantity in QUANTITIES:
        text = line.get(quantity)
        if not text:
            continue
        if not _COUNT.fullmatch(text):
            raise TableError(f"'{text[:40]}' is no count")
        costs[quantity] = int(text)
    fields = {name: line.get(name, "") for name in _TEXT}
    return Measured(**fields, costs=costs)


def cost_verdict(printed: Printed, measured: Fraction) -> CostVerdict:
    """Say whether a measured number rounds to the printed one, or at least is cut off to it."""
    low, high = printed.bounds
    if low <= measured <= high:
        return "agrees"
    cut = printed.exact <= measured < printed.exact + 2 * printed.half
    return "truncated" if cut else "differs"
