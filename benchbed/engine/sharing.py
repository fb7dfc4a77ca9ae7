"""Which parameters are shared, read off the autograd graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Partition:
    """Trainable parameters by who reaches them, names in the network's order.

    Attributes:
        shared: reached by two losses or more.
        own: reached by one task's loss alone.
        unreached: by none.
    """

    shared: dict[str, nn.Parameter]
    own: dict[str, dict[str, nn.Parameter]]
    unreached: dict[str, nn.Parameter]


def partition(
    losses: Mapping[str, Tensor], parameters: Iterable[tuple[str, nn.Parameter]]
) -> Partition:
    """Split parameters by the tasks whose losses depend on them.

    Args:
        losses: scalar losses (or any outputs) of the tasks, with their graphs alive.
        parameters: named parameters; frozen ones are left out.
    """
    reached = {task: _leaves(loss) for task, loss in losses.items()}
    result = Partition({}, {task: {} for task in losses}, {})
    for name, parameter in parameters:
        if not parameter.requires_grad:
            continue
        tasks = [task for task, leaves in reached.items() if id(parameter) in leaves]
        if len(tasks) > 1:
            result.shared[name] = parameter
        elif tasks:
            result.own[tasks[0]][name] = parameter
        else:
            result.unreached[name] = parameter
    return result


def _leaves(loss: Tensor) -> set[int]:
    """Return the ids of the leaf tensors that ``loss`` depends on."""
    if loss.grad_fn is None:
        return {id(loss)} if loss.requires_grad else set()
    seen = {loss.grad_fn}
    waiting = [loss.grad_fn]
    leaves: set[int] = set()
    while waiting:
        node = waiting.pop()
        leaf = getattr(node, "variable", None)
        if leaf is not None:
            leaves.add(id(leaf))
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                waiting.append(following)
    return leaves
