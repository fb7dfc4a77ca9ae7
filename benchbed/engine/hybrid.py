"""The hybrid Gramian: products of late layers' gradients without these gradients.

The gradient of a convolution's or linear layer's weight is δᵀ·a, of its output's gradient δ,
(N, O), and what it reads, a, (N, K), over N positions (samples times pixels). So the product of two
tasks' weight gradients is Σ_nm ⟨δ_i, δ_j⟩_nm·⟨a, a⟩_nm, and once the tasks' weights w are known one
gradient, that of Σ_t w_t·δ_t, is all that the update needs. A convolution's ⟨a, a⟩ is a sum of
shifted products of its input's pixels, so that K counts once for each kernel element less.

Layers are read off the autograd graph, not off modules: what counts is that a weight enters the
graph in one place, at a convolution or matrix product of its own.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge
from torch.nn import functional as F
from torch.nn.grad import conv1d_weight, conv2d_weight
from torch.utils.hooks import RemovableHandle

from benchbed.engine.combination import gramian

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
        geometry = (self.input.shape[2:], self.weight.shape[2:], self.stride, self.padding)
        return [
            (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
            for size, kernel, stride, padding, dilation in zip(
                *geometry, self.dilation, strict=True
            )
        ]

    def pays(self, tasks: int) -> bool:
        """Return whether this takes fewer multiply-adds and less memory than T gradients."""
        outputs, channels = self.weight.shape[:2]
        kernel = self.weight[0, 0].numel()
        n = len(self.input) * math.prod(self.sizes())
        read = n if self._pointwise() else len(self.input) * math.prod(self.input.shape[2:])
        ours = read**2 * channels + n**2 * (tasks * outputs + SHIFT * kernel)
        plain = (tasks - 1) * n * self.weight.numel()
        return ours < plain and read**2 + n**2 < tasks * self.weight.numel()

    def products(self, deltas: Deltas) -> Tensor:
        """Return what the weight adds to the Gramian, ``(T, T)``, float64."""
        count = len(deltas)
        total = torch.zeros(count, count, dtype=torch.float64, device=self.input.device)
        reached = [t for t, delta in enumerate(deltas) if delta is not None]
        if not reached:
            return total
        d = torch.stack([self._columns(delta) for delta in deltas if delta is not None])
        found = d.flatten(1) @ (self._inner() @ d).flatten(1).T
        places = torch.tensor(reached, device=total.device)
        total[places[:, None], places] = ((found + found.T) / 2).double()
        return total

    def gradient(self, delta: Tensor) -> Tensor:
        """Return the weight's gradient for a gradient of the output."""
        if not self.stride:
            return delta.T @ self.input
        if math.prod(delta.shape) <= FEW * len(self.weight) and set(self.dilation) == {1}:
            outputs, channels, *kernel = self.weight.shape
            flat = self._columns(delta).T @ self._patches()
            return flat.view(outputs, *kernel, channels).movedim(-1, 1)
        weight_gradient = {1: conv1d_weight, 2: conv2d_weight}[len(self.stride)]
        found: Tensor = weight_gradient(  # type: ignore[no-untyped-call]
            self.input, self.weight.shape, delta, self.stride, self.padding, self.dilation
        )
        return found

    def watch(self, seen: dict[str, Tensor]) -> RemovableHandle:
        """Note what gradient of its output the layer is given, after any hook on the output."""

        def note(gradients: tuple[Tensor, ...]) -> None:
            if gradients[0] is not None:
                seen[self.name] = gradients[0]

        return self.output.node.register_prehook(note)

    def exact(self) -> Layer:
        """Return the layer in float64."""
        return replace(self, input=self.input.double())

    def combined(self, deltas: Deltas, factors: Sequence[float]) -> Tensor:
        """Return Σ_t w_t·(the weight's gradient under task t)."""
        total: Tensor | None = None
        for delta, factor in zip(deltas, factors, strict=True):
            if delta is not None:
                total = delta * factor if total is None else total.add_(delta, alpha=factor)
        return torch.zeros_like(self.weight) if total is None else self.gradient(total)

    def _patches(self) -> Tensor:
        """Return what a convolution reads at each position, ``(N, K)``, channels last."""
        around = [edge for padding in reversed(self.padding) for edge in (padding, padding)]
        found = F.pad(self.input.movedim(1, -1), (0, 0, *around))
        for place, (kernel, stride) in enumerate(
            zip(self.weight.shape[2:], self.stride, strict=True), start=1
        ):
            found = found.unfold(place, kernel, stride)
        dimensions = len(self.stride)
        return found.movedim(dimensions + 1, -1).flatten(0, dimensions).flatten(1)

    def _inner(self) -> Tensor:
        """Return ⟨a, a⟩ of all pairs of positions, ``(N, N)``."""
        if not self.stride:
            return self.input @ self.input.T
        count, given = len(self.input), self.input
        if self._pointwise():
            given = given[:, :, *(slice(None, None, stride) for stride in self.stride)]
        pixels = given.movedim(1, -1).flatten(0, -2)
        products = pixels @ pixels.T
        if self._pointwise():
            return products
        shape, sizes = (count, *self.input.shape[2:]), (count, *self.sizes())
        products = products.view(*shape, *shape)
        total = products.new_zeros(*sizes, *sizes)
        for offset in itertools.product(*map(range, self.weight.shape[2:])):
            to, since = zip(*map(_overlap, offset, *self._geometry()), strict=True)
            every = slice(None)
            total[every, *to, every, *to] += products[every, *since, every, *since]
        return total.view(math.prod(sizes), math.prod(sizes))

    def _pointwise(self) -> bool:
        return self.weight[0, 0].numel() == 1 and not any(self.padding)

    def _geometry(self) -> tuple[Sequence[int], ...]:
        return self.input.shape[2:], self.sizes(), self.stride, self.padding, self.dilation

    def _columns(self, delta: Tensor) -> Tensor:
        """Return an output's gradient as ``(N, O)``."""
        return delta.flatten(2).transpose(1, 2).flatten(0, 1) if self.stride else delta


