"""Affine changes of images with all their maps, on whole batches and by one resampling."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeGuard

import torch
from torch import Tensor
from torch.nn import functional as F

from benchbed.basics.errors import ContractError, DataError
from benchbed.contracts.dataset import Target
from benchbed.contracts.transform import Batch, Draws, Transform

_MARGIN = 1e-3
"""Pixels by which a corner must lie inside for the rounding of coordinates not to matter."""

_NO_MAP = Target("class")
_IDENTITY = torch.eye(2)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where in a sample each pixel of its transformed image comes from: ``linear·p + shift``.

    Points p = (x, y) are centres of pixels, in pixels of the input from its centre, x to the right
    and y down. All is float64 and on the CPU. :meth:`of` fills in what is left out.

    Attributes:
        linear: ``(N, 2, 2)``, from the transformed image to the given one; regular.
        shift: ``(N, 2)``, in pixels of the given image.
        divisor: ``(N,)``, of maps of distances.
        background: maps of classes are 0 beyond the given image, rather than not annotated.
    """

    linear: Tensor
    shift: Tensor
    divisor: Tensor
    background: bool = False

    @classmethod
    def of(
        cls,
        linear: Tensor,
        shift: Tensor | None = None,
        divisor: Tensor | None = None,
        *,
        background: bool = False,
    ) -> Placement:
        """Return a placement, about the centre and of unchanged distances where not said."""
        shift = linear.new_zeros(len(linear), 2) if shift is None else shift
        divisor = linear.new_ones(len(linear)) if divisor is None else divisor
        return cls(linear, shift, divisor, background)

    def __len__(self) -> int:
        return len(self.linear)

    def then(self, later: Placement) -> Placement:
        """Return what both do, the other one last.

        What this one moves beyond the canvas is not lost if the other one moves it back.
        """
        return Placement(
            self.linear @ later.linear,
            (self.linear @ later.shift[:, :, None])[:, :, 0] + self.shift,
            self.divisor * later.divisor,
            self.background or later.background,
        )

    def scaled(self, x: float, y: float) -> Placement:
        """Return the same for maps of another size, so many times the pixels in x and y."""
        scale = self.linear.new_tensor([x, y])
        return Placement(
            self.linear * scale[:, None] / scale, self.shift * scale, self.divisor, self.background
        )

    def mirrored(self) -> list[tuple[int, ...] | None]:
        """Return for each sample the axes that are only mirrored, or ``None`` if it is moved."""
        moved = (self.shift != 0).any(1) | (self.linear.abs() != _IDENTITY).flatten(1).any(1)
        signs = self.linear.diagonal(dim1=1, dim2=2).tolist()
        return [
            None if away else tuple(axis for axis, sign in ((-1, x), (-2, y)) if sign < 0)
            for away, (x, y) in zip(moved.tolist(), signs, strict=True)
        ]

    def turns(self) -> Tensor:
        """Return what directions in the image plane are multiplied by, ``(N, 2, 2)``.

        The inverse of ``linear``, without its scale: adj(A)·sign(det A) / √|det A|.
        """
        (a, b), (c, d) = self.linear.permute(1, 2, 0)
        det = a * d - b * c
        adjugate = torch.stack([d, -b, -c, a], dim=1).reshape(-1, 2, 2)
        turns: Tensor = adjugate * (det.sign() / det.abs().sqrt())[:, None, None]
        return turns


class Geometric(Transform):
    """A transform that moves images with their maps.

    The engine joins neighbours of this kind in a protocol to one resampling; a subclass with a
    ``forward`` of its own stands alone.
    """

    def placement(self, size: tuple[int, int], draws: Draws) -> Placement:
        """Return where each sample's pixels come from.

        Args:
            size: height and width of the images.
            draws: random numbers of ``len(draws)`` samples.
        """
        raise NotImplementedError(f"{type(self).__name__} must define placement(size, draws).")

    def forward(self, batch: Batch, draws: Draws) -> Batch:
        """Return the batch with its samples moved."""
        return resample(batch, self.placed(image_size(batch.input), draws))

    def placed(self, size: tuple[int, int], draws: Draws) -> Placement:
        """Return the placement, checked.

        Raises:
            ContractError: it is none, or not float64 on the CPU with an entry a sample.
        """
        placement = self.placement(size, draws)
        name = f"{type(self).__name__}.placement"
        if not isinstance(placement, Placement):
            raise ContractError(
                f"{name} must return a benchbed.Placement, not {type(placement).__name__}."
            )
        count = len(draws)
        expected = {"linear": (count, 2, 2), "shift": (count, 2), "divisor": (count,)}
        for field, shape in expected.items():
            tensor: Tensor = getattr(placement, field)
            if tensor.shape != shape or tensor.dtype != torch.float64 or not tensor.is_cpu:
                raise ContractError(
                    f"{name}: '{field}' must be {shape} in float64 on the CPU, "
                    f"not {tuple(tensor.shape)} in {tensor.dtype} on {tensor.device}."
                )
        det = placement.linear.det()
        finite = all(bool(x.isfinite().all()) for x in (det, placement.shift, placement.divisor))
        if not finite or not bool(det.all()) or not bool((placement.divisor > 0).all()):
            raise ContractError(
                f"{name} must be finite, with 'linear' regular and 'divisor' above 0."
            )
        return placement


