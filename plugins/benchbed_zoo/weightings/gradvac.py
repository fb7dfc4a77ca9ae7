"""Gradient vaccine (GradVac)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
import torch
from torch import Tensor

from benchbed.contracts.weighting import Level, Weighting, WeightingContext
from benchbed_zoo.weightings.parts.per_task import places_of

HIGHEST: Final = 1.0 - 1e-6
"""Targets above it count as it: nearer to 1, cosines of float32 gradients are noise."""


@dataclass(frozen=True, slots=True)
class _Turned:
    """Each task's gradient on its way, one a row.

    Attributes:
        gramian: of the tasks' gradients as they were, ``(T, T)``.
        lengths: theirs, ``(T,)``.
        coefficients: of each row in the tasks' gradients, ``(T, T)``.
        products: of each row with the tasks' gradients, ``(T, T)``.
        sizes: Σ_j |coefficient|·length of each row, ``(T,)``.
    """

    gramian: np.ndarray
    lengths: np.ndarray
    coefficients: np.ndarray
    products: np.ndarray
    sizes: np.ndarray


class GradVac(Weighting):
    """Each task's gradient, turned towards the others until their cosines are as usual.

    For each i, with g = g_i, and for each j ≠ i in random order: φ = cos(g, g_j); if φ < φ̂_ij then
    g ← g + ‖g‖·(φ̂_ij·√(1−φ²) − φ·√(1−φ̂_ij²))/(‖g_j‖·√(1−φ̂_ij²))·g_j, which makes their cosine φ̂_ij;
    then φ̂_ij ← (1−β)·φ̂_ij + β·φ, from 0 at first. The update is the sum over i, over all shared
    parameters as one group. With targets of 0 it is PCGrad.

    A zero gradient turns nothing and moves no target; neither does a g that has become zero, which
    is what two opposite gradients come to.

    Args:
        context: the tasks.
        beta: β in [0, 1], the share of a step in the targets; 0.01 is the paper's.

    Example:
        As a method: ``hps+gradvac:beta=0.1``. At the first step, whose targets are 0:

        >>> jacobian = torch.tensor([[1.0, 0.0], [-1.0, 1.0]])
        >>> benchbed.aggregate("gradvac:beta=0", jacobian)
        tensor([0.5000, 1.5000])

    Source: Z. Wang, Y. Tsvetkov, O. Firat, Y. Cao: Gradient Vaccine, ICLR 2021, the update rule and
    the moving average of targets.
    """

    level: ClassVar[Level] = "gramian"
    sums_to: ClassVar[str] = "free"

    targets: Tensor

    def __init__(self, context: WeightingContext, *, beta: float = 0.01) -> None:
        super().__init__(context)
        self.beta = beta
        count = len(context.tasks)
        self.register_buffer("targets", torch.zeros(count, count, dtype=torch.float64))

    def weights(self, gramian: Tensor, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the coefficients of the sum of the turned gradients.

        Args:
            gramian: G, ``(T, T)``, float64.
            losses: by task; the names alone are looked at.

        Returns:
            w, ``(T,)``, float64.
        """
        g = gramian.numpy()
        lengths = np.sqrt(np.diag(g))
        at = places_of(losses, self.context.tasks)
        those = np.ix_(at, at)
        targets = self.targets.numpy()[those]
        turned = _Turned(g, lengths, np.eye(len(g)), g.copy(), lengths.copy())
        # rows know nothing of each other, so that each takes its own next j at once
        for others in _orders(len(g)).T:
            self._turn(turned, targets, others)
        self.targets[those] = torch.from_numpy(targets)
        return torch.from_numpy(turned.coefficients.sum(axis=0))

    def _turn(self, turned: _Turned, targets: np.ndarray, others: np.ndarray) -> None:
        """Turn each row's gradient towards one other, and move its target.

        Args:
            turned: the gradients as they are.
            targets: the targets, ``(T, T)``.
            others: the task that each row turns to, ``(T,)``.
        """
        lengths = turned.lengths
        # ‖g‖² of each row
        squares = np.einsum("ij,ij->i", turned.coefficients, turned.products)
        facing = lengths[others]
        i = np.flatnonzero((facing > 0.0) & (squares > 1e-14 * turned.sizes**2))
        j = others[i]
        own = np.sqrt(squares[i])
        cosine = turned.products[i, j] / (own * facing[i])
        cosine = np.minimum(1.0, np.maximum(-1.0, cosine))

        target = targets[i, j]
        targets[i, j] = (1.0 - self.beta) * target + self.beta * cosine

        # from here on only the rows whose cosine is below its target
        wanted = np.minimum(target, HIGHEST)
        low = cosine < wanted
        i = i[low]
        j = j[low]
        own = own[low]
        cosine = cosine[low]
        wanted = wanted[low]
        wanted_sine = np.sqrt(1.0 - wanted**2)
        turn = wanted * np.sqrt(1.0 - cosine**2) - cosine * wanted_sine
        added = own * turn / (lengths[j] * wanted_sine)
        turned.coefficients[i, j] += added
        turned.sizes[i] += added * lengths[j]
        turned.products[i] += added[:, None] * turned.gramian[j]


def _orders(count: int) -> np.ndarray:
    """Return for each task the others in random order, ``(T, T − 1)``."""
    drawn = torch.rand(count, count, dtype=torch.float64)
    # infinity puts the task itself last
    itself = torch.diag(torch.full((count,), torch.inf, dtype=torch.float64))
    order: np.ndarray = (drawn + itself).argsort(dim=1)[:, :-1].numpy()
    return order
