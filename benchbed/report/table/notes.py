"""Sentences that tell what every row has in a column that is not shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from benchbed.report.row import Row
from benchbed.report.table.numbers import DASH


def by_method(head: str, rows: Sequence[Row], text: Callable[[Row], str | None]) -> str:
    """Return what most whole rows have, then each row that has something else.

    Args:
        head: what is told.
        rows: of the table.
        text: what a row has.
    """
    told = {row.name: text(row) or DASH for row in rows}
    whole = [row for row in rows if not row.failed and not row.missing]
    counts = Counter(told[row.name] for row in whole or rows)
    usual = next((value for value, _ in counts.most_common(1)), DASH)
    others = [f"{method}: {value}" for method, value in told.items() if value != usual]
    return f"{head}: {'; '.join([usual, *others])}."