def joins(transform: Transform) -> TypeGuard[Geometric]:
    """Tell whether a transform may be joined with its neighbours."""
    return isinstance(transform, Geometric) and type(transform).forward is Geometric.forward


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
        return resample_each((_mapped(x, torch.clone) for x in singles), placement)
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
    return batch.replace(
        input=change(batch.input),
        targets={name: change(x) for name, x in batch.targets.items()},
        mixed=batch.mixed and {name: change(x) for name, x in batch.mixed.items()},
        groups={name: change(x) for name, x in batch.groups.items()},
    )


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
        yield from ((x, batch.described[name]) for name, x in targets.items())
    yield from ((x, _NO_MAP) for x in batch.groups.values())


def _tensors(batch: Batch) -> list[Tensor]:
    return [x for x, _ in _parts(batch)]


@dataclass(frozen=True, slots=True)
class _Axis:
    """Where rows or columns come from, for samples that are not turned; all is ``(N, n)``.

    Attributes:
        nearest: int64, of those that exist.
        lower, upper: int64, the two that are interpolated.
        weight: of the upper.
    """

    nearest: Tensor
    lower: Tensor
    upper: Tensor
    weight: Tensor

    @classmethod
    def of(cls, edges: Tensor, count: int) -> _Axis:
        """Return those of coordinates from the edge of a map with so many rows or columns."""
        centres = (edges - 0.5).clamp(0, count - 1)
        lower = centres.floor()
        return cls(
            edges.clamp(0, count - 1).long(),
            lower.long(),
            (lower + 1).clamp(max=count - 1).long(),
            centres - lower,
        )

    def __getitem__(self, place: int) -> _Axis:
        """Return a sample's, each ``(n,)``."""
        return _Axis(self.nearest[place], self.lower[place], self.upper[place], self.weight[place])


@dataclass(frozen=True, slots=True)
class _Straight:
    """Moves of a sample that is not turned: columns, on the rows first to last, then rows."""

    columns: _Axis
    rows: _Axis
    first: int
    last: int

    @classmethod
    def of(cls, columns: _Axis, rows: _Axis) -> _Straight:
        """Return the moves; the places of rows rise or fall."""
        ends = [int(places[end]) for places in (rows.lower, rows.upper) for end in (0, -1)]
        return cls(columns, rows, min(ends), max(ends))

    def bilinear(self, images: Tensor, out: Tensor) -> None:
        """Write ``(1, C, h, w)`` images, interpolated, into ``out``."""
        columns, rows = self.columns, self.rows
        needed = images[:, :, self.first : self.last + 1]
        wide = torch.lerp(
            _columns(needed, columns.lower),
            _columns(needed, columns.upper),
            columns.weight.to(images),
        )
        torch.lerp(
            wide.index_select(2, rows.lower - self.first),
            wide.index_select(2, rows.upper - self.first),
            rows.weight.to(images)[:, None],
            out=out,
        )

    def nearest(self, maps: Tensor, out: Tensor) -> None:
        """Write the nearest pixels of ``(1, C, h, w)`` maps into ``out``."""
        wide = _columns(maps[:, :, self.first : self.last + 1], self.columns.nearest)
        torch.index_select(wide, 2, self.rows.nearest - self.first, out=out)


def _columns(maps: Tensor, places: Tensor) -> Tensor:
    return maps.gather(3, places.expand(*maps.shape[:3], -1))


