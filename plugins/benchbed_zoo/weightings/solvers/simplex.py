"""Points of the probability simplex: exact projection, and one weight a task that stays on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn


def project_on_simplex(point: np.ndarray) -> np.ndarray:
    """Return the w ≥ 0 with Σ w = 1 that is nearest to a point.

    It is max(point − θ, 0) with one θ, found by sorting (M. Held, P. Wolfe, H. Crowder,
    Mathematical Programming 6, 1974). The largest entry is taken off first, as it is always among
    those that stay, so that large numbers cost no precision.

    Args:
        point: ``(T,)``, finite.

    Returns:
        w, ``(T,)``.

    Example:
        >>> project_on_simplex(np.array([1.0, 0.5, -3.0]))
        array([0.75, 0.25, 0.  ])
    """
    shifted = point - point.max()
    falling = np.sort(shifted)[::-1]
    # θ if the first one, two, … entries stay
    levels = (np.cumsum(falling) - 1.0) / np.arange(1, len(point) + 1)
    last = np.flatnonzero(falling > levels)[-1]
    nearest: np.ndarray = np.maximum(shifted - levels[last], 0.0)
    return nearest


class TaskWeights(nn.Module):
    """One weight for each task, equal at first, of sum 1.

    In a step without some of the tasks, those present divide 1 among them as their weights do; what
    they then get is scaled back to their part of the whole, so that no absent task's weight moves.

    Args:
        tasks: names of all tasks.
    """

    values: Tensor

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__()
        self._places = {task: place for place, task in enumerate(tasks)}
        count = len(self._places)
        self.register_buffer("values", torch.full((count,), 1.0 / count, dtype=torch.float64))

    def of(self, tasks: Sequence[str]) -> np.ndarray:
        """Return the weights of some tasks, ``(T,)``, of sum 1; equal where all of theirs are 0."""
        values = self._numpy()[self._at(tasks)]
        if len(tasks) == len(self._places):
            return values
        total = values.sum()
        if total > 0.0:
            shares: np.ndarray = values / total
            return shares
        return np.full(len(tasks), 1.0 / len(tasks))

    def keep(self, tasks: Sequence[str], weights: np.ndarray) -> None:
        """Take over the new weights of some tasks, ``(T,)``, of sum 1."""
        values = self._numpy()
        places = self._at(tasks)
        whole = 1.0
        if len(tasks) < len(self._places):
            whole = values[places].sum()
        values[places] = whole * weights
        self.values.copy_(torch.from_numpy(values))

    def _numpy(self) -> np.ndarray:
        values: np.ndarray = self.values.cpu().numpy().copy()
        return values

    def _at(self, tasks: Sequence[str]) -> list[int]:
        return [self._places[task] for task in tasks]
