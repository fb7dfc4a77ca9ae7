"""Batches of a split, in an order that follows from the seed and the epoch alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from benchbed.dataset import Column, Target
from benchbed.engine.seeding import derive
from benchbed.transform import Batch, Draws, Transform, check_batch


class Split:
    """One split of a data set, restricted to the targets that the run's tasks need."""

    def __init__(
        self,
        columns: Mapping[str, Column],
        targets: Mapping[str, str],
        device: torch.device,
        transforms: Sequence[Transform] = (),
        described: Mapping[str, Target] | None = None,
        groups: Iterable[str] = (),
    ) -> None:
        """Keep the columns.

        Args:
            columns: as ``Dataset.load`` returned them.
            targets: for each task its target's name.
            device: where batches go.
            transforms: applied to each batch on the device, in this order.
            described: the targets' descriptions by task, for transforms.
            groups: names of the columns that hold samples' groups.
        """
        self._input = columns["input"]
        self._targets = {task: columns[target] for task, target in targets.items()}
        self._described = described or {}
        self._groups = {name: columns[name] for name in groups}
        self.device = device
        self.transforms = tuple(transforms)

    def __len__(self) -> int:
        return len(self._input)

    def batch(self, indices: np.ndarray, seed: int = 0, epoch: int = 0, number: int = 0) -> Batch:
        """Return the samples at the given positions, transformed.

        Args:
            indices: positions in the split, int64.
            seed: what random numbers follow from.
            epoch: what they follow from too, beside the position.
            number: of the batch in its epoch; per-batch random numbers follow from it too.
        """
        targets = {task: self._fetch(column, indices) for task, column in self._targets.items()}
        groups = {name: self._fetch(column, indices) for name, column in self._groups.items()}
        given = self._fetch(self._input, indices)
        batch = Batch(given, targets, described=self._described, groups=groups)
        for place, transform in enumerate(self.transforms):
            generator = torch.Generator().manual_seed(
                derive(seed, "transform", place, epoch, "batch", number)
            )
            draws = Draws(derive(seed, "transform", place, epoch), indices, generator)
            batch = check_batch(transform, batch, transform(batch, draws))
        return batch

    def _fetch(self, column: Column, indices: np.ndarray) -> Tensor:
        tensor = torch.as_tensor(column[indices])
        return tensor if self.device.type == "cpu" else tensor.to(self.device, non_blocking=True)

    def shuffled(
        self, batch_size: int, seed: int, epoch: int, *, drop_last: bool
    ) -> Iterator[Batch]:
        """Yield the batches of a training epoch."""
        generator = torch.Generator().manual_seed(derive(seed, "order", epoch))
        order = torch.randperm(len(self), generator=generator).numpy()
        return self._batches(order, batch_size, seed, epoch, drop_last=drop_last)

    def in_order(self, batch_size: int, seed: int = 0) -> Iterator[Batch]:
        """Yield all batches in the data set's order."""
        return self._batches(np.arange(len(self)), batch_size, seed, 0, drop_last=False)

    def _batches(
        self, order: np.ndarray, size: int, seed: int, epoch: int, *, drop_last: bool
    ) -> Iterator[Batch]:
        stop = len(order) - len(order) % size if drop_last else len(order)
        for number, start in enumerate(range(0, stop, size)):
            yield self.batch(order[start : min(start + size, stop)], seed, epoch, number)


def batches_per_epoch(samples: int, batch_size: int, *, drop_last: bool) -> int:
    """Return the number of mini-batches in an epoch."""
    return samples // batch_size if drop_last else -(-samples // batch_size)
