"""Which layers of a network the hybrid Gramian is for.

Layers are read off the autograd graph, not off modules: what counts is that a weight enters the
graph in one place, at a convolution or matrix product of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge

from benchbed.engine.hybrid import Layer


class _Kind(NamedTuple):
    """A node of the graph that multiplies by a weight."""

    place: int
    """Of the weight among its inputs."""
    saved: str
    """Its name for what it was given."""


_CONVOLUTION: Final = "ConvolutionBackward0"
_ADDMM: Final = "AddmmBackward0"
_KINDS: Final = {
    _CONVOLUTION: _Kind(1, "input"),
    _ADDMM: _Kind(2, "mat1"),
    "MmBackward0": _Kind(1, "self"),
}
_TRANSPOSED: Final = "TBackward0"
"""Stands between a linear layer's weight and the matrix product with it."""
_PRECISE: Final = {torch.float32, torch.float64}

_Edge = tuple[Any, int]
"""A node, and the place among its inputs."""


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
        node = _multiplied_at(leading[0], edges, users)
        if node is None:
            continue
        candidates.add(name)
        if len(leading) > 1 or name in skipped or weight._backward_hooks:
            continue
        layer = _layer(name, weight, node)
        if layer is not None and layer.pays(len(losses)):
            layers.append(layer)
    return layers, candidates


def _multiplied_at(
    edge: _Edge, edges: Mapping[int, list[_Edge]], users: Counter[Any]
) -> Any | None:
    """Return the node that multiplies by the weight that an edge leads to, if it is such a node."""
    node, place = edge
    transposed = node.name() == _TRANSPOSED and users[node] == 1
    if transposed:
        ((node, place),) = edges[id(node)]
    convolution = node.name() == _CONVOLUTION
    # a linear layer's weight is transposed once, a convolution's never
    if transposed == convolution:
        return None
    kind = _KINDS.get(node.name())
    if kind is None or kind.place != place:
        return None
    return node


def _layer(name: str, weight: nn.Parameter, node: Any) -> Layer | None:
    """Return the layer of a node, unless something about it is out of the ordinary."""
    saved = _KINDS[node.name()].saved
    if getattr(node, f"_raw_saved_{saved}").unpack_hook is not None:
        return None
    given: Tensor = getattr(node, f"_saved_{saved}")
    if given is None or given.dtype != weight.dtype or weight.dtype not in _PRECISE:
        return None
    if given.layout != torch.strided or given.is_complex():
        return None
    output = GradientEdge(node, 0)
    if node.name() == _CONVOLUTION:
        return _convolution(name, weight, node, output, given)
    if node.name() == _ADDMM and (node._saved_alpha, node._saved_beta) != (1, 1):
        return None
    return Layer(name, weight, output, given.detach())


def _convolution(
    name: str, weight: nn.Parameter, node: Any, output: GradientEdge, given: Tensor
) -> Layer | None:
    if node._saved_transposed or node._saved_groups != 1 or weight.dim() not in {3, 4}:
        return None
    dimensions = weight.dim() - 2
    stride = _by_dimension(node._saved_stride, dimensions)
    padding = _by_dimension(node._saved_padding, dimensions)
    dilation = _by_dimension(node._saved_dilation, dimensions)
    return Layer(name, weight, output, given.detach(), stride, padding, dilation)


def _by_dimension(numbers: Iterable[int], dimensions: int) -> tuple[int, ...]:
    """Return a number a dimension; torch keeps one for all where they were given as one."""
    found = tuple(numbers)
    return found * dimensions if len(found) == 1 else found


def _edges(losses: Iterable[Tensor]) -> tuple[dict[int, list[_Edge]], Counter[Any]]:
    """Return the edges that lead to each leaf or transposition, and how many lead to each node."""
    waiting = [loss.grad_fn for loss in losses if loss.grad_fn is not None]
    seen = set(waiting)
    edges: dict[int, list[_Edge]] = {}
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
            elif following.name() == _TRANSPOSED:
                edges.setdefault(id(following), []).append((node, place))
            if following not in seen:
                seen.add(following)
                waiting.append(following)
    return edges, users
