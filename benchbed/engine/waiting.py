"""Micro-batches that wait for the last one of their batch, in one's own loop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from benchbed.basics.errors import BenchbedError
from benchbed.engine.rows import Rows
from benchbed.engine.strategy import Strategy


@dataclass(slots=True)
class Waiting:
    """What micro-batches have come to so far.

    Attributes:
        rows: the tasks' gradients, added up.
        losses: the tasks' losses, added up.
        batches: how many.
        marked: a parameter with a gradient, which ``zero_grad()`` clears.
        planted: it had none, and was given zeros: they change no sum.
        version: of that gradient.
        stepped: what the parameters' versions add up to.
    """

    rows: Rows
    losses: dict[str, Tensor]
    batches: int
    marked: nn.Parameter
    planted: bool
    version: int
    stepped: int


_WAITING: WeakKeyDictionary[Strategy, Waiting] = WeakKeyDictionary()


def is_waiting(strategy: Strategy) -> bool:
    """Tell whether micro-batches wait."""
    return strategy in _WAITING


def drop_accumulated(strategy: Strategy) -> int:
    """Drop the micro-batches that wait since ``backward(…, accumulate=True)``; return how many.

    ::

        optimizer.zero_grad()
        benchbed.drop_accumulated(strategy)  # the batch that was begun is not finished
    """
    waiting = _WAITING.pop(strategy, None)
    if waiting is None:
        return 0
    if waiting.planted and waiting.marked.grad is not None and not bool(waiting.marked.grad.any()):
        waiting.marked.grad = None
    return waiting.batches


def keep_waiting(
    strategy: Strategy,
    rows: Rows,
    losses: Mapping[str, Tensor],
    before: Waiting | None,
    parameters: Iterable[nn.Parameter],
) -> None:
    """Keep gradients and losses until the next micro-batch; ``before`` are in them already."""
    reached = list(rows.split.shared.values())
    for own in rows.split.own.values():
        reached += own.values()
    marked = min(reached, key=lambda parameter: parameter.numel())
    batches = 1 if before is None else before.batches + 1
    planted = marked.grad is None or (before is not None and before.planted)
    if marked.grad is None:
        marked.grad = torch.zeros_like(marked)
    version, stepped = marked.grad._version, _versions(parameters)
    _WAITING[strategy] = Waiting(rows, dict(losses), batches, marked, planted, version, stepped)


def take_waiting(
    strategy: Strategy, rows: Rows, parameters: Iterable[nn.Parameter]
) -> Waiting | None:
    """Return what waits, if anything does; nothing waits any more, also after an error.

    Args:
        strategy: whose.
        rows: of the micro-batch that is added.
        parameters: the model's.

    Raises:
        BenchbedError: the micro-batches do not belong together.
    """
    waiting = _WAITING.pop(strategy, None)
    if waiting is None:
        return None
    if waiting.rows.names() != rows.names():
        raise BenchbedError(
            "backward: micro-batches that are accumulated must have the same tasks and reach the "
            "same parameters; what waited is dropped."
        )
    if _is_cleared(waiting):
        raise BenchbedError(
            f"backward: zero_grad() was called while {waiting.batches} micro-batches waited, which "
            "it does not clear; they are dropped. Call benchbed.drop_accumulated(strategy) beside "
            "it, or zero_grad() only after the last micro-batch."
        )
    if _versions(parameters) != waiting.stepped:
        raise BenchbedError(
            f"backward: the parameters changed while {waiting.batches} micro-batches waited, whose "
            "gradients are of the earlier ones; they are dropped. Step only after the last one."
        )
    return waiting


def _is_cleared(waiting: Waiting) -> bool:
    """Tell whether a gradient is gone, or was set to zeros."""
    gradient = waiting.marked.grad
    if gradient is None:
        return True
    return gradient._version != waiting.version and not bool(gradient.any())


def _versions(parameters: Iterable[nn.Parameter]) -> int:
    return sum(parameter._version for parameter in parameters)
