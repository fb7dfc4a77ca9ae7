"""Contours: edges of objects or regions."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric

from benchbed.contracts.dataset import Target
from benchbed_zoo.metrics.edges import Empty, MatchedScore, PixelScore, Ties
from benchbed_zoo.metrics.masking import at_least_single
from benchbed_zoo.tasks.parts.balanced import balanced_bce
from benchbed_zoo.tasks.parts.binary_map import BinaryMap

MATCHED = frozenset({"odsF", "oisF", "AP"})


class Edges(BinaryMap):
    """Whether each pixel lies on a contour; targets of 0 and 1, logits ``(N, 1, H, W)``.

    Targets are ``(N, H, W)``, or ``(N, A, H, W)`` by A annotators, of whom one who is absent has
    the data set's ignore index everywhere. A pixel does not count where all have that index.
    """

    def __init__(
        self,
        name: str,
        target: Target,
        positive_weight: float = 0.95,
        annotators: str = "consensus",
        agreement: float = 0.5,
        bag: int = 2,
        matching: bool = False,
        thresholds: int = 99,
        max_dist: float = 0.0075,
        ties: Ties = "highest",
        empty: Empty = "zero",
    ) -> None:
        """Check the target.

        Args:
            name: the task's name.
            target: a map of two classes, or several maps.
            positive_weight: of pixels on contours in the loss, the others have 1 less it; 0 takes
                the share of the others in the batch.
            annotators: ``consensus`` or ``mil``, see :meth:`loss`.
            agreement: the share of annotators above which they agree on a contour.
            bag: how many pixels a bag reaches to each side.
            matching: score by matching too.
            thresholds: number of thresholds of the metrics, 99 or 101.
            max_dist: the largest distance of a match, as a share of the image's diagonal.
            ties: which of an image's equally good thresholds counts in oisF.
            empty: precision where nothing is predicted, as it counts in AP and pixel_AP.

        Raises:
            DataError: the target is none of maps of two classes.
        """
        super().__init__(name, target, ("A", "H", "W") if len(target.shape) == 3 else ("H", "W"))
        self.batch_level = positive_weight == 0
        self.primary = "odsF" if matching else "pixel_F"
        self.final = MATCHED if matching else frozenset()
        self.percent = self.final | {"pixel_F", "pixel_AP"}
        self._weight = positive_weight or None
        self._label = self._consensus if annotators == "consensus" else self._bags
        self._agreement = agreement
        self._bag = bag
        self._thresholds = thresholds
        self._max_dist = max_dist
        self._ties = ties
        self._empty = empty

    def loss(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor | int]:
        """Return the summed cross-entropy, balanced, and the number of pixels and bags.

        With ``consensus``, a pixel is positive where a larger share of its annotators than
        ``agreement`` marked it, negative where none did, and does not count in between (S. Xie,
        Z. Tu: Holistically-Nested Edge Detection, ICCV 2015; Y. Liu et al.: Richer Convolutional
        Features for Edge Detection, CVPR 2017, eq. 1). One annotator always agrees.

        With ``mil``, multiple instance learning (I. Kokkinos: Pushing the Boundaries of Boundary
        Detection Using Deep Learning, ICLR 2016), each pixel that an annotator marked stands for a
        positive bag of pixels around it, whose largest logit counts, so that the network may choose
        where the contour lies. Pixels in no bag are negative. Here a bag is a square that reaches
        ``bag`` pixels to each side, without pixels that do not count.
        """
        target = target.long()
        target = target.unsqueeze(1) if target.dim() == 3 else target
        logits, positive, valid = self._label(output, target)
        return balanced_bce(logits.squeeze(1), positive, valid, self._weight)

    def _consensus(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        marks = (target == 1).sum(dim=1)
        present = (target != self.ignore).sum(dim=1)
        positive = marks > self._agreement * present
        return output, positive, (present > 0) & (positive | (marks == 0))

    def _bags(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        annotated = (target != self.ignore).any(dim=1, keepdim=True)
        positive = (target == 1).any(dim=1, keepdim=True)
        output = at_least_single(output)
        largest = self._largest_around(output.masked_fill(~annotated, -torch.inf))
        in_bag = self._largest_around(positive.float()) > 0
        valid = annotated & (positive | ~in_bag)
        return torch.where(positive, largest, output), positive.squeeze(1), valid.squeeze(1)

    def _largest_around(self, maps: Tensor) -> Tensor:
        return F.max_pool2d(maps, 2 * self._bag + 1, stride=1, padding=self._bag)

    def metrics(self) -> dict[str, Metric]:
        """Return F at the best threshold and average precision, of pixels and of matches."""
        number, ignore, ties, empty = self._thresholds, self.ignore, self._ties, self._empty
        metrics: dict[str, Metric] = {
            "pixel_F": PixelScore("odsF", number, ignore, ties=ties, empty=empty),
            "pixel_AP": PixelScore("AP", number, ignore, ties=ties, empty=empty),
        }
        if self.final:
            for score in ("odsF", "oisF", "AP"):
                metrics[score] = MatchedScore(
                    score, number, self._max_dist, ignore, ties=ties, empty=empty
                )
        return metrics
