"""Batches of a split, in an order that follows from the seed and the epoch alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, reduce
from itertools import groupby, takewhile
from typing import cast

import numpy as np
import torch
from torch import Tensor

from benchbed.contracts.dataset import Column, Input, Target
from benchbed.contracts.geometry import (
    Geometric,
    Placement,
    image_size,
    joins,
    resample,
    resample_each,
)
from benchbed.contracts.transform import Batch, Draws, Transform, check_batch
from benchbed.engine.seeding import derive


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
        input_described: Input | None = None,
    ) -> None:
        """Keep the columns.

        Args:
            columns: as ``Dataset.load`` returned them.
            targets: for each task its target's name.
            device: where batches go.
            transforms: applied to each batch on the device, in this order; neighbours that move
                images are joined to one resampling.
            described: the targets' descriptions by task, for transforms.
            groups: names of the columns that hold samples' groups.
            input_described: the input's description, for transforms.
        """
        self._input = columns["input"]
        self._targets = {task: columns[target] for task, target in targets.items()}
        self._described = described or {}
        self._groups = {name: columns[name] for name in groups}
        self._input_described = input_described
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
        pairs = [
            (transform, self._draws(place, indices, seed, epoch, number))
            for place, transform in enumerate(self.transforms)
        ]
        leading = list(takewhile(_joins, pairs))
        if leading and self.device.type == "cpu":
            samples = (self._read(indices[i : i + 1]) for i in range(len(indices)))
            batch = resample_each(samples, _placement(self._size, leading))
            return _transformed(batch, pairs[len(leading) :])
        return _transformed(self._read(indices), pairs)

    @cached_property
    def _size(self) -> tuple[int, int]:
        return image_size(torch.as_tensor(self._input[np.arange(1)]))

    def _read(self, indices: np.ndarray) -> Batch:
        targets = {task: self._fetch(column, indices) for task, column in self._targets.items()}
        groups = {name: self._fetch(column, indices) for name, column in self._groups.items()}
        return Batch(
            self._fetch(self._input, indices),
            targets,
            described=self._described,
            groups=groups,
            input_described=self._input_described,
        )

    @staticmethod
    def _draws(place: int, indices: np.ndarray, seed: int, epoch: int, number: int) -> Draws:
        generator = torch.Generator().manual_seed(
            derive(seed, "transform", place, epoch, "batch", number)
        )
        return Draws(derive(seed, "transform", place, epoch), indices, generator)

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


def _transformed(batch: Batch, pairs: Sequence[tuple[Transform, Draws]]) -> Batch:
    """Return a batch with transforms applied, neighbours that move images by one resampling."""
    for moving, group in groupby(pairs, _joins):
        neighbours = list(group)
        if moving:
            batch = resample(batch, _placement(image_size(batch.input), neighbours))
            continue
        for transform, draws in neighbours:
            batch = check_batch(transform, batch, transform(batch, draws))
    return batch


def _joins(pair: tuple[Transform, Draws]) -> bool:
    return joins(pair[0])


def _placement(size: tuple[int, int], pairs: Sequence[tuple[Transform, Draws]]) -> Placement:
    """Return what transforms that move images do together."""
    placed = [cast(Geometric, transform).placed(size, draws) for transform, draws in pairs]
    return reduce(Placement.then, placed)


def batches_per_epoch(samples: int, batch_size: int, *, drop_last: bool) -> int:
    """Return the number of mini-batches in an epoch."""
    return samples // batch_size if drop_last else -(-samples // batch_size)
