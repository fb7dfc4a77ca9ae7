"""Printed tables and what is found of them as plain data, for JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from benchbed.published.audit import Check
from benchbed.published.cells import Cell, Gap, Printed
from benchbed.published.cost_checks import CostCheck
from benchbed.published.findings import Disagreement, Outlier
from benchbed.published.judgements import Judged
from benchbed.published.paper import Column
from benchbed.published.table import Row, Table


def plain_table(table: Table) -> dict[str, Any]:
    """Return a printed table as plain data; numbers stay texts, so that no digit is lost."""
    return {
        "table": table.id,
        "source": table.paper.source,
        "number": table.entry.number,
        "caption": table.entry.caption,
        "compares": table.entry.compares,
        "tier": "claimed",
        "delta_m": {"definition": table.paper.delta_m.definition, "positive_is": "better"},
        "columns": {name: _plain_column(column) for name, column in table.columns.items()},
        "rows": [_plain_row(row) for row in table.rows],
    }


def plain_check(check: Check) -> dict[str, Any]:
    """Return a recomputed Δm as plain data."""
    recomputed, allowed = None, None
    if check.found:
        recomputed = float(check.found.value)
        allowed = [float(check.found.low), float(check.found.high)]
    return {
        "table": check.table.id,
        "key": check.row.key,
        "system": check.row.system,
        "backbone": check.row.backbone,
        "dataset": check.row.dataset,
        "printed": _number(check.printed),
        "recomputed": recomputed,
        "allowed": allowed,
        "verdict": check.verdict,
        "reason": check.reason,
    }


def plain_disagreement(item: Disagreement) -> dict[str, Any]:
    """Return a disagreement as plain data, with the places by value."""
    return {
        **asdict(item.quantity),
        "values": {str(value): list(places) for value, places in item.values},
        "padded": item.padded,
    }


def plain_outlier(item: Outlier) -> dict[str, Any]:
    """Return an outlier as plain data."""
    return {
        "table": item.table.id,
        "row": item.row.name,
        "column": item.column,
        "value": _number(item.value),
        "median": item.median,
    }


def plain_cost(item: CostCheck) -> dict[str, Any]:
    """Return a printed cost beside the measured one as plain data."""
    return {
        "table": item.table.id,
        "row": item.row.name,
        "column": item.column,
        "printed": _number(item.printed),
        "measured": float(item.measured),
        "verdict": item.verdict,
    }


def plain_claim(item: Judged) -> dict[str, Any]:
    """Return a claim and its verdict as plain data."""
    return {
        "id": item.claim.id,
        "paper": item.claim.paper or None,
        "text": item.claim.text,
        "reading": item.claim.reading,
        "printed": _number(item.claim.printed),
        "found": None if item.found is None else float(item.found),
        "against": item.against,
        "verdict": item.verdict,
    }


def _plain_column(column: Column) -> dict[str, Any]:
    return {"kind": column.kind, "better": column.better or None, "unit": column.unit}


def _plain_row(row: Row) -> dict[str, Any]:
    return {
        "key": row.key,
        "system": row.system,
        "method": row.method or None,
        "backbone": row.backbone or None,
        "dataset": row.dataset,
        "baseline": row.baseline or None,
        "cells": {name: _text(cell) for name, cell in row.cells.items()},
        "delta_m": _text(row.delta_m),
        "note": row.note,
    }


def _number(cell: Printed | None) -> float | None:
    return float(cell.number) if cell else None


def _text(cell: Cell | None) -> str | None:
    if cell is None:
        return None
    return cell.value if isinstance(cell, Gap) else str(cell)
