"""A CSV file a run: a line an epoch, a column a curve."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from benchbed.contracts.logger import Logger, log_name
from benchbed.contracts.observed import ObservedRun


class CsvFiles(Logger):
    """Writes ``<protocol>/<run>.csv``: the column ``epoch``, then a column for each curve.

    Lines are written as epochs end; an epoch without a value leaves its field empty. Values are
    written so that reading them gives the same floats. Test scores stand in the run's record.
    """

    def started(self, run: ObservedRun) -> None:
        """Begin the run's file anew."""
        path = self._path(run)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)

    def epoch(self, run: ObservedRun, epoch: int, values: Mapping[str, float]) -> None:
        """Add a line; a curve that begins now gets a column, empty above."""
        path = self._path(run)
        columns = _columns(path)
        new = [name for name in ("epoch", *values) if name not in columns]
        if new:
            _add_columns(path, columns + new)
            columns += new
        with path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, columns).writerow({"epoch": epoch, **values})

    def _path(self, run: ObservedRun) -> Path:
        return self.folder / run.protocol_id / f"{log_name(run)}.csv"


def _columns(path: Path) -> list[str]:
    """Return a file's columns; none where there is no file yet."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return next(csv.reader(file), [])
    except FileNotFoundError:
        return []


def _add_columns(path: Path, columns: list[str]) -> None:
    """Write a file again with more columns."""
    lines: list[dict[str, str]] = []
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(lines)
