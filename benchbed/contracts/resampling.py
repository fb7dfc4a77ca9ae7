"""Moving the images of a batch with all their maps, by one resampling."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping

import torch
from torch import Tensor

from benchbed.basics.errors import DataError
from benchbed.contracts.dataset import Target
from benchbed.contracts.placement import IDENTITY, Placement
from benchbed.contracts.sampling import Sources, Straight, Turned
from benchbed.contracts.transform import Batch

_NO_MAP = Target("class")


def image_size(images: Tensor) -> tuple[int, int]:
    """Return height and width of images.

    Raises:
        DataError: they are no images of real numbers.
    """
    if images.dim() < 3 or not images.is_floating_point():
        raise DataError(
            "Flips, crops and rotations want images of real numbers, (N, …, H, W), and got "
            f"{tuple(images.shape)} in {images.dtype}; leave them out of the protocol."
        )
    height, width = images.shape[-2:]
    return height, width


def resample(batch: Batch, placement: Placement) -> Batch:
    """Return a batch with its images and maps moved; what is no map stays.

    Images are bilinear and all maps nearest. Samples that stay or are only mirrored keep their
    bits. Directions are turned in the image plane, distances divided by ``placement.divisor``.
    A pixel whose nearest source would lie beyond the given image is 0 in images and in maps of
    distances and directions, NaN in maps of other numbers, and in maps of classes the ignore index
    (0 if there is none, or if ``placement.background``).

    Raises:
        DataError: the inputs are no images of real numbers.
    """
    if batch.input.is_cpu:
        # copies: what was read in order is then read in any order from the cache
        singles = (_chosen(batch, slice(i, i + 1)) for i in range(len(batch)))
        return resample_each((_mapped(single, torch.clone) for single in singles), placement)
    return _resample_alike(batch, placement)


def _resample_alike(batch: Batch, placement: Placement) -> Batch:
    """Return the batch moved, all samples of a kind at once, as a GPU does it."""
    device = batch.input.device
    mover = _Mover(placement, image_size(batch.input), device)
    whole = _mapped(batch, _like)
    for places in mover.alike():
        at = torch.tensor(places).to(device)
        samples = _chosen(batch, at)
        moved = _mapped(samples, _like)
        mover.move(samples, places, at, moved)
        for into, (part, _) in zip(_tensors(whole), _parts(moved), strict=True):
            into[at] = part
    return whole


def resample_each(samples: Iterable[Batch], placement: Placement) -> Batch:
    """Return the batch of single samples, moved one after the other while a CPU's cache holds them.

    Args:
        samples: batches of one sample each, which are not changed.
        placement: of all.

    Raises:
        DataError: the inputs are no images of real numbers.
    """
    mover: _Mover | None = None
    whole: Batch | None = None
    count = len(placement)
    for place, sample in enumerate(samples):
        mover = mover or _Mover(placement, image_size(sample.input), sample.input.device)
        whole = whole or _mapped(sample, lambda x: x.new_empty((count, *x.shape[1:])))
        at = slice(place, place + 1)
        mover.move(sample, [place], at, _chosen(whole, at))
    if whole is None:
        raise ValueError("A batch without a sample cannot be moved.")
    return whole


def _mapped(batch: Batch, change: Callable[[Tensor], Tensor]) -> Batch:
    """Return a batch with all tensors changed."""
    mixed = batch.mixed
    if mixed is not None:
        mixed = _each(mixed, change)
    return batch.replace(
        input=change(batch.input),
        targets=_each(batch.targets, change),
        mixed=mixed,
        groups=_each(batch.groups, change),
    )


def _each(
    tensors: Mapping[str, Tensor], change: Callable[[Tensor], Tensor]
) -> Mapping[str, Tensor]:
    return {name: change(tensor) for name, tensor in tensors.items()}


def _like(x: Tensor) -> Tensor:
    """Return a contiguous tensor of the same shape, whatever the strides."""
    return x.new_empty(x.shape)


def _chosen(batch: Batch, at: slice | Tensor) -> Batch:
    """Return some of the samples."""
    return _mapped(batch, lambda x: x[at])


def _parts(batch: Batch) -> Iterator[tuple[Tensor, Target | None]]:
    """Yield all tensors, each with its target, which images have none of."""
    yield batch.input, None
    for targets in (batch.targets, batch.mixed or {}):
        for name, tensor in targets.items():
            yield tensor, batch.described[name]
    for tensor in batch.groups.values():
        yield tensor, _NO_MAP


def _tensors(batch: Batch) -> list[Tensor]:
    return [tensor for tensor, _ in _parts(batch)]


class _Mover:
    """Moves samples of a batch, some at a time; what a placement means is worked out once."""

    def __init__(self, placement: Placement, canvas: tuple[int, int], device: torch.device) -> None:
        """Work out what is the same for all samples and sizes of maps.

        Args:
            placement: of all samples of the batch, in pixels of the canvas.
            canvas: height and width of the images; maps may be of other sizes.
            device: of images and maps.
        """
        self._placement, self._canvas, self._device = placement, canvas, device
        self._checked = False
        self._mirrored = placement.mirrored()
        self._turns = placement.turns().float()
        self._upright = (self._turns == IDENTITY).flatten(1).all(1).tolist()
        self._divided = (placement.divisor != 1).tolist()
        self._sources: dict[tuple[int, int], Sources] = {}

    def alike(self) -> list[list[int]]:
        """Return the places of the samples that stay, of those mirrored alike, of all others."""
        kinds: dict[tuple[int, ...] | None, list[int]] = {}
        for place, axes in enumerate(self._mirrored):
            kinds.setdefault(axes, []).append(place)
        return list(kinds.values())

    def move(self, samples: Batch, places: list[int], at: slice | Tensor, into: Batch) -> None:
        """Move samples that are alike.

        Args:
            samples: some of the batch.
            places: theirs in the batch.
            at: the same as an index on the device.
            into: of the same shapes, contiguous; what is moved is written there.
        """
        if not self._checked:
            _check_types(samples)
            self._checked = True
        axes = self._mirrored[places[0]]
        moves: dict[tuple[int, int], tuple[Straight | Turned, Tensor]] = {}
        for (maps, target), out in zip(_parts(samples), _tensors(into), strict=True):
            if target is not None and not target.size:
                # one value or vector a sample: there is nothing to move
                out.copy_(maps)
                continue
            if axes is None:
                size = (maps.shape[-2], maps.shape[-1])
                if size not in moves:
                    moves[size] = self._sources_of(size).moves(places, at)
                _resample(maps, target, *moves[size], self._placement.background, out)
            else:
                # without arithmetic, so that samples keep their bits
                out.copy_(maps.flip(axes) if axes else maps)
            if target is not None:
                self._adapt(out, target, places)

    def _sources_of(self, size: tuple[int, int]) -> Sources:
        if size not in self._sources:
            scaled = self._placement.scaled(size[1] / self._canvas[1], size[0] / self._canvas[0])
            self._sources[size] = Sources(scaled, size, self._device)
        return self._sources[size]

    def _adapt(self, maps: Tensor, target: Target, places: list[int]) -> None:
        """Do to the numbers of moved maps what the move does to them."""
        if target.geometry == "direction" and not all(self._upright[place] for place in places):
            _turn(maps, self._turns[places])
        if target.geometry == "distance" and any(self._divided[place] for place in places):
            divisor = self._placement.divisor[places].to(maps)
            ones = [1] * (maps.dim() - 1)
            maps /= divisor.reshape(-1, *ones)


def _check_types(samples: Batch) -> None:
    """Refuse maps whose type cannot hold what marks pixels beyond the image.

    Raises:
        DataError: with the target's shape.
    """
    for maps, target in _parts(samples):
        if target is None or not target.size:
            continue
        if target.kind == "value" and not maps.is_floating_point():
            raise DataError(
                f"Maps of numbers must be floating point to be moved, and one of shape "
                f"{target.shape} is {maps.dtype}; let the data set give float32."
            )
        if target.kind == "class" and target.ignore is not None:
            limits = torch.iinfo(maps.dtype)
            if not limits.min <= target.ignore <= limits.max:
                raise DataError(
                    f"Maps of classes in {maps.dtype} cannot hold their ignore index "
                    f"{target.ignore}; let the data set give int64."
                )


def _resample(
    maps: Tensor,
    target: Target | None,
    move: Straight | Turned,
    beyond: Tensor,
    background: bool,
    out: Tensor,
) -> None:
    """Write images (no target) or maps, moved, into ``out``."""
    flat = maps.reshape(len(maps), -1, *maps.shape[-2:])
    flat_out = out.view(flat.shape)  # not reshape: what is written must arrive in out
    if target is None:
        move.bilinear(flat, flat_out)
    else:
        move.nearest(flat, flat_out)
    if len(beyond):
        flat_out.masked_fill_(beyond, _beyond(target, background))


def _beyond(target: Target | None, background: bool) -> float:
    """Return what images (no target) and maps hold where there is no image."""
    if target is None or target.geometry:
        return 0
    if target.kind == "value":
        return math.nan
    return 0 if background or target.ignore is None else target.ignore


def _turn(directions: Tensor, turns: Tensor) -> None:
    """Multiply x and y of directions ``(n, 3, h, w)`` by ``turns``, ``(n, 2, 2)``."""
    x, y, _ = directions.unbind(1)
    mirrors = not bool(turns[:, [0, 1], [1, 0]].any())
    (a, b), (c, d) = turns.to(directions).permute(1, 2, 0)[..., None, None]
    if mirrors:
        x *= a
        if bool((turns[:, 1, 1] != 1).any()):
            y *= d
        return
    turned = a * x + b * y
    y.mul_(d).add_(c * x)  # x is still the old one
    x.copy_(turned)
