"""Errors of depth or disparity, over all valid pixels of a split."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor
from torchmetrics import Metric

from benchbed_zoo.metrics.masking import masked

Which = Literal["abs_err", "rel_err", "delta_1", "delta_2", "delta_3"]


def has_depth(target: Tensor) -> Tensor:
    """Return where a depth is known: finite and above 0, bool, of the target's shape."""
    return target.isfinite() & (target > 0)


class DepthError(Metric):
    """One of five scores of depth over all pixels p with a known depth t, from the same sums.

    - ``abs_err``: mean of ``|p − t|``, in the target's unit;
    - ``rel_err``: mean of ``|p − t| / t``;
    - ``delta_n``: share of pixels with ``max(p/t, t/p) < 1.25ⁿ`` (D. Eigen, C. Puhrsch, R. Fergus:
      Depth Map Prediction from a Single Image using a Multi-Scale Deep Network, NIPS 2014); a
      prediction that is not above 0 fails.

    All are exact under any batches and NaN where no depth is known. The released code of MTAN
    (S. Liu, E. Johns, A. Davison, CVPR 2019) takes the mean of batches' means instead, and that of
    ASTMT (K.-K. Maninis, I. Radosavovic, I. Kokkinos, CVPR 2019) counts unknown pixels as depth 0.

    Args:
        which: the score.
    """

    full_state_update = False
    state_key = "depth errors"

    absolute: Tensor
    relative: Tensor
    close: Tensor
    count: Tensor

    def __init__(self, which: Which) -> None:
        super().__init__()
        self._place = get_args(Which).index(which)
        for name in ("absolute", "relative"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("close", torch.zeros(3, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    @property
    def higher_is_better(self) -> bool:
        """Whether it is a share of close pixels."""
        return self._place >= 2

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Add a batch, prediction and target ``(N, H, W)``."""
        valid = has_depth(target)
        prediction, target = masked(valid, prediction, target)
        error = (prediction - target).abs()
        self.absolute += error.sum(dtype=torch.float64)
        self.relative += (error / torch.where(valid, target, 1)).sum(dtype=torch.float64)
        for place, factor in enumerate((1.25, 1.25**2, 1.25**3)):
            close = (prediction < factor * target) & (target < factor * prediction)
            self.close[place] += close.sum()
        self.count += valid.sum()

    def compute(self) -> Tensor:
        """Return the score, float64."""
        sums = torch.cat([torch.stack([self.absolute, self.relative]), self.close])
        return sums[self._place] / self.count
