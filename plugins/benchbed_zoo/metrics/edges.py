"""Scores of contours, pixel by pixel or by matching within a distance."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import Metric

from benchbed_zoo.metrics.matching import ContourMatcher
from benchbed_zoo.metrics.thinning import Mask, thin

Score = Literal["odsF", "oisF", "AP"]
Ties = Literal["highest", "lowest"]
Empty = Literal["zero", "one"]

THRESHOLDS: Final = {
    99: tuple(i / 100 for i in range(1, 100)),
    101: (0.001, *(i / 100 for i in range(1, 100)), 0.999),
}
"""By their number: those of BSDS and of S. Vandenhende et al. (PAMI 2022), and of seism's code."""


class ContourScore(Metric):
    """F-measure or average precision from counts at each threshold, pooled over images.

    A pixel is predicted where its probability is at least the threshold. Recall is the share of
    annotated pixels that are found, precision that of predicted pixels that are right, and where
    nothing is predicted 0 (``empty = zero``) or 1 (``one``, as in seism); F = 2 P R / (P + R), 0
    where both are. The scores, by P. Arbeláez et al.:
    Contour Detection and Hierarchical Image Segmentation, PAMI 2011, are

    - ``odsF``: the largest F over thresholds that are the same for all images. BSDS also looks
      between neighbouring thresholds, on straight lines of P and R; this does not.
    - ``oisF``: F of the counts that each image has at its own best threshold. Of equal ones that is
      the highest (``ties = highest``), so that an image without annotated pixels adds the fewest
      wrong ones, or the lowest (``lowest``, as in BSDS and seism), so that it adds the most.
    - ``AP``: P as a function of R, summed over R = 0, 0.01, …, 1 and divided by 100 (at 0 it adds
      nothing). It is linear between the thresholds' points and 0 outside them; of points of equal R
      that of the lowest threshold counts, and with a single R the AP is 0. So do the codes of BSDS
      and of P. Dollár's toolbox; hence a perfect map of 0 and 1 has F = 1, but AP = 0.

    Where nothing is predicted nothing is found, and F is 0 either way: of the scores ``empty``
    changes the AP alone, whose curve then begins at P = 1 for R = 0. seism is the code of J.
    Pont-Tuset and F. Marques, CVPR 2013, with which papers on PASCAL-Context score.

    All are exact under any batches, and NaN where no pixel is annotated as contour in any image.
    An image that is ignored altogether does not count. Scores of equal ``state_key`` share their
    states.
    """

    higher_is_better = True
    is_differentiable = False
    full_state_update = False

    counts: Tensor
    best: Tensor
    thresholds: Tensor

    def __init__(
        self,
        score: Score,
        thresholds: int,
        ignore: int = -100,
        *,
        ties: Ties = "highest",
        empty: Empty = "zero",
    ) -> None:
        """Start without images.

        Args:
            score: which one ``compute`` returns.
            thresholds: their number, a key of :data:`THRESHOLDS`.
            ignore: the class index of pixels that do not count; by default no pixel has it.
            ties: which of an image's equally good thresholds is its best.
            empty: precision where nothing is predicted.
        """
        super().__init__()
        self.state_key: tuple[object, ...] = (type(self).__name__, thresholds, ignore, ties)
        self._score = score
        self._ignore = ignore
        self._lowest = ties == "lowest"
        self._empty = float(empty == "one")
        self.register_buffer("thresholds", torch.tensor(THRESHOLDS[thresholds]), persistent=False)
        # Rows: annotated pixels found and in all, predicted pixels that are right and in all.
        self.add_state("counts", torch.zeros(4, thresholds, dtype=torch.int64), "sum")
        self.add_state("best", torch.zeros(4, dtype=torch.int64), "sum")

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Add images.

        Args:
            prediction: probabilities, float32 ``(N, 1, H, W)``.
            target: 1 on contours, ``(N, H, W)``, or ``(N, A, H, W)`` by A annotators.
        """
        target = target.unsqueeze(1) if target.dim() == 3 else target
        counts = self.count(prediction.float(), target).to(self.counts.device)
        f_measure = _f_measure(*self._precision_recall(counts.movedim(1, 0)))
        at = self._best_thresholds(f_measure)
        self.counts += counts.sum(dim=0)
        self.best += counts[torch.arange(len(counts), device=at.device), :, at].sum(dim=0)

    def _best_thresholds(self, f_measure: Tensor) -> Tensor:
        """Return the place of each image's best threshold, ``(N,)``, from its F, ``(N, T)``."""
        if self._lowest:
            return f_measure.argmax(dim=-1)
        return f_measure.shape[-1] - 1 - f_measure.flip(-1).argmax(dim=-1)

    def _precision_recall(self, counts: Tensor) -> tuple[Tensor, Tensor]:
        found, annotated, right, predicted = counts.double()
        precision = (right / predicted.clamp(min=1)).masked_fill(predicted == 0, self._empty)
        return precision, found / annotated.clamp(min=1)

    @abstractmethod
    def count(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return each image's counts, int64 ``(N, 4, T)``.

        Args:
            prediction: probabilities, float32 ``(N, 1, H, W)``.
            target: ``(N, A, H, W)``.
        """

    def compute(self) -> Tensor:
        """Return the score, float64."""
        if not self.counts[1].any():
            return torch.full((), math.nan, dtype=torch.float64, device=self.counts.device)
        if self._score == "oisF":
            return _f_measure(*self._precision_recall(self.best))
        precision, recall = self._precision_recall(self.counts)
        if self._score == "odsF":
            return _f_measure(precision, recall).max()
        return _average_precision(precision, recall)


class PixelScore(ContourScore):
    """The scores with a predicted pixel right where that very pixel is annotated.

    Cheap, and no measure of contours that lie a pixel beside their place. With several annotators
    each counts by itself.
    """

    def count(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return each image's counts, int64 ``(N, 4, T)``, from a histogram of its pixels."""
        images, levels = len(target), len(self.thresholds) + 1
        level = torch.bucketize(prediction, self.thresholds, right=True)
        level = level.masked_fill(prediction.isnan(), 0)
        image = torch.arange(images, device=target.device).view(-1, 1, 1, 1)
        cells = (2 * image + (target == 1)) * levels + level
        number = 2 * images * levels
        cells = cells.masked_fill(target.long() == self._ignore, number)
        pixels = torch.bincount(cells.flatten(), minlength=number + 1)[:-1]
        above = pixels.view(images, 2, levels).flip(-1).cumsum(dim=-1).flip(-1)
        annotated, found = above[:, 1, :1], above[:, 1, 1:]
        predicted = above[:, :, 1:].sum(dim=1)
        return torch.stack([found, annotated.expand_as(found), found, predicted], dim=1)


class MatchedScore(ContourScore):
    """The scores with predicted and annotated pixels matched one to one within a distance.

    Both are thinned to lines before, on a processor: ignored pixels are taken out of them first.
    With several annotators as in BSDS, the prediction is matched with each annotation: annotated
    pixels are counted over all of them, and a predicted pixel is right where it is matched with
    any, each annotation choosing the shortest distances (see :class:`ContourMatcher`). A pixel is
    ignored where every annotator ignores it; an annotator who ignores all pixels is absent.
    """

    def __init__(
        self,
        score: Score,
        thresholds: int,
        max_dist: float,
        ignore: int = -100,
        *,
        ties: Ties = "highest",
        empty: Empty = "zero",
    ) -> None:
        """Start without images.

        Args:
            score: which one ``compute`` returns.
            thresholds: their number, a key of :data:`THRESHOLDS`.
            max_dist: the largest distance of a match, as a share of the image's diagonal.
            ignore: the class index of pixels that do not count; by default no pixel has it.
            ties: which of an image's equally good thresholds is its best.
            empty: precision where nothing is predicted.
        """
        super().__init__(score, thresholds, ignore, ties=ties, empty=empty)
        self.state_key = (*self.state_key, max_dist)
        self._max_dist = max_dist

    def count(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return each image's counts, int64 ``(N, 4, T)``."""
        known = (target.long() != self._ignore).cpu().numpy()
        contours = (target == 1).cpu().numpy()
        probabilities = np.where(known.any(axis=1), prediction.squeeze(1).cpu().numpy(), -1)
        thresholds = self.thresholds.cpu().numpy()
        counts = [
            match_image(probability, annotations, thresholds, self._max_dist)
            for probability, annotations in zip(probabilities, contours, strict=True)
        ]
        return torch.from_numpy(np.stack(counts))


def match_image(
    probability: NDArray[np.float32],
    annotations: NDArray[np.bool_],
    thresholds: NDArray[np.float32],
    max_dist: float,
) -> NDArray[np.int64]:
    """Return an image's annotated pixels found and in all, and predicted ones right and in all.

    Args:
        probability: ``(H, W)``, below all thresholds where pixels are ignored.
        annotations: ``(A, H, W)``, false where pixels are ignored.
        thresholds: ``(T,)``, increasing.
        max_dist: the largest distance of a match, as a share of the diagonal.

    Returns:
        ``(4, T)``.
    """
    radius = max_dist * math.hypot(*probability.shape)
    matchers = [ContourMatcher(thin(one), radius) for one in annotations if one.any()]
    counts = np.zeros((4, len(thresholds)), dtype=np.int64)
    before = -1
    for i, threshold in enumerate(thresholds):
        predicted = probability >= threshold
        pixels = int(predicted.sum())
        # Each mask is part of the one before, so that of equal size is the same.
        counts[:, i] = counts[:, i - 1] if pixels == before else _match(thin(predicted), matchers)
        before = pixels
    return counts


def _match(predicted: Mask, matchers: list[ContourMatcher]) -> tuple[int, int, int, int]:
    annotated = sum(matcher.pixels for matcher in matchers)
    pixels = int(predicted.sum())
    if len(matchers) == 1:
        pairs = matchers[0].count(predicted)
        return pairs, annotated, pairs, pixels
    matched = [matcher.matched(predicted) for matcher in matchers]
    return int(np.sum(matched)), annotated, int(np.any(matched, axis=0).sum()), pixels


def _f_measure(precision: Tensor, recall: Tensor) -> Tensor:
    total = precision + recall
    return (2 * precision * recall / total).masked_fill(total == 0, 0.0)


def _average_precision(precision: Tensor, recall: Tensor) -> Tensor:
    recalls, first = np.unique(recall.cpu().numpy(), return_index=True)
    precisions = precision.cpu().numpy()[first]
    levels = np.arange(101) / 100
    area = np.interp(levels, recalls, precisions, left=0, right=0).sum() / 100
    return precision.new_tensor(area if len(recalls) > 1 else 0.0)
