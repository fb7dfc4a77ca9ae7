"""Class-balanced binary cross-entropy, the loss of edges and saliency."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from benchbed_zoo.metrics.masking import masked


def balanced_bce(
    logits: Tensor, target: Tensor, valid: Tensor, positive_weight: float | None
) -> tuple[Tensor, Tensor]:
    """Return the summed cross-entropy with positives and negatives weighted, and the valid number.

    Positives weigh w and negatives 1 − w (S. Xie, Z. Tu: Holistically-Nested Edge Detection, ICCV
    2015, eq. 2, where w is the share of negatives in an image; in a batch in K.-K. Maninis,
    I. Radosavovic, I. Kokkinos: Attentive Single-Tasking of Multiple Tasks, CVPR 2019).

    Args:
        logits: any shape; half precision is computed in float32, NaN may stand where not valid.
        target: of the same shape, 1 where positive; any number where not valid.
        valid: which elements count, bool, of the same shape.
        positive_weight: w in [0, 1]; ``None`` takes the share of negatives among all valid elements
            of the batch, which needs no host synchronisation.

    Returns:
        ``(sum, number of valid elements)``; both 0 with a zero gradient where nothing is valid.
    """
    (logits,) = masked(valid, logits)
    positive = (valid & (target == 1)).to(logits.dtype)
    number = valid.sum()
    share = 1 - positive.sum() / number.clamp(min=1) if positive_weight is None else positive_weight
    weights = (share * positive + (1 - share) * (1 - positive)) * valid
    total = F.binary_cross_entropy_with_logits(logits, positive, weights, reduction="sum")
    return total, number
