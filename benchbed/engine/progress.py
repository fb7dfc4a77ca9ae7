"""What a run has come to, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from benchbed.engine.evaluation import Evaluation
from benchbed.engine.losses import Count
from benchbed.engine.selection import Selected
from benchbed.engine.updates import Effort, Stepped
from benchbed.records.record import finite

Curves = dict[str, list[float | None]]


@dataclass(slots=True)
class Progress:
    """What a run has come to at the end of an epoch; all of it is in the checkpoint."""

    epoch: int = 0
    step: int = 0
    optimizer_steps: int = 0
    samples: int = 0
    seconds: float = 0.0
    phase: int = 0
    curves: Curves = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    gradients: list[str] = field(default_factory=list)
    selected: Selected = field(default_factory=Selected)
    efforts: list[Effort] = field(default_factory=lambda: [Effort()])
    """Of each phase so far."""

    @classmethod
    def restored(cls, plain: Mapping[str, Any]) -> Progress:
        """Return the progress of which ``dataclasses.asdict`` made plain data."""
        fields = dict(plain)
        fields["selected"] = Selected(**plain["selected"])
        fields["efforts"] = [Effort(**effort) for effort in plain["efforts"]]
        return cls(**fields)

    def add_values(self, values: Mapping[str, float]) -> None:
        """Add an epoch to the curves; a curve that the epoch lacks gets a gap."""
        for name, value in values.items():
            curve = self.curves.setdefault(name, [None] * self.epoch)
            curve.append(finite(value))
        for curve in self.curves.values():
            curve.extend([None] * (self.epoch + 1 - len(curve)))

    def curve(self, name: str) -> list[float]:
        """Return a curve of one value an epoch so far, NaN where there is none."""
        never: list[float | None] = [None] * self.epoch
        values = self.curves.get(name, never)
        return [math.nan if value is None else value for value in values]

    def add_notes(self, notes: Iterable[str]) -> None:
        """Add the notes that are not there yet."""
        self.notes += [note for note in notes if note not in self.notes]


class EpochLosses:
    """An epoch's mean training losses: the tasks' over valid elements, auxiliary over batches."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, Count] = {}
        self._auxiliary: dict[str, Tensor] = {}
        self._batches: dict[str, int] = {}

    def add(self, stepped: Stepped) -> None:
        """Take an update into account; losses stay on the device."""
        for name, total in stepped.totals.items():
            if name in self._sums:
                self._sums[name] = self._sums[name] + total
                self._counts[name] = self._counts[name] + stepped.counts[name]
            else:
                # float64 from the first one on: later ones are added in it
                self._sums[name] = total.double()
                self._counts[name] = stepped.counts[name]
        for of_batch in stepped.auxiliary:
            self._add_auxiliary(of_batch)

    def _add_auxiliary(self, losses: Mapping[str, Tensor]) -> None:
        for name, loss in losses.items():
            before = self._auxiliary.get(name, torch.zeros_like(loss, dtype=torch.float64))
            self._auxiliary[name] = before + loss
            self._batches[name] = self._batches.get(name, 0) + 1

    def means(self) -> dict[str, float]:
        """Return the mean by task, 0 where an epoch had no valid element."""
        means: dict[str, float] = {}
        for name, total in self._sums.items():
            count = float(self._counts[name]) or 1.0
            means[name] = float(total) / count
        return means

    def auxiliary(self) -> dict[str, float]:
        """Return the mean auxiliary losses by their curves' names."""
        means: dict[str, float] = {}
        for name, total in self._auxiliary.items():
            means[name] = float(total) / self._batches[name]
        return means


def validation_values(evaluation: Evaluation) -> dict[str, float]:
    """Return an epoch's validation losses and metrics by their curves' names."""
    values = {f"validation/{name}/loss": loss for name, loss in evaluation.losses.items()}
    for task, scores in evaluation.scores.items():
        for metric, score in scores.items():
            values[f"validation/{task}/{metric}"] = score
    return values
