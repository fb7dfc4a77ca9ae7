"""What a strategy keeps for each task and shared parameter, and sums over tasks' gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchbed.engine.combination import gramian

Rows = Mapping[str, Tensor]
"""For each parameter by name a tensor for each task, ``(T, *shape)``."""


class RowState:
    """A tensor for each task and parameter, zero at first, and how often each task was met.

    Keyed by the tasks' and the parameters' names: a task may be absent from a step, and a phase of
    training may share other parameters than the one before. A parameter that was met with another
    shape begins anew.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        self._places = {task: place for place, task in enumerate(tasks)}
        self._held: dict[str, Tensor] = {}
        self._met = dict.fromkeys(tasks, 0)

    def meet(self, tasks: Sequence[str]) -> np.ndarray:
        """Count a step with some tasks.

        Args:
            tasks: T of them.

        Returns:
            The number of each task's step, from 1, ``(T,)``.
        """
        for task in tasks:
            self._met[task] += 1
        return np.array([self._met[task] for task in tasks])

    def update(
        self, tasks: Sequence[str], rows: Rows, rule: Callable[[Tensor, Tensor], object]
    ) -> dict[str, Tensor]:
        """Change what is kept for some tasks.

        Args:
            tasks: the tasks, T of them, in the order of the rows.
            rows: their gradients by parameter, ``(T, *shape)``.
            rule: changes its first argument, what is kept, in place; its second are the rows. Both
                are ``(T, *shape)``.

        Returns:
            What is now kept for these tasks and parameters; to be read only.
        """
        places = [self._places[task] for task in tasks]
        whole = places == list(range(len(self._places)))
        result: dict[str, Tensor] = {}
        for name, given in rows.items():
            held = self._fitting(name, given)
            if whole:
                rule(held, given)
                result[name] = held
            else:
                index = torch.tensor(places, device=held.device)
                result[name] = held[index]
                rule(result[name], given)
                held[index] = result[name]
        return result

    def approach(self, tasks: Sequence[str], rows: Rows, shares: np.ndarray) -> dict[str, Tensor]:
        """Bring what is kept for some tasks nearer to their rows.

        Args:
            tasks: the tasks, T of them, in the order of the rows.
            rows: their gradients by parameter, ``(T, *shape)``.
            shares: of the way, for each task, ``(T,)``.

        Returns:
            What is now kept for these tasks and parameters; to be read only.
        """

        def rule(held: Tensor, given: Tensor) -> None:
            held.lerp_(given, along_tasks(shares, given))

        return self.update(tasks, rows, rule)

    def _fitting(self, name: str, given: Tensor) -> Tensor:
        held = self._held.get(name)
        if held is None or held.shape[1:] != given.shape[1:]:
            held = given.new_zeros(len(self._places), *given.shape[1:])
        self._held[name] = held = held.to(given)
        return held

    def state(self) -> dict[str, Any]:
        """Return all of it as tensors and plain data."""
        rows: dict[str, dict[str, Tensor]] = {}
        for name, held in self._held.items():
            rows[name] = dict(zip(self._places, held, strict=True))
        return {"met": dict(self._met), "rows": rows}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what :meth:`state` returned."""
        self._met.update(state["met"])
        restored: dict[str, Tensor] = {}
        for name, by_task in state["rows"].items():
            restored[name] = torch.stack([by_task[task] for task in self._places])
        self._held = restored


def along_tasks(values: np.ndarray, rows: Tensor) -> Tensor:
    """Return one number a task in the shape that multiplies its row.

    Args:
        values: ``(T,)``.
        rows: ``(T, *shape)``.

    Returns:
        ``(T, 1, …)``, of the rows' type and on their device.
    """
    ones = [1] * (rows.dim() - 1)
    return torch.from_numpy(values).to(rows).reshape(-1, *ones)


def products(rows: Rows) -> np.ndarray:
    """Return the Gramian of the rows, ``(T, T)`` in float64, summed parameter by parameter."""
    gradients = list(zip(*rows.values(), strict=True))
    found: np.ndarray = gramian(gradients).cpu().numpy()
    return found


def combined(rows: Rows, weights: np.ndarray) -> dict[str, Tensor]:
    """Return Σ_t w_t·row_t for each parameter, of its shape.

    Args:
        rows: by parameter, ``(T, *shape)``.
        weights: w, ``(T,)``.
    """
    sums: dict[str, Tensor] = {}
    for name, block in rows.items():
        own = torch.from_numpy(weights).to(block)
        sums[name] = torch.tensordot(own, block, dims=1)
    return sums