class _Turned:
    """Moves of any samples, from x and y of each pixel's source, from the edges, ``(n, h, w)``."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self._x, self._y = x, y

    def bilinear(self, images: Tensor, out: Tensor) -> None:
        """Write ``(n, C, h, w)`` images, interpolated, into ``out``."""
        height, width = images.shape[-2:]
        grid = torch.stack([self._x * (2 / width) - 1, self._y * (2 / height) - 1], dim=-1)
        # in half precision coordinates miss by a pixel, and what lies beyond the border is read;
        # with zeros beyond the border its pixels would be darkened
        exact = images if images.dtype == torch.float64 else images.float()
        out.copy_(
            F.grid_sample(exact, grid.to(exact.dtype), padding_mode="border", align_corners=False)
        )

    def nearest(self, maps: Tensor, out: Tensor) -> None:
        """Write the nearest pixels of ``(n, C, h, w)`` maps into ``out``."""
        flat = maps.flatten(2)
        torch.gather(flat, 2, self._index.expand(flat.shape), out=out.flatten(2))

    @cached_property
    def _index(self) -> Tensor:
        height, width = self._x.shape[-2:]
        row, column = self._y.clamp(0, height - 1).long(), self._x.clamp(0, width - 1).long()
        return (row * width + column).flatten(1)[:, None]


class _Sources:
    """Where the pixels of a batch's maps of one size come from.

    Coordinates are sums of what depends on a pixel's column and on its row.
    """

    def __init__(self, placement: Placement, size: tuple[int, int], device: torch.device) -> None:
        """Work out a placement in the maps' own pixels."""
        half = torch.tensor([size[1], size[0]], dtype=torch.float64) / 2
        columns = torch.arange(size[1], dtype=torch.float64) + 0.5 - half[0]
        rows = torch.arange(size[0], dtype=torch.float64) + 0.5 - half[1]
        (a, b), (c, d) = placement.linear.permute(1, 2, 0)[..., None]
        left, top = (placement.shift + half).T[..., None]
        terms = (a * columns + left, b * rows, d * rows + top, c * columns)
        self._x, self._x_of_row, self._y, self._y_of_column = (
            term.float().to(device) for term in terms
        )
        self._columns, self._rows = _Axis.of(self._x, size[1]), _Axis.of(self._y, size[0])
        self._size = size
        self._straight = ((b == 0) & (c == 0)).flatten().tolist()
        reach = placement.linear.abs() @ (half - 0.5) + placement.shift.abs()
        self._inside = (reach < half - _MARGIN).all(dim=1).tolist()

    def moves(self, places: list[int], at: slice | Tensor) -> tuple[_Straight | _Turned, Tensor]:
        """Return how to move one sample (a slice) or more, and which pixels lie beyond the map.

        The latter is bool, ``(n, 1, h, w)``, or empty if none do.
        """
        x, y = self._x[at][:, None, :], self._y[at][:, :, None]
        move: _Straight | _Turned
        if isinstance(at, slice) and self._straight[places[0]]:
            move = _Straight.of(self._columns[places[0]], self._rows[places[0]])
        else:
            x, y = x + self._x_of_row[at][:, :, None], y + self._y_of_column[at][:, None, :]
            move = _Turned(x, y)
        if all(self._inside[place] for place in places):
            return move, x.new_empty(0, dtype=torch.bool)
        height, width = self._size
        return move, ((x < 0) | (x >= width) | (y < 0) | (y >= height))[:, None]


class _Mover:
    """Moves samples of a batch, some at a time; what a placement means is worked out once."""

    def __init__(self, placement: Placement, canvas: tuple[int, int], device: torch.device) -> None:
        self._placement, self._canvas, self._device = placement, canvas, device
        self._checked = False
        self._mirrored = placement.mirrored()
        self._turns = placement.turns().float()
        self._upright = (self._turns == _IDENTITY).flatten(1).all(1).tolist()
        self._divided = (placement.divisor != 1).tolist()
        self._sources: dict[tuple[int, int], _Sources] = {}

    def alike(self) -> list[list[int]]:
        """Return the places of the samples that stay, of those mirrored alike, of all others."""
        kinds = dict.fromkeys(self._mirrored)
        return [[i for i, axes in enumerate(self._mirrored) if axes == kind] for kind in kinds]

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
        moves: dict[tuple[int, int], tuple[_Straight | _Turned, Tensor]] = {}
        for (maps, target), out in zip(_parts(samples), _tensors(into), strict=True):
            if target is not None and not target.size:
                out.copy_(maps)
                continue
            if axes is not None:
                out.copy_(maps.flip(axes) if axes else maps)
            else:
                size = (maps.shape[-2], maps.shape[-1])
                if size not in moves:
                    moves[size] = self._sources_of(size).moves(places, at)
                _resample(maps, target, *moves[size], self._placement.background, out)
            if target is not None:
                self._adapt(out, target, places)

    def _sources_of(self, size: tuple[int, int]) -> _Sources:
        if size not in self._sources:
            scaled = self._placement.scaled(size[1] / self._canvas[1], size[0] / self._canvas[0])
            self._sources[size] = _Sources(scaled, size, self._device)
        return self._sources[size]

    def _adapt(self, maps: Tensor, target: Target, places: list[int]) -> None:
        """Do to the numbers of moved maps what the move does to them."""
        if target.geometry == "direction" and not all(self._upright[place] for place in places):
            _turn(maps, self._turns[places])
        if target.geometry == "distance" and any(self._divided[place] for place in places):
            divisor = self._placement.divisor[places].to(maps)
            maps /= divisor.reshape(-1, *(1 for _ in maps.shape[1:]))


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
    move: _Straight | _Turned,
    beyond: Tensor,
    background: bool,
    out: Tensor,
) -> None:
    """Write images (no target) or maps, moved, into ``out``."""
    flat = maps.reshape(len(maps), -1, *maps.shape[-2:])
    flat_out = out.view(flat.shape)
    (move.bilinear if target is None else move.nearest)(flat, flat_out)
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
    y.mul_(d).add_(c * x)
    x.copy_(turned)
