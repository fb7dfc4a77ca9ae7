"""Comparison of the hybrid Gramian with plain gradients, once for each set of tasks and layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from benchbed.engine.combination import gramian
from benchbed.engine.hybrid import Deltas, Layer
from benchbed.engine.rows import Rows


class Checked:
    """Remembers which layers were compared with their plain gradients, and what came of it.

    Attributes:
        passed: sets of tasks and layers that agreed.
        off: names of weights that differed, and go without.
        notes: a sentence for each comparison that failed.
    """

    def __init__(self) -> None:
        self.passed: set[tuple[tuple[str, ...], tuple[str, ...]]] = set()
        self.off: set[str] = set()
        self.notes: list[str] = []

    def state(self) -> dict[str, Any]:
        """Return all of it as plain data: a resumed run compares nothing anew."""
        passed = [[list(tasks), list(layers)] for tasks, layers in sorted(self.passed)]
        return {"passed": passed, "off": sorted(self.off), "notes": list(self.notes)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what :meth:`state` returned."""
        self.passed = {(tuple(tasks), tuple(layers)) for tasks, layers in state["passed"]}
        self.off = set(state["off"])
        self.notes = list(state["notes"])

    def passed_by(self, tasks: Sequence[str], layers: Sequence[Layer]) -> bool:
        """Return whether these layers have agreed for these tasks."""
        return _names(tasks, layers) in self.passed

    def compare(self, tasks: Sequence[str], hybrid: Rows, plain: Rows) -> bool:
        """Compare products and gradients with plain ones; remember the outcome.

        Args:
            tasks: their names.
            hybrid: gradients of the layers' outputs.
            plain: gradients of all weights, from the same graphs.

        Returns:
            Whether all layers agree.
        """
        named = {task: plain.named(task) for task in tasks}
        layers = hybrid.layers
        differing: dict[str, float] = {}
        for place, layer in enumerate(layers):
            rows = [named[task][layer.name] for task in tasks]
            gap = _gap(layer, rows, hybrid.outputs(place, tasks))
            # a NaN differs too
            if not gap <= _tolerance(layer.weight):
                differing[layer.name] = gap
        if not differing:
            self.passed.add(_names(tasks, layers))
            return True
        self.off |= set(differing)
        name, gap = max(differing.items(), key=lambda item: item[1])
        self.notes.append(
            f"The hybrid Gramian is off for {len(differing)} of {len(layers)} layers, whose "
            f"gradients differ from plain ones (by {gap:.1e} of their length for '{name}'); "
            "they get a gradient for each task."
        )
        return False


def _names(
    tasks: Sequence[str], layers: Sequence[Layer]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(tasks), tuple(layer.name for layer in layers)


def _gap(layer: Layer, rows: Sequence[Tensor], deltas: Deltas) -> float:
    """Return the largest difference between plain and hybrid, relative to the rows' lengths."""
    plain = gramian([[row] for row in rows])
    lengths = plain.diag().sqrt()
    # a task that does not reach the layer has length 0; compare it at the longest one's scale
    scale = torch.where(lengths > 0.0, lengths, lengths.max().clamp(min=1e-300))
    products = (plain - layer.products(deltas)).abs() / scale[:, None] / scale
    missed: list[Tensor] = []
    for row, delta in zip(rows, deltas, strict=True):
        difference = row if delta is None else row - layer.gradient(delta)
        missed.append(difference.norm().double())
    # unlike Python's, torch's maximum does not lose a NaN
    return float(torch.cat([products.flatten(), torch.stack(missed) / scale]).max())


def _tolerance(weight: Tensor) -> float:
    """Return how far rounding may lead apart; TF32 keeps 10 bits."""
    if weight.dtype == torch.float64:
        return 1e-10
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    if weight.is_cuda and (matmul.allow_tf32 or cudnn.allow_tf32):
        return 2e-2
    return 1e-4
