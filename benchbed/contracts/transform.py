"""The batch transform contract: augmentation on whole batches, the same for every method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor, nn

from benchbed.basics.errors import ContractError
from benchbed.contracts.dataset import Input, Target


@dataclass(frozen=True, slots=True)
class Batch:
    """A mini-batch on the training device.

    Attributes:
        input: ``(N, *shape)``; from evaluation transforms also ``(N, K, *shape)``, K crops of each
            sample, whose predictions are averaged.
        targets: by task, ``(N, …)``.
        mixed: second targets by task, where inputs were mixed; they are scored as
            share·L(output, targets) + (1 − share)·L(output, mixed), so that no task knows of it.
        share: of the first targets.
        described: the targets' descriptions by task: which are maps, and what moves of the
            image do to them.
        groups: for each way to group samples the batch's groups, int64 ``(N,)``.
        input_described: shape and range of the data set's input, where known.
    """

    input: Tensor
    targets: Mapping[str, Tensor]
    mixed: Mapping[str, Tensor] | None = None
    share: float = 1.0
    described: Mapping[str, Target] = field(default_factory=dict)
    groups: Mapping[str, Tensor] = field(default_factory=dict)
    input_described: Input | None = None

    def __len__(self) -> int:
        return len(self.input)

    def replace(self, **changes: object) -> Batch:
        """Return a copy with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Draws:
    """Random numbers for one transform of one batch.

    They follow from (seed, transform, epoch) and, for :meth:`uniform`, each sample's index in its
    split: what happens to a sample does not depend on batch size, order, or number of processes.

    Attributes:
        generator: on the CPU, for what is drawn once a batch (one λ, one permutation, one mask).
    """

    key: int
    indices: np.ndarray
    generator: torch.Generator

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.indices)

    def uniform(self, count: int = 1) -> Tensor:
        """Return numbers in [0, 1) for each sample, ``(N, count)``, float64, on the CPU."""
        # SplitMix64: a counter for each sample, in steps of the golden ratio's 64 bits, then mixed
        with np.errstate(over="ignore"):
            base = _mix(self.indices.astype(np.uint64) ^ np.uint64(self.key))
            steps = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
            bits = _mix(base[:, None] + steps[None, :])
        # the upper 53 bits are what float64 holds
        return torch.from_numpy((bits >> np.uint64(11)).astype(np.float64) / 2.0**53)


def _mix(x: np.ndarray) -> np.ndarray:
    """Return SplitMix64's finaliser (G. Steele, D. Lea, C. Flood, OOPSLA 2014) of each entry."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = x ^ (x >> np.uint64(31))
    return mixed


class Transform(nn.Module):
    """A batch transform. A plugin's options arrive as keyword arguments of ``__init__``."""

    def forward(self, batch: Batch, draws: Draws) -> Batch:
        """Return the transformed batch, of the same number of samples."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(batch, draws).")


def check_batch(transform: Transform, before: Batch, after: object) -> Batch:
    """Return what a transform returned.

    Raises:
        ContractError: it is no Batch, or lost samples or targets.
    """
    name = f"{type(transform).__name__}.forward"
    if not isinstance(after, Batch):
        raise ContractError(f"{name} must return a benchbed.Batch, not {type(after).__name__}.")
    if len(after) != len(before) or set(after.targets) != set(before.targets):
        raise ContractError(f"{name} must keep every sample and every target.")
    if after.mixed is not None:
        complete = set(after.mixed) == set(after.targets)
        if not complete or not 0.0 <= after.share <= 1.0:
            raise ContractError(f"{name}: mixed targets need every task, and a share in [0, 1].")
    return after
