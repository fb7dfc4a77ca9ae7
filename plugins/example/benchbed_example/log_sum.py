"""A weighting strategy: L = Σ_t log L_t."""

import torch

from benchbed import Weighting


class LogSum(Weighting):
    """Every task pulls by the relative change of its loss."""

    level = "loss"

    def combine(self, losses):
        """Return the scalar to differentiate."""
        return torch.stack([loss.log() for loss in losses.values()]).sum()
