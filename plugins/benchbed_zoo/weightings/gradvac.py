"""Gradient vaccine (GradVac)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
import torch
from torch import Tensor

from benchbed.contracts.weighting import Level, Weighting, WeightingContext

HIGHEST: Final = 1.0 - 1e-6
"""Targets above it count as it: nearer to 1, cosines of float32 gradients are noise."""


@dataclass(frozen=True, slots=True)
class _Turned:
    """Each task's gradient on its way, one a row.

    Attributes:
        gramian: of the tasks' gradients as they were, whose lengths are ``lengths``.
        coefficients: of each row in the tasks' gradients.
        products: of each row with the tasks' gradients.
        sizes: Σ_j |coefficient|·length of each row.
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

    Source: Z. Wang, Y. Tsvetkov, O. Firat, Y. Cao, ICLR 2021, the update rule and the moving
    average of targets; β = 0.01 is the paper's.
    """

    level: ClassVar[Level] = "gramian"
    sums_to: ClassVar[str] = "free"

    targets: Tensor

    def __init__(self, context: WeightingContext, *, beta: float = 0.01) -> None:
        super().__init__(context)
        self.beta = beta
        self._places = {task: place for place, task in enumerate(context.tasks)}
        count = len(self._places)
        self.register_buffer("targets", torch.zeros(count, count, dtype=torch.float64))

    def weights(self, gramian: Tensor, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the coefficients of the sum of the turned gradients."""
        g = gramian.numpy()
        count = len(g)
        drawn = torch.rand(count, count, dtype=torch.float64)
        itself = torch.diag(torch.full((count,), torch.inf, dtype=torch.float64))
        orders = (drawn + itself).argsort(dim=1)[:, :-1].numpy()  # none turns to itself
        at = np.array([self._places[task] for task in losses])
        targets = self.targets.numpy()[np.ix_(at, at)]
        lengths = np.sqrt(np.diag(g))
        turned = _Turned(g, lengths, np.eye(count), g.copy(), lengths.copy())
        # rows know nothing of each other, so that each takes its own next j at once
        for others in orders.T:
            self._turn(turned, targets, others)
        self.targets[np.ix_(at, at)] = torch.from_numpy(targets)
        return torch.from_numpy(turned.coefficients.sum(axis=0))

    def _turn(self, turned: _Turned, targets: np.ndarray, others: np.ndarray) -> None:
        """Turn each row's gradient towards one other, and move its target.

        Args:
            turned: the gradients as they are.
            targets: the targets.
            others: the task that each row turns to.
        """
        g, lengths, coefficients, products = (
            turned.gramian,
            turned.lengths,
            turned.coefficients,
            turned.products,
        )
        squares = np.einsum("ij,ij->i", coefficients, products)
        facing = lengths[others]
        i = np.flatnonzero((facing > 0.0) & (squares > 1e-14 * turned.sizes**2))
        j = others[i]
        own, target = np.sqrt(squares[i]), targets[i, j]
        cosine = np.minimum(1.0, np.maximum(-1.0, products[i, j] / (own * facing[i])))
        targets[i, j] = (1.0 - self.beta) * target + self.beta * cosine
        wanted = np.minimum(target, HIGHEST)
        low = cosine < wanted
        i, j, own, cosine, wanted = i[low], j[low], own[low], cosine[low], wanted[low]
        sine = np.sqrt(1.0 - wanted**2)
        added = own * (wanted * np.sqrt(1.0 - cosine**2) - cosine * sine) / (lengths[j] * sine)
        coefficients[i, j] += added
        turned.sizes[i] += added * lengths[j]
        products[i] += added[:, None] * g[j]
