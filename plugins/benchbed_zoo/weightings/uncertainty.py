"""Uncertainty weighting (UW)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from benchbed.contracts.weighting import Level, Weighting, WeightingContext


class Uncertainty(Weighting):
    """L = Σ_t L_t/(c·σ_t²) + log σ_t, with c = 2 for regression and 1 for classification.

    Learned is s_t = log σ_t², one parameter a task, without weight decay; ``init`` is where it
    starts. Source: A. Kendall, Y. Gal, R. Cipolla, CVPR 2018, eq. 7 (regression) and eq. 10
    (classification).

    ``form=mtan`` is Σ_t L_t/(2·σ_t²) + log σ_t for tasks of both kinds, as in the released code of
    MTAN, of LibMTL and of Nash-MTL; most printed rows of uncertainty weighting were made with it.
    It starts at s_t = −0.5 in the first two and at 0 in the last. Source: S. Liu, E. Johns,
    A. Davison, CVPR 2019, released code.

    ``form=liebel`` is Σ_t L_t/(2·σ_t²) + log(1 + σ_t²) for tasks of both kinds, whose second term
    cannot become negative. Source: L. Liebel, M. Körner: Auxiliary Tasks in Multi-task Learning,
    arXiv:1805.06334, 2018.
    """

    level: ClassVar[Level] = "loss"
    sums_to: ClassVar[str] = "free"

    def __init__(self, context: WeightingContext, init: float = 0.0, form: str = "kendall") -> None:
        super().__init__(context)
        self.form = form
        self.log_variance = nn.ParameterDict(
            {name: nn.Parameter(torch.tensor(float(init))) for name in context.tasks}
        )

    def transform(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return each task's L/(c·σ²) + log σ, or L/(2·σ²) + log(1 + σ²)."""
        terms: dict[str, Tensor] = {}
        for name, loss in losses.items():
            s = self.log_variance[name]
            if self.form == "liebel":
                terms[name] = 0.5 * torch.exp(-s) * loss + torch.logaddexp(s, torch.zeros_like(s))
            else:
                halved = self.form == "mtan" or name in self.context.regression
                factor = 0.5 if halved else 1.0
                terms[name] = factor * torch.exp(-s) * loss + s / 2
        return terms
