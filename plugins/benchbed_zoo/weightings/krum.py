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

    Each gradient's score is s(i) = Σ_(i→j) ‖g_i − g_j‖², the sum over its T − f − 2 nearest others;
    the m of least score get the weight 1/m. With few tasks the neighbours are one at least, and m
    is T at most; among equal scores earlier tasks go first, so that of two tasks it is the first. A
    zero gradient is a vector like any other; chosen alone, the update is zero.

    Args:
        context: the tasks.
        n_byzantine: f, how many gradients are not to be trusted.
        n_selected: m, how many gradients the update is the mean of; above 1 it is Multi-Krum.

    Example:
        As a method: ``hps+krum:n_selected=2``.

        >>> jacobian = torch.tensor([[1.0, 0.0], [1.0, 0.1], [9.0, 9.0]])
        >>> benchbed.aggregate("krum:n_selected=2", jacobian)
        tensor([1.0000, 0.0500])

    Source: P. Blanchard, E. M. El Mhamdi, R. Guerraoui, J. Stainer: Machine Learning with
    Adversaries, NeurIPS 2017 (n = T).
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
        """Return the weights of the chosen tasks.

        Args:
            gramian: G, ``(T, T)``, float64.
            losses: not looked at.

        Returns:
            w, ``(T,)``, float64, of 1/m and 0.
        """
        g = gramian.numpy()
        count = len(g)
        squares = np.diag(g)
        # ‖g_i − g_j‖², (T, T)
        distances = np.maximum(squares[:, None] + squares[None, :] - 2.0 * g, 0.0)
        np.fill_diagonal(distances, 0.0)
        neighbours = max(1, count - self.n_byzantine - 2)
        # the first of each sorted row is the distance to itself
        nearest = np.sort(distances, axis=1)[:, 1 : neighbours + 1]
        scores = nearest.sum(axis=1)
        chosen = np.argsort(scores, kind="stable")[: self.n_selected]
        weights = np.zeros(count)
        weights[chosen] = 1.0 / len(chosen)
        return torch.from_numpy(weights)
