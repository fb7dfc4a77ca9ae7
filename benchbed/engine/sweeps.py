"""Backward sweeps: the gradients of one task's loss after the other, by one graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from benchbed.basics.errors import ContractError
from benchbed.engine.hybrid import Deltas, Layer
from benchbed.engine.rows import Rows


def fill(
    rows: Rows,
    losses: Mapping[str, Tensor],
    training_only: Sequence[nn.Parameter],
    *,
    feature: Tensor | None = None,
    scale: Tensor | None = None,
    keep: bool = False,
) -> None:
    """Take the gradients of each loss into rows, one sweep a task.

    Args:
        rows: say of what: of the direct parameters, of each task's own, of the layers' outputs.
        losses: scalars with their graphs.
        training_only: auxiliary parameters, whose gradients are taken too.
        feature: the representation, whose gradient is taken too.
        scale: of a GradScaler: gradients are those of the scaled losses.
        keep: keep the graphs alive afterwards.
    """
    points: list[Any] = [layer.output for layer in rows.layers]
    if feature is not None:
        points = [feature]
    hooked: dict[str, Tensor] = {}
    with ExitStack() as hooks:
        for layer in rows.layers:
            hooks.callback(layer.watch(hooked).remove)
        for number, (task, loss) in enumerate(losses.items(), start=1):
            hooked.clear()
            own = list(rows.split.own[task].values())
            parameters = [*rows.direct.values(), *own, *training_only]
            # another sweep follows: of the next task, or from the representation on
            again = keep or feature is not None or number < len(losses)
            found = differentiate(loss, [*parameters, *points], scale, keep=again)
            at_parameters, at_points = found[: len(parameters)], found[len(parameters) :]

            gradients = list(map(_or_zeros, at_parameters, parameters))
            after_shared = len(rows.direct)
            after_own = after_shared + len(own)
            rows.shared[task] = gradients[:after_shared]
            rows.own[task] = gradients[after_shared:after_own]
            rows.training_only[task] = gradients[after_own:]

            if feature is not None:
                rows.feature[task] = _or_zeros(at_points[0], feature)
            else:
                rows.deltas[task] = _given(rows.layers, at_points, hooked)


def _given(layers: Sequence[Layer], outputs: Deltas, hooked: Mapping[str, Tensor]) -> Deltas:
    """Return the gradients that layers were given: of their outputs, unless a hook changed them."""
    pairs = zip(layers, outputs, strict=True)
    return [hooked.get(layer.name, delta) for layer, delta in pairs]


def _or_zeros(gradient: Tensor | None, point: Tensor) -> Tensor:
    """Return a gradient, zeros where the loss does not reach the point."""
    return torch.zeros_like(point) if gradient is None else gradient


def differentiate(
    loss: Tensor, points: Sequence[Any], scale: Tensor | None, *, keep: bool
) -> tuple[Tensor | None, ...]:
    """Return a loss's gradients at points of its graph; ``None`` where it does not reach.

    Raises:
        ContractError: the graph was compiled so that it can be walked once only.
    """
    try:
        return torch.autograd.grad(
            loss, points, grad_outputs=scale, retain_graph=keep, allow_unused=True
        )
    except RuntimeError as error:
        if "donated buffer" not in str(error):
            raise
        raise ContractError(
            "torch.compile lets a compiled backward pass run once only, and each task needs one: "
            "set torch._functorch.config.donated_buffer = False before compiling."
        ) from error
