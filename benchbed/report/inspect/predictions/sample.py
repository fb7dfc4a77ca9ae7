"""One sample of a split with what runs predict of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample, on the CPU.

    Attributes:
        index: its position in the split.
        targets, predictions: by task, without the dimension of the batch.
    """

    index: int
    input: Tensor
    targets: Mapping[str, Tensor]
    predictions: Mapping[str, Tensor]

    def joined(self, other: Sample) -> Sample:
        """Return the sample with the targets and predictions of both."""
        targets = {**self.targets, **other.targets}
        predictions = {**self.predictions, **other.predictions}
        return replace(self, targets=targets, predictions=predictions)


def join(samples: Sequence[Sample], others: Sequence[Sample]) -> list[Sample]:
    """Return the same samples with the targets and predictions of both; either may be empty."""
    if not samples:
        return list(others)
    return [sample.joined(other) for sample, other in zip(samples, others, strict=True)]
