"""Krum and Multi-Krum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from benchbed.contracts.weighting import Level, Weighting, WeightingContext


class Krum(Weighting):
    """The mean of the m gradients that lie nearest to their neighbours.

    Each gradient's score is the sum of its squared distances to its T − f − 2 nearest others, f
    being ``n_byzantine``; the m of least score (``n_selected``) get the weight 1/m. With few tasks
    the neighbours are one at least, and m is T at most; among equal scores earlier tasks go first,
    so that of two tasks it is the first. A zero gradient is a vector like any other; chosen alone,
    the update is zero.

    Source: P. Blanchard, E. M. El Mhamdi, R. Guerraoui, J. Stainer, NeurIPS 2017 (n = T);
    m above 1 is its Multi-Krum.
    """

    level: ClassVar[Level] = "gramian"
    sums_to: ClassVar[str] = "1"

    def __init__(
        self, context: WeightingContext, *, n_byzantine: int = 1, n_selected: int = 1
    ) -> None:
        super().__init__(context)
        self.n_byzantine = n_byzantine
        self.n_selected = n_selected

    def weights(self, gramian: Tensor, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the weights of the chosen tasks."""
        g = gramian.numpy()
        count = len(g)
        squares = np.diag(g)
        distances = np.maximum(squares[:, None] + squares[None, :] - 2.0 * g, 0.0)
        np.fill_diagonal(distances, 0.0)
        neighbours = max(1, count - self.n_byzantine - 2)
        # the first of each sorted row is the distance to itself
        scores = np.sort(distances, axis=1)[:, 1 : neighbours + 1].sum(axis=1)
        chosen = np.argsort(scores, kind="stable")[: self.n_selected]
        weights = np.zeros(count)
        weights[chosen] = 1.0 / len(chosen)
        return torch.from_numpy(weights)
