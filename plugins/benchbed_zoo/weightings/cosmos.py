"""The COSMOS objective."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from benchbed.contracts.weighting import Level, Weighting, WeightingContext
from benchbed_zoo.weightings.parts.per_task import given_or


class Cosmos(Weighting):
    """L = Σ_t r_t·L_t − λ·cos(r, L): a weighted sum that draws the losses to the preferences' ray.

    The preferences r sum to 1, among the tasks of the step alone. The cosine does not depend on the
    losses' common scale. A task whose loss is small for its preference may weigh less than nothing.
    Where all losses are zero the cosine is left out.

    The paper feeds r to the network as an input, to have the whole Pareto front from one run; here
    it is the objective alone, for the network as it is.

    Args:
        context: the tasks.
        lamda: λ, at least 0, in the losses' unit; spelt as in the paper's code.
        alpha: with 0 the preferences are those given; above 0 they are drawn anew at each step from
            the Dirichlet distribution of parameters α·(those given).
        preferences: r_t by task, above 0, then divided by their sum; 1 where none is given.

    Example:
        As a method: ``hps+cosmos:lamda=1,depth=2``.

        >>> losses = {"seg": torch.tensor(3.0), "depth": torch.tensor(4.0)}
        >>> Cosmos(benchbed.WeightingContext(["seg", "depth"]), lamda=0.0).combine(losses)
        tensor(3.5000)

    Source: M. Ruchte, J. Grabocka: Scalable Pareto Front Approximation for Deep Multi-Objective
    Learning, ICDM 2021.
    """

    level: ClassVar[Level] = "loss"
    sums_to: ClassVar[str] = "free"

    def __init__(
        self,
        context: WeightingContext,
        *,
        lamda: float = 2.0,
        alpha: float = 0.0,
        **preferences: float,
    ) -> None:
        super().__init__(context)
        self.lamda = lamda
        self.alpha = alpha
        self.preferences = given_or(1.0, context.tasks, preferences)

    def combine(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the weighted sum less λ times the cosine.

        Args:
            losses: by task, scalars.

        Returns:
            L, a scalar.
        """
        values = torch.stack(list(losses.values()))
        preferences = self.draw(list(losses)).to(values)
        length = torch.linalg.vector_norm(values)
        nothing = length == 0
        along = preferences / torch.linalg.vector_norm(preferences)
        cosine = (along * values).sum() / torch.where(nothing, 1.0, length)
        return (preferences * values).sum() - self.lamda * torch.where(nothing, 0.0, cosine)

    def draw(self, names: Sequence[str]) -> Tensor:
        """Return preferences.

        Args:
            names: the tasks that share 1, T of them.

        Returns:
            r, ``(T,)``, float64, of sum 1.
        """
        given = torch.tensor([self.preferences[name] for name in names], dtype=torch.float64)
        if self.alpha == 0.0:
            return given / given.sum()
        # Gamma(a) is Gamma(a + 1)·U^(1/a); in logarithms, for small a gives numbers near e^(−1/a)
        parameters = self.alpha * given
        gammas = torch.distributions.Gamma(parameters + 1.0, 1.0).sample()
        powers = torch.rand_like(given).log() / parameters
        return torch.softmax(gammas.log() + powers, dim=0)
