"""What a reader must know of rows whose runs began with given weights."""

from __future__ import annotations

from collections.abc import Iterable

from benchbed.records.row_id import RowId


def about_weights(rows: Iterable[RowId]) -> list[str]:
    """Return of each file of weights which rows are marked with it."""
    digests = sorted({row.pretrained for row in rows if row.pretrained})
    return [
        f"from {digest[:8]}: runs that began with the weights of SHA-256 {digest}; Δm is against "
        "the baseline that began with the same (--reference names another)."
        for digest in digests
    ]
