"""Weighting strategies in anyone's own training loop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from benchbed.engine.combination import gramian
from benchbed.engine.gradients import Backward
from benchbed.engine.strategy import Strategy, build_strategy
from benchbed.errors import BenchbedError
from benchbed.method import resolve_weighting
from benchbed.registry import discover
from benchbed.weighting import WeightingContext, check_weights

if TYPE_CHECKING:
    from collections.abc import Sequence


def make_weighting(name: str, tasks: Sequence[str], *, regression: Iterable[str] = ()) -> Strategy:
    """Return a weighting strategy by its name in methods (``"dwa:T=2"``), for :func:`backward`.

    Its state is in its ``state_dict``; give ``parameters()`` to an optimiser without weight decay,
    and call ``epoch(info)`` when an epoch begins.

    Args:
        name: the weighting with its options.
        tasks: names of the tasks.
        regression: those whose loss is a regression loss.

    Raises:
        MethodError, PluginError: there is none, or an option is wrong.
    """
    components = resolve_weighting(name, discover(), tasks)
    return build_strategy(components, WeightingContext(tuple(tasks), frozenset(regression)))


def backward(
    losses: Mapping[str, Tensor], model: nn.Module, weighting: str | Strategy
) -> Tensor | None:
    """Differentiate the tasks' losses under a weighting strategy, adding to ``.grad``.

    Use it where ``total_loss.backward()`` would stand.

    Args:
        losses: a scalar tensor for each task, none of them detached or shared.
        model: its trainable parameters get gradients.
        weighting: a strategy made by :func:`make_weighting`; or a name, for strategies that keep
            nothing from step to step.

    Returns:
        The weights, ``(T,)``, at Gramian level; else ``None``.

    Raises:
        BenchbedError: a loss is no finite scalar with a graph, nothing is shared, or a strategy
            that keeps state was given by name.
    """
    _require_losses(losses)
    if isinstance(weighting, str):
        strategy = make_weighting(weighting, list(losses))
        if strategy.state_dict():
            raise BenchbedError(
                f"'{weighting}' keeps state from step to step: make it once with "
                f"benchbed.make_weighting('{weighting}', {list(losses)}) and give that."
            )
    else:
        strategy = weighting
    return Backward(strategy, model)(losses)


def aggregate(
    weighting: str, jacobian: Tensor, *, return_weights: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """Return the vector that a strategy would step along, from the tasks' gradients.

    Args:
        weighting: a name such as ``"mgda"``.
        jacobian: one task's gradient a row, ``(T, d)``.
        return_weights: return ``(direction, weights)``.

    Returns:
        The direction, ``(d,)``; and the weights, ``(T,)``.

    Raises:
        BenchbedError: the Jacobian is no finite matrix of real numbers, or the strategy looks at
            losses rather than gradients.
    """
    if jacobian.dim() != 2 or not jacobian.numel() or not jacobian.is_floating_point():
        raise BenchbedError(
            "aggregate wants a (T, d) matrix of floating-point gradients, got "
            f"{tuple(jacobian.shape)} {jacobian.dtype}."
        )
    if not bool(torch.isfinite(jacobian).all()):
        raise BenchbedError("aggregate wants finite gradients; a row holds NaN or infinity.")
    names = [str(i) for i in range(len(jacobian))]
    strategy = make_weighting(weighting, names)
    last = strategy.last
    if last.level == "loss" or len(strategy.members) > 1:
        raise BenchbedError(
            f"'{weighting}' decides from losses, not from gradients; use benchbed.backward."
        )
    if last.batches > 1:
        raise BenchbedError(
            f"'{weighting}' weighs over {last.batches} mini-batches, so one Jacobian is not enough."
        )
    losses = dict.fromkeys(names, jacobian.new_ones(()))
    if last.level == "jacobian":
        if return_weights:
            raise BenchbedError(f"'{weighting}' works on single entries and has no weights.")
        return last.direction({"jacobian": jacobian}, losses)["jacobian"]
    weights = check_weights(
        last, last.weights(gramian([[row] for row in jacobian]), losses), len(names)
    )
    weights = weights.to(jacobian)
    direction = weights @ jacobian
    return (direction, weights) if return_weights else direction


def _require_losses(losses: Mapping[str, Tensor]) -> None:
    if not losses:
        raise BenchbedError("backward wants the losses of at least one task.")
    for name, loss in losses.items():
        if not isinstance(loss, Tensor) or loss.dim() != 0:
            raise BenchbedError(f"backward: the loss of '{name}' must be a scalar tensor.")
        if not loss.requires_grad:
            raise BenchbedError(
                f"backward: the loss of '{name}' is detached, so it has no gradient."
            )
        if not bool(torch.isfinite(loss.detach())):
            raise BenchbedError(f"backward: the loss of '{name}' is {loss.item()}.")
