"""Random gradient weighting (RGW)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from benchbed.contracts.weighting import Level, Weighting


class RandomGradientWeighting(Weighting):
    """w = softmax(z), z ~ N(0, I) anew at each step, on the gradients of the shared parameters.

    A task's own parameters get its plain gradient, which is what sets it apart from random loss
    weighting. A zero gradient changes no weight.

    Args:
        context: the tasks.

    Example:
        As a method: ``hps+rgw``.

        >>> direction, weights = benchbed.aggregate("rgw", torch.eye(3), return_weights=True)
        >>> direction.shape, weights.shape
        (torch.Size([3]), torch.Size([3]))

    Source: B. Lin, F. Ye, Y. Zhang, I. Tsang: Reasonable Effectiveness of Random Weighting, TMLR
    2022, algorithm 2.
    """

    level: ClassVar[Level] = "gramian"
    sums_to: ClassVar[str] = "1"

    def weights(self, gramian: Tensor, losses: Mapping[str, Tensor]) -> Tensor:
        """Return random weights.

        Args:
            gramian: G, ``(T, T)``; not looked at.
            losses: by task, T of them.

        Returns:
            w, ``(T,)``, float64, of sum 1.
        """
        return torch.softmax(torch.randn(len(losses), dtype=torch.float64), dim=0)
