"""Arithmetic on costs, without torch: reports need it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from benchbed.records.record import Costs, Macs, Parameters

MAC_CONVENTION: Final = (
    "multiply-adds of convolutions, linear layers and matrix products; one multiply-add is one"
)


def size_kb(parameters: int) -> dict[str, float]:
    """Return the model's size in KB of 1024 bytes, by precision."""
    return {"fp32": parameters * 4 / 1024, "fp16": parameters * 2 / 1024}


def add_costs(parts: Iterable[Costs]) -> Costs:
    """Return the costs of several networks used together, as the single-task baseline does."""
    parts = list(parts)
    other: dict[str, int] = {}
    for part in parts:
        for name, count in part.other_ops.items():
            other[name] = other.get(name, 0) + count
    parameters = Parameters(
        sum(part.parameters.total for part in parts),
        sum(part.parameters.shared for part in parts),
        {task: n for part in parts for task, n in part.parameters.per_task.items()},
        sum(part.parameters.training_only for part in parts),
        sum(part.parameters.unused for part in parts),
    )
    return Costs(
        parameters=parameters,
        macs=Macs(
            sum(part.macs.all_tasks for part in parts),
            {task: n for part in parts for task, n in part.macs.per_task.items()},
        ),
        other_ops=other,
        uncounted=sorted({name for part in parts for name in part.uncounted}),
        size_kb=size_kb(parameters.total),
    )