def _overlap(
    offset: int, size: int, output: int, stride: int, padding: int, dilation: int
) -> tuple[slice, slice]:
    """Return which outputs read a pixel at a kernel element, and which pixels, in one dimension."""
    shift = offset * dilation - padding
    first = max(0, -(shift // stride))
    after = max(first, min(output, (size - 1 - shift) // stride + 1))
    since = first * stride + shift
    return slice(first, after), slice(since, since + (after - first) * stride, stride)


def find_layers(
    losses: Mapping[str, Tensor], parameters: Mapping[str, nn.Parameter], *, skip: Iterable[str]
) -> tuple[list[Layer], set[str]]:
    """Read the layers that qualify off the graph of the losses.

    A weight qualifies where all of the following hold: one edge of the graph leads to it, from a
    convolution (one- or two-dimensional, not transposed, one group) or a linear layer's matrix
    product; it has no hooks of its own; the layer's input is at hand (not recomputed or brought
    back by a saved-tensor hook, such as checkpointing has); all is float32 or float64; and it pays.
    Autocast puts a cast between a weight and its layer, so that nothing qualifies there.

    Args:
        losses: the tasks' losses, with their graphs alive.
        parameters: by name, those that may qualify.
        skip: names of weights not to look at.

    Returns:
        The layers; and the names of all weights of convolutions and linear layers.
    """
    edges, users = _edges(losses.values())
    skipped = frozenset(skip)
    layers: list[Layer] = []
    candidates: set[str] = set()
    for name, weight in parameters.items():
        leading = edges.get(id(weight), ())
        if weight.dim() < 2 or not leading:
            continue
        node, place = leading[0]
        transposed = node.name() == "TBackward0" and users[node] == 1
        if transposed:
            ((node, place),) = edges[id(node)]
        if transposed == (node.name() == "ConvolutionBackward0"):
            continue
        if (node.name(), place) not in _PLACES:
            continue
        candidates.add(name)
        if len(leading) > 1 or name in skipped or weight._backward_hooks:
            continue
        layer = _layer(name, weight, node)
        if layer is not None and layer.pays(len(losses)):
            layers.append(layer)
    return layers, candidates


_PLACES = {("ConvolutionBackward0", 1), ("AddmmBackward0", 2), ("MmBackward0", 1)}


def _layer(name: str, weight: nn.Parameter, node: Any) -> Layer | None:
    """Return the layer of a node, unless something about it is out of the ordinary."""
    kind = node.name()
    saved = {"ConvolutionBackward0": "input", "AddmmBackward0": "mat1", "MmBackward0": "self"}[kind]
    if getattr(node, f"_raw_saved_{saved}").unpack_hook is not None:
        return None
    given: Tensor = getattr(node, f"_saved_{saved}")
    if given is None or given.dtype != weight.dtype or weight.dtype not in _PRECISE:
        return None
    if given.layout != torch.strided or given.is_complex():
        return None
    output = GradientEdge(node, 0)
    if kind == "ConvolutionBackward0":
        usual = not node._saved_transposed and node._saved_groups == 1 and weight.dim() in {3, 4}
        given_sizes = (node._saved_stride, node._saved_padding, node._saved_dilation)
        count = weight.dim() - 2
        geometry = [tuple(s) * (count if len(s) == 1 else 1) for s in given_sizes]
        return Layer(name, weight, output, given.detach(), *geometry) if usual else None
    if kind == "AddmmBackward0" and (node._saved_alpha, node._saved_beta) != (1, 1):
        return None
    return Layer(name, weight, output, given.detach())


_PRECISE = {torch.float32, torch.float64}


def _edges(losses: Iterable[Tensor]) -> tuple[dict[int, list[tuple[Any, int]]], Counter[Any]]:
    """Return the edges that lead to each leaf or transposition, and how many lead to each node."""
    waiting = [loss.grad_fn for loss in losses if loss.grad_fn is not None]
    seen = set(waiting)
    edges: dict[int, list[tuple[Any, int]]] = {}
    users: Counter[Any] = Counter()
    while waiting:
        node = waiting.pop()
        for place, (following, _) in enumerate(node.next_functions):
            if following is None:
                continue
            users[following] += 1
            leaf = getattr(following, "variable", None)
            if leaf is not None:
                edges.setdefault(id(leaf), []).append((node, place))
            elif following.name() == "TBackward0":
                edges.setdefault(id(following), []).append((node, place))
            if following not in seen:
                seen.add(following)
                waiting.append(following)
    return edges, users


class Checked:
    """Remembers which layers were compared with their plain gradients, and what came of it.

    Attributes:
        passed: sets of tasks and layers that agreed.
        off: names of weights that differed, and go without.
        notes: a sentence for each comparison that failed.
    """

    def __init__(self) -> None:
        self.passed: set[tuple[tuple[str, ...], tuple[str, ...]]] = set()
        self.off: set[str] = set()
        self.notes: list[str] = []

    def state(self) -> dict[str, Any]:
        """Return all of it as plain data: a resumed run compares nothing anew."""
        passed = [[list(tasks), list(layers)] for tasks, layers in sorted(self.passed)]
        return {"passed": passed, "off": sorted(self.off), "notes": list(self.notes)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what :meth:`state` returned."""
        self.passed = {(tuple(tasks), tuple(layers)) for tasks, layers in state["passed"]}
        self.off = set(state["off"])
        self.notes = list(state["notes"])

    def passed_by(self, tasks: Sequence[str], layers: Sequence[Layer]) -> bool:
        """Return whether these layers have agreed for these tasks."""
        return (tuple(tasks), tuple(layer.name for layer in layers)) in self.passed

    def compare(
        self,
        tasks: Sequence[str],
        layers: Sequence[Layer],
        deltas: Mapping[str, Deltas],
        plain: Mapping[str, Mapping[str, Tensor]],
    ) -> bool:
        """Compare products and gradients with plain ones; remember the outcome.

        Args:
            tasks: their names.
            layers: the layers.
            deltas: for each task the gradients of the layers' outputs.
            plain: for each task the gradients of the weights by name.

        Returns:
            Whether all layers agree.
        """
        differing: dict[str, float] = {}
        for place, layer in enumerate(layers):
            rows = [plain[task][layer.name] for task in tasks]
            found = [deltas[task][place] for task in tasks]
            gap = _gap(layer, rows, found)
            if not gap <= _tolerance(layer.weight):
                differing[layer.name] = gap
        if differing:
            self.off |= set(differing)
            name, gap = max(differing.items(), key=lambda item: item[1])
            self.notes.append(
                f"The hybrid Gramian is off for {len(differing)} of {len(layers)} layers, whose "
                f"gradients differ from plain ones (by {gap:.1e} of their length for '{name}'); "
                "they get a gradient for each task."
            )
            return False
        self.passed.add((tuple(tasks), tuple(layer.name for layer in layers)))
        return True


def _gap(layer: Layer, rows: Sequence[Tensor], deltas: Deltas) -> float:
    """Return the largest difference between plain and hybrid, relative to the rows' lengths."""
    plain = gramian([[row] for row in rows])
    lengths = plain.diag().sqrt()
    scale = torch.where(lengths > 0.0, lengths, lengths.max().clamp(min=1e-300))
    products = (plain - layer.products(deltas)).abs() / scale[:, None] / scale
    missed = [
        (row if delta is None else row - layer.gradient(delta)).norm().double()
        for row, delta in zip(rows, deltas, strict=True)
    ]
    # unlike Python's, torch's maximum does not lose a NaN
    return float(torch.cat([products.flatten(), torch.stack(missed) / scale]).max())


def _tolerance(weight: Tensor) -> float:
    """Return how far rounding may lead apart; TF32 keeps 10 bits."""
    if weight.dtype == torch.float64:
        return 1e-10
    backends = torch.backends
    rough = weight.is_cuda and (backends.cuda.matmul.allow_tf32 or backends.cudnn.allow_tf32)
    return 2e-2 if rough else 1e-4
