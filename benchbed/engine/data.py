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
from benchbed.contracts.geometry import Geometric, joins
from benchbed.contracts.placement import Placement
from benchbed.contracts.resampling import image_size, resample, resample_each
from benchbed.contracts.transform import Batch, Draws, Transform, check_batch
from benchbed.engine.seeding import derive

_Drawn = tuple[Transform, Draws]
"""A transform, and its random numbers for one batch."""


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
        name: str = "",
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
            name: of the split, for messages.
        """
        self.name = name
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
        pairs: list[_Drawn] = []
        for place, transform in enumerate(self.transforms):
            draws = self._draws(place, indices, seed, epoch, number)
            pairs.append((transform, draws))
        leading = list(takewhile(_joins, pairs))
        if not leading or self.device.type != "cpu":
            return _transformed(self._read(indices), pairs)
        # read one by one, so that each sample is moved while a CPU's cache holds it
        samples = (self._read(indices[i : i + 1]) for i in range(len(indices)))
        batch = resample_each(samples, _placement(self._size, leading))
        return _transformed(batch, pairs[len(leading) :])

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
        """Return the random numbers of the transform at a place, for one batch."""
        stream = (seed, "transform", place, epoch)
        generator = torch.Generator().manual_seed(derive(*stream, "batch", number))
        return Draws(derive(*stream), indices, generator)

    def _fetch(self, column: Column, indices: np.ndarray) -> Tensor:
        tensor = torch.as_tensor(column[indices])
        if self.device.type == "cpu":
            return tensor
        return tensor.to(self.device, non_blocking=True)

    def shuffled(
        self, batch_size: int, seed: int, epoch: int, *, drop_last: bool
    ) -> Iterator[Batch]:
        """Yield the batches of a training epoch, in an order that follows from seed and epoch.

        Args:
            batch_size: samples a batch.
            seed: of the run.
            epoch: counted from 0.
            drop_last: leave out a last batch that is smaller.
        """
        generator = torch.Generator().manual_seed(derive(seed, "order", epoch))
        order = torch.randperm(len(self), generator=generator).numpy()
        return self._batches(order, batch_size, seed, epoch, drop_last=drop_last)

    def in_order(self, batch_size: int, seed: int = 0) -> Iterator[Batch]:
        """Yield all batches in the data set's order."""
        return self._batches(np.arange(len(self)), batch_size, seed, 0, drop_last=False)

    def _batches(
        self, order: np.ndarray, size: int, seed: int, epoch: int, *, drop_last: bool
    ) -> Iterator[Batch]:
        stop = len(order)
        if drop_last:
            stop -= len(order) % size
        for number, start in enumerate(range(0, stop, size)):
            yield self.batch(order[start : min(start + size, stop)], seed, epoch, number)


def _transformed(batch: Batch, pairs: Sequence[_Drawn]) -> Batch:
    """Return a batch with transforms applied, neighbours that move images by one resampling."""
    for moving, group in groupby(pairs, _joins):
        neighbours = list(group)
        if moving:
            batch = resample(batch, _placement(image_size(batch.input), neighbours))
            continue
        for transform, draws in neighbours:
            batch = check_batch(transform, batch, transform(batch, draws))
    return batch


def _joins(pair: _Drawn) -> bool:
    return joins(pair[0])


def _placement(size: tuple[int, int], pairs: Sequence[_Drawn]) -> Placement:
    """Return what transforms that move images do together."""
    placed = [cast(Geometric, transform).placed(size, draws) for transform, draws in pairs]
    return reduce(Placement.then, placed)


def batches_per_epoch(samples: int, batch_size: int, *, drop_last: bool) -> int:
    """Return the number of mini-batches in an epoch."""
    if drop_last:
        return samples // batch_size
    return -(-samples // batch_size)  # rounded up
