"""Arithmetic on costs, without torch: reports need it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from benchbed.records.record import Costs, Macs, Parameters

EVERYTHING: Final = "everything"
"""Stands among the uncounted operators where no multiply-add could be counted."""

MAC_CONVENTION: Final = (
    "multiply-adds of convolutions, linear layers and matrix products; one multiply-add is one"
)


def size_kb(parameters: int) -> dict[str, float]:
    """Return the model's size in KB of 1024 bytes, by precision."""
    return {"fp32": parameters * 4 / 1024, "fp16": parameters * 2 / 1024}


def add_costs(parts: Iterable[Costs]) -> Costs:
    """Return the costs of several networks used together, as the single-task baseline does."""
    parameters = Parameters(0, 0, {})
    macs = Macs(0, {})
    other: Counter[str] = Counter()
    uncounted: set[str] = set()
    for part in parts:
        parameters = _with_parameters(parameters, part.parameters)
        macs = Macs(
            macs.all_tasks + part.macs.all_tasks,
            macs.per_task | part.macs.per_task,
        )
        other.update(part.other_ops)
        uncounted.update(part.uncounted)
    return Costs(
        parameters=parameters,
        macs=macs,
        other_ops=dict(other),
        uncounted=sorted(uncounted),
        size_kb=size_kb(parameters.total),
    )


def _with_parameters(one: Parameters, other: Parameters) -> Parameters:
    return Parameters(
        total=one.total + other.total,
        shared=one.shared + other.shared,
        per_task=one.per_task | other.per_task,
        training_only=one.training_only + other.training_only,
        unused=one.unused + other.unused,
    )
