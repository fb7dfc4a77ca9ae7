"""Scores of saliency: the best mean IoU or F-measure over thresholds of the probability."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric


class SaliencyScore(Metric):
    """The largest over thresholds of the mean IoU over images, or of an F-measure.

    A pixel is predicted salient where its probability is above the threshold. Precision, recall and
    IoU are an image's own and averaged over images; the F-measure is that of the mean precision and
    the mean recall, (1 + β²) P R / (β² P + R) (R. Achanta et al.: Frequency-tuned Salient Region
    Detection, CVPR 2009, eq. 6). As in the code of ASTMT (K.-K. Maninis, I. Radosavovic,
    I. Kokkinos, CVPR 2019), precision is 0 where nothing is predicted, recall 0 where nothing is
    salient, IoU 1 where both hold and F 0 where P and R are. An image without a valid pixel does
    not count. Scores of equal ``state_key`` share their states.
    """

    higher_is_better = True
    is_differentiable = False
    full_state_update = False

    sums: Tensor
    images: Tensor
    thresholds: Tensor

    def __init__(
        self,
        thresholds: Sequence[float],
        beta_squared: float | None = None,
        ignore: int = -100,
    ) -> None:
        """Start without images.

        Args:
            thresholds: T numbers in increasing order.
            beta_squared: β² of the F-measure; ``None`` for IoU.
            ignore: the class index of pixels that do not count; by default no pixel has it.
        """
        super().__init__()
        self.state_key = (tuple(thresholds), ignore)
        self._beta_squared = beta_squared
        self._ignore = ignore
        self.register_buffer("thresholds", torch.tensor(thresholds), persistent=False)
        self.add_state("sums", torch.zeros(3, len(thresholds), dtype=torch.float64), "sum")
        self.add_state("images", torch.zeros((), dtype=torch.int64), "sum")

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Add images.

        Args:
            prediction: probabilities, float32 ``(N, 1, H, W)``.
            target: 1 where salient, ``(N, H, W)``.
        """
        pixels = self._histograms(prediction.squeeze(1), target)
        above = pixels.flip(-1).cumsum(dim=-1).flip(-1)
        salient, hits = above[:, 1, :1], above[:, 1, 1:]
        predicted = above[:, :, 1:].sum(dim=1)
        union = predicted + salient - hits
        scores = torch.stack(
            [
                torch.where(union == 0, 1.0, hits.double() / union),
                hits.double() / predicted.clamp(min=1),
                hits.double() / salient.clamp(min=1),
            ]
        )
        counted = pixels.sum(dim=(1, 2)) > 0
        self.sums += (scores * counted.unsqueeze(1)).sum(dim=1)
        self.images += counted.sum()

    def _histograms(self, probability: Tensor, target: Tensor) -> Tensor:
        """Return ``(N, 2, T + 1)``: other and salient pixels by the thresholds they are above."""
        images, levels = len(target), len(self.thresholds) + 1
        image = torch.arange(images, device=target.device).view(-1, 1, 1)
        level = torch.bucketize(probability, self.thresholds)
        level = level.masked_fill(probability.isnan(), 0)
        cells = (2 * image + (target == 1)) * levels + level
        number = 2 * images * levels
        cells = cells.masked_fill(target == self._ignore, number)
        counts = torch.bincount(cells.flatten(), minlength=number + 1)
        return counts[:-1].view(images, 2, levels)

    def compute(self) -> Tensor:
        """Return the score, float64; NaN where no image counts."""
        iou, precision, recall = self.sums / self.images
        if self._beta_squared is None:
            return iou.max()
        weighted = self._beta_squared * precision + recall
        f_measure = (1 + self._beta_squared) * precision * recall / weighted
        return f_measure.masked_fill(weighted == 0, 0.0).max()
