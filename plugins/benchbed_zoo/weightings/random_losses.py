"""Random loss weighting (RLW)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from benchbed.contracts.weighting import Level, Weighting, WeightingContext
from benchbed_zoo.weightings.parts.per_task import places_of


class RandomLosses(Weighting):
    """L = Σ_t w_t·L_t with weights drawn anew at each step, for the tasks of the step together.

    As they are drawn jointly, the strategy is not additive: it can only be the last one of a
    composition.

    Args:
        context: the tasks.
        distribution: what weights are drawn from, one of

            - ``normal``: w = softmax(x), x standard normal;
            - ``uniform``: w = softmax(x), x uniform on [0, 1);
            - ``random-normal``: w = softmax(x), x_t normal, its mean and deviation drawn once from
              [0, 1);
            - ``dirichlet``: uniform on the simplex;
            - ``bernoulli``: a fair coin for each task, thrown again where none is chosen; those
              chosen share the weight;
            - ``constrained-bernoulli``: one task, chosen at random, has all the weight.
        total: what the weights sum to: ``1``, as in the paper, or ``T``, the number of tasks in the
            step, as in V. Kurin et al., NeurIPS 2022, which leaves the learning rate what it is
            under equal weights.

    Example:
        As a method: ``hps+random:total=T``.

        >>> context = benchbed.WeightingContext(["seg", "depth"])
        >>> strategy = RandomLosses(context, distribution="constrained-bernoulli")
        >>> strategy.draw(["seg", "depth"]).sort().values
        tensor([0., 1.], dtype=torch.float64)

    Source: B. Lin, F. Ye, Y. Zhang, I. Tsang: Reasonable Effectiveness of Random Weighting, TMLR
    2022, algorithm 2, with normal variables; the other distributions are those of its first
    version's code.
    """

    level: ClassVar[Level] = "loss"
    sums_to: ClassVar[str] = "free"

    mean: Tensor
    deviation: Tensor

    def __init__(
        self, context: WeightingContext, *, distribution: str = "normal", total: str = "1"
    ) -> None:
        super().__init__(context)
        self.distribution = distribution
        self.total = total
        if distribution == "random-normal":
            self.register_buffer("mean", torch.rand(len(context.tasks), dtype=torch.float64))
            self.register_buffer("deviation", torch.rand(len(context.tasks), dtype=torch.float64))

    def combine(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the weighted sum, with new weights.

        Args:
            losses: by task, scalars.

        Returns:
            Σ_t w_t·L_t, a scalar.
        """
        stacked = torch.stack(list(losses.values()))
        weights = self.draw(list(losses)).to(stacked)
        factor = len(losses) if self.total == "T" else 1
        return (weights * stacked).sum() * factor

    def draw(self, names: Sequence[str]) -> Tensor:
        """Return new weights.

        Args:
            names: the tasks that share 1, T of them.

        Returns:
            w, ``(T,)``, float64, of sum 1.
        """
        count = len(names)
        if self.distribution == "uniform":
            return torch.softmax(torch.rand(count, dtype=torch.float64), dim=0)
        if self.distribution == "dirichlet":
            # Gamma(1) variables are exponential
            drawn = torch.empty(count, dtype=torch.float64).exponential_()
            return drawn / drawn.sum()
        if self.distribution == "bernoulli":
            drawn = torch.zeros(count, dtype=torch.float64)
            while not drawn.any():
                drawn = torch.randint(2, (count,), dtype=torch.float64)
            return drawn / drawn.sum()
        if self.distribution == "constrained-bernoulli":
            drawn = torch.zeros(count, dtype=torch.float64)
            drawn[int(torch.randint(count, ()))] = 1.0
            return drawn
        drawn = torch.randn(count, dtype=torch.float64)
        if self.distribution == "random-normal":
            places = places_of(names, self.context.tasks)
            drawn = self.mean[places] + self.deviation[places] * drawn.to(self.mean)
        return torch.softmax(drawn, dim=0)
