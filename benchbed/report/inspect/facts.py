"""What is said of a record: its name, a figure's title, its main facts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchbed.basics.texts import counted
from benchbed.records.record import Record
from benchbed.report.inspect.request import Choice


def run_name(record: Record) -> str:
    """Return the method; of a run of one task alone, which has no weighting, also the task."""
    has_weighting = any(component.kind == "weighting" for component in record.components)
    return record.method if has_weighting else f"{record.method} ({record.tasks[0]})"


def run_title(record: Record) -> str:
    """Return a figure's title: the run's name, its protocol, seed and selected epoch."""
    return (
        f"{run_name(record)}\n{record.protocol} · seed {record.seed} · epoch "
        f"{record.selected_epoch} of {record.budget.epochs} ({record.selection})"
    )


def samples_title(samples: int, split: str, choice: Choice = "spread") -> str:
    """Return a title's line on how many samples of which split are drawn, and why these."""
    number = counted(samples, "sample")
    if choice == "spread":
        return f"{number} of split '{split}'"
    how = {"worst": "the highest losses", "typical": "losses nearest the median"}[choice]
    return f"{number} of split '{split}' with {how}"


def record_facts(record: Record, path: Path) -> dict[str, Any]:
    """Return a record's main facts as plain data."""
    return {
        "key": record.key,
        "record": str(path),
        "protocol": record.protocol,
        "protocol_digest": record.protocol_digest,
        "method": record.method,
        "tasks": record.tasks,
        "seed": record.seed,
        "selection": record.selection,
        "selected_epoch": record.selected_epoch,
        "epochs": record.budget.epochs,
        "test": record.test,
        "validation": record.validation,
        "parameters": record.costs.parameters.total,
        "macs": record.costs.macs.all_tasks,
        "tier": record.tier,
        "notes": record.notes,
    }
