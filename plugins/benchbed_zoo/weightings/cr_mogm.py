"""Correlation-reduced multi-objective gradient manipulation (CR-MOGM)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

import torch
from torch import Tensor

from benchbed.basics.errors import MethodError, suggest
from benchbed.contracts.weighting import Level, Weighting, WeightingContext
from benchbed.discovery.loading import load
from benchbed_zoo.weightings.parts.per_task import places_of

BASES: Final = {
    "mgda": "benchbed_zoo.weightings.mgda:Mgda",
    "pcgrad": "benchbed_zoo.weightings.pcgrad:PcGrad",
    "cagrad": "benchbed_zoo.weightings.cagrad:CaGrad",
}
"""The solvers that the paper smooths."""


class CrMogm(Weighting):
    """λ_k = α_k·λ_{k−1} + (1 − α_k)·λ̂_k, with λ̂_k the weights of a base strategy.

    It takes the correlation between the weights and the step's noise away. α_k = 1 − (1 − α)/k^σ: a
    constant for σ = 0; the paper lets it rise to 1 as the learning rate falls. λ_0 is λ̂_1, for each
    task at the first step with it, from where its k counts; a task absent from a step keeps its λ.
    The weights sum to what the base's do, where no task is absent. Zero gradients: as the base.

    Args:
        context: the tasks.
        base: ``mgda``, ``pcgrad`` or ``cagrad``, the strategy whose weights are λ̂.
        alpha: α in [0, 1], the share of the past at the first step that has one.
        sigma: σ, at least 0, the power of k by which 1 − α_k falls.

    Raises:
        MethodError: ``base`` is another.

    Example:
        As a method: ``hps+cr-mogm:base=pcgrad,alpha=0.5``. At the first step it is its base:

        >>> jacobian = torch.tensor([[1.0, 0.0], [-1.0, 1.0]])
        >>> benchbed.aggregate("cr-mogm:base=pcgrad", jacobian)
        tensor([0.5000, 1.5000])

    Source: S. Zhou, W. Zhang, J. Jiang, W. Zhong, J. Gu, W. Zhu: On the Convergence of Stochastic
    Multi-Objective Gradient Manipulation and Beyond, NeurIPS 2022, algorithm 1.
    """

    level: ClassVar[Level] = "gramian"
    sums_to: ClassVar[str] = "free"

    smoothed: Tensor
    met: Tensor

    def __init__(
        self,
        context: WeightingContext,
        *,
        base: str = "mgda",
        alpha: float = 0.9,
        sigma: float = 0.0,
    ) -> None:
        super().__init__(context)
        if base not in BASES:
            raise MethodError(f"cr-mogm: no base '{base}'.{suggest(base, BASES)}")
        self.base = load(BASES[base], Weighting)(context)
        self.alpha = alpha
        self.sigma = sigma
        count = len(context.tasks)
        self.register_buffer("smoothed", torch.zeros(count, dtype=torch.float64))
        self.register_buffer("met", torch.zeros(count, dtype=torch.int64))

    def weights(self, gramian: Tensor, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the smoothed weights.

        Args:
            gramian: G, ``(T, T)``, float64.
            losses: by task, scalars; the base may look at them.

        Returns:
            λ_k, ``(T,)``, float64.

        Raises:
            RunError: as the base.
        """
        found = self.base.weights(gramian, losses)
        at = places_of(losses, self.context.tasks)
        self.met[at] += 1
        share = (1.0 - self.alpha) / self.met[at].double() ** self.sigma
        share[self.met[at] == 1] = 1.0
        self.smoothed[at] += share * (found - self.smoothed[at])
        return self.smoothed[at]
