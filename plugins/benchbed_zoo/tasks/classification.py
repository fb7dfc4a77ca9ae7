"""Classification of a sample."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric
from torchmetrics.classification import MulticlassAccuracy

from benchbed.task import Task


class Classification(Task):
    """One of K classes for each sample; targets are int64 ``(N,)``, outputs logits ``(N, K)``.

    A sample whose target is the data set's ignore index does not count.
    """

    kind: ClassVar[Literal["classification", "regression"]] = "classification"
    primary = "accuracy"
    percent = frozenset({"accuracy", "macro_accuracy"})

    @property
    def channels(self) -> int:
        """Return K."""
        return self.target.classes

    def loss(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor | int]:
        """Return the summed cross-entropy and the number of samples with a label."""
        ignore = self.target.ignore
        if ignore is None:
            return F.cross_entropy(output, target, reduction="sum"), len(target)
        total = F.cross_entropy(output, target, ignore_index=ignore, reduction="sum")
        return total, (target != ignore).sum()

    def predict(self, output: Tensor) -> Tensor:
        """Return the most likely class, ``(N,)``."""
        return output.argmax(dim=1)

    def average(self, outputs: Tensor) -> Tensor:
        """Return the logarithm of the crops' mean probabilities."""
        return outputs.softmax(dim=2).mean(dim=1).log()

    def metrics(self) -> dict[str, Metric]:
        """Return the share of samples that are right, and its mean over classes."""
        return {
            "accuracy": self._accuracy("micro"),
            "macro_accuracy": self._accuracy("macro"),
        }

    def _accuracy(self, average: Literal["micro", "macro"]) -> Metric:
        return MulticlassAccuracy(
            self.channels, average=average, ignore_index=self.target.ignore, validate_args=False
        )
