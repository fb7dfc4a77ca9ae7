"""The hybrid Gramian: products of late layers' gradients without these gradients.

The gradient of a convolution's or linear layer's weight is δᵀ·a, of its output's gradient δ,
(N, O), and what it reads, a, (N, K), over N positions (samples times pixels). So the product of two
tasks' weight gradients is Σ_nm ⟨δ_i, δ_j⟩_nm·⟨a, a⟩_nm, and once the tasks' weights w are known one
gradient, that of Σ_t w_t·δ_t, is all that the update needs. A convolution's ⟨a, a⟩ is a sum of
shifted products of its input's pixels, so that K counts once for each kernel element less.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge
from torch.nn import functional as F
from torch.nn.grad import conv1d_weight, conv2d_weight
from torch.utils.hooks import RemovableHandle

FEW: Final = 128
"""Up to so many positions a matrix product is faster than a convolution's weight gradient."""

SHIFT: Final = 256
"""Multiply-adds that take as long as adding one shifted product."""

Deltas = Sequence[Tensor | None]
"""For each task the gradient of a layer's output, ``None`` where the task does not reach it."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer whose weight gradients need not be formed.

    Attributes:
        name: of its weight.
        weight: the parameter.
        output: where its output's gradient is found.
        input: what it was given.
        stride, padding, dilation: of a convolution, one number a dimension; else empty.
    """

    name: str
    weight: nn.Parameter
    output: GradientEdge
    input: Tensor
    stride: Sequence[int] = ()
    padding: Sequence[int] = ()
    dilation: Sequence[int] = ()

    def sizes(self) -> list[int]:
        """Return the sizes of the output's map; empty for a linear layer."""
        sizes: list[int] = []
        for size, kernel, stride, padding, dilation in zip(
            self.input.shape[2:],
            self.weight.shape[2:],
            self.stride,
            self.padding,
            self.dilation,
            strict=True,
        ):
            window = dilation * (kernel - 1) + 1
            sizes.append((size + 2 * padding - window) // stride + 1)
        return sizes

    def pays(self, tasks: int) -> bool:
        """Return whether this takes fewer multiply-adds and less memory than T gradients."""
        outputs, channels = self.weight.shape[:2]
        kernel = self.weight[0, 0].numel()
        samples = len(self.input)
        positions = samples * math.prod(self.sizes())
        pixels = samples * math.prod(self.input.shape[2:])
        if self._pointwise():
            pixels = positions
        # of ⟨a, a⟩ over the pixels, then of ⟨δ_i, δ_j⟩ and the shifted sums over the positions
        ours = pixels**2 * channels + positions**2 * (tasks * outputs + SHIFT * kernel)
        plain = (tasks - 1) * positions * self.weight.numel()
        smaller = pixels**2 + positions**2 < tasks * self.weight.numel()
        return ours < plain and smaller

    def products(self, deltas: Deltas) -> Tensor:
        """Return what the weight adds to the Gramian, ``(T, T)``, float64."""
        count = len(deltas)
        total = torch.zeros(count, count, dtype=torch.float64, device=self.input.device)
        reached: list[int] = []
        columns: list[Tensor] = []
        for task, delta in enumerate(deltas):
            if delta is not None:
                reached.append(task)
                columns.append(self._columns(delta))
        if not reached:
            return total
        d = torch.stack(columns)  # (T, N, O)
        found = d.flatten(1) @ (self._inner() @ d).flatten(1).T
        places = torch.tensor(reached, device=total.device)
        # symmetric in exact arithmetic only
        total[places[:, None], places] = ((found + found.T) / 2).double()
        return total

    def exact_products(self, deltas: Deltas) -> Tensor:
        """Return the same with all factors in float64 before they are multiplied."""
        doubled = [None if delta is None else delta.double() for delta in deltas]
        return replace(self, input=self.input.double()).products(doubled)

    def gradient(self, delta: Tensor) -> Tensor:
        """Return the weight's gradient for a gradient of the output."""
        if not self.stride:
            return delta.T @ self.input
        few = math.prod(delta.shape) <= FEW * len(self.weight)
        if few and set(self.dilation) == {1}:
            outputs, channels, *kernel = self.weight.shape
            flat = self._columns(delta).T @ self._patches()
            return flat.view(outputs, *kernel, channels).movedim(-1, 1)
        weight_gradient = {1: conv1d_weight, 2: conv2d_weight}[len(self.stride)]
        found: Tensor = weight_gradient(  # type: ignore[no-untyped-call]
            self.input, self.weight.shape, delta, self.stride, self.padding, self.dilation
        )
        return found

    def combined(self, deltas: Deltas, factors: Sequence[float]) -> Tensor:
        """Return Σ_t w_t·(the weight's gradient under task t)."""
        total: Tensor | None = None
        for delta, factor in zip(deltas, factors, strict=True):
            if delta is None:
                continue
            if total is None:
                total = delta * factor
            else:
                total.add_(delta, alpha=factor)
        if total is None:
            return torch.zeros_like(self.weight)
        return self.gradient(total)

    def watch(self, seen: dict[str, Tensor]) -> RemovableHandle:
        """Note what gradient of its output the layer is given, after any hook on the output.

        Args:
            seen: where it is noted, by the layer's name.
        """

        def note(gradients: tuple[Tensor, ...]) -> None:
            if gradients[0] is not None:
                seen[self.name] = gradients[0]

        return self.output.node.register_prehook(note)

    def _patches(self) -> Tensor:
        """Return what a convolution reads at each position, ``(N, K)``, channels last."""
        # F.pad begins with the last dimension: channels get no border, then the map's axes
        around = [0, 0]
        for padding in reversed(self.padding):
            around += [padding, padding]
        windows = F.pad(self.input.movedim(1, -1), around)
        kernels = zip(self.weight.shape[2:], self.stride, strict=True)
        for axis, (kernel, stride) in enumerate(kernels, start=1):
            windows = windows.unfold(axis, kernel, stride)
        # (samples, *sizes, channels, *kernel) now
        dimensions = len(self.stride)
        return windows.movedim(dimensions + 1, -1).flatten(0, dimensions).flatten(1)

    def _inner(self) -> Tensor:
        """Return ⟨a, a⟩ of all pairs of positions, ``(N, N)``."""
        if not self.stride:
            return self.input @ self.input.T
        if self._pointwise():
            steps = [slice(None, None, stride) for stride in self.stride]
            return _pixel_products(self.input[:, :, *steps])
        shape = (len(self.input), *self.input.shape[2:])
        sizes = (len(self.input), *self.sizes())
        products = _pixel_products(self.input).view(*shape, *shape)
        total = products.new_zeros(*sizes, *sizes)
        for element in itertools.product(*map(range, self.weight.shape[2:])):
            outputs, pixels = self._overlaps(element)
            total[:, *outputs, :, *outputs] += products[:, *pixels, :, *pixels]
        positions = math.prod(sizes)
        return total.view(positions, positions)

    def _overlaps(self, element: Sequence[int]) -> tuple[list[slice], list[slice]]:
        """Return which outputs read a pixel at a kernel element, and which pixels."""
        found = map(
            _overlap,
            element,
            self.input.shape[2:],
            self.sizes(),
            self.stride,
            self.padding,
            self.dilation,
        )
        outputs, pixels = zip(*found, strict=True)
        return list(outputs), list(pixels)

    def _pointwise(self) -> bool:
        return self.weight[0, 0].numel() == 1 and not any(self.padding)

    def _columns(self, delta: Tensor) -> Tensor:
        """Return an output's gradient as ``(N, O)``."""
        if not self.stride:
            return delta
        return delta.flatten(2).transpose(1, 2).flatten(0, 1)


def _pixel_products(images: Tensor) -> Tensor:
    """Return the products of all pairs of pixels of ``(N, C, …)``."""
    pixels = images.movedim(1, -1).flatten(0, -2)
    return pixels @ pixels.T


def _overlap(
    offset: int, size: int, output: int, stride: int, padding: int, dilation: int
) -> tuple[slice, slice]:
    """Return which outputs read a pixel at a kernel element, and which pixels, in one dimension.

    Output o reads pixel o·stride + offset·dilation − padding, where that lies in [0, size).
    """
    shift = offset * dilation - padding
    first = max(0, -(shift // stride))
    after = max(first, min(output, (size - 1 - shift) // stride + 1))
    since = first * stride + shift
    return slice(first, after), slice(since, since + (after - first) * stride, stride)
