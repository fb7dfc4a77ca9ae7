"""What of the records a reader of a table must know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchbed.discovery.own_code import MARK
from benchbed.records.index import Summary
from benchbed.records.row_id import RowId
from benchbed.report.records.choice import Chooser


def remarks(
    records: Sequence[Summary], everything: Sequence[Summary], chooser: Chooser
) -> list[str]:
    """Return what is odd about records, once a row.

    Args:
        records: those of the rows that are shown.
        everything: all of the table, by which a budget is unequal.
        chooser: tells which of them are ours; others' budgets are no measure of ours.
    """
    usual = max((record.budget.samples for record in chooser.ours(everything)), default=0)
    found: dict[str, None] = {}
    for record in records:
        found |= dict.fromkeys(_remarks(record, usual))
    return list(found)


def _remarks(record: Summary, usual: int) -> Iterator[str]:
    """Return what is odd about a record, ``usual`` being the samples of our longest runs."""
    name = RowId.of(record).name
    samples = record.budget.samples
    if samples < usual:
        yield f"{name}: unequal budget, {samples} samples a run where others drew {usual}."
    for part in record.components:
        if MARK in part.version:
            yield f"{name}: {part.kind} {part.id} is no installed plugin ({part.version})."
    for note in record.notes:
        yield f"{name}: {note}"
