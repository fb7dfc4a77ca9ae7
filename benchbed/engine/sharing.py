"""Which parameters are shared, read off the autograd graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from benchbed.basics.errors import ContractError


@dataclass(frozen=True, slots=True)
class Partition:
    """Trainable parameters by who reaches them, names in the network's order.

    Attributes:
        shared: reached by two losses or more.
        own: reached by one task's loss alone.
        unreached: by none.
        apart: tasks that reach parameters of their own alone.
    """

    shared: dict[str, nn.Parameter]
    own: dict[str, dict[str, nn.Parameter]]
    unreached: dict[str, nn.Parameter]
    apart: tuple[str, ...] = ()


def partition(
    losses: Mapping[str, Tensor], parameters: Iterable[tuple[str, nn.Parameter]]
) -> Partition:
    """Split parameters by the tasks whose losses depend on them.

    Args:
        losses: scalar losses (or any outputs) of the tasks, with their graphs alive.
        parameters: named parameters; frozen ones are left out.

    Raises:
        ContractError: the graph hides who reaches what: it was compiled as one, or holds reentrant
            checkpoints.
    """
    outputs: _Outputs = {}
    reached = {task: _leaves(task, loss, outputs) for task, loss in losses.items()}
    _refuse_joint_compilation(outputs)
    shared: dict[str, nn.Parameter] = {}
    own: dict[str, dict[str, nn.Parameter]] = {task: {} for task in losses}
    unreached: dict[str, nn.Parameter] = {}
    for name, parameter in parameters:
        if not parameter.requires_grad:
            continue
        tasks = [task for task, leaves in reached.items() if id(parameter) in leaves]
        if len(tasks) > 1:
            shared[name] = parameter
        elif tasks:
            own[tasks[0]][name] = parameter
        else:
            unreached[name] = parameter
    ids = set(map(id, shared.values()))
    apart = tuple(task for task, leaves in reached.items() if not leaves & ids)
    return Partition(shared, own, unreached, apart)


def _refuse_joint_compilation(outputs: _Outputs) -> None:
    """Refuse a compiled function of which tasks use different outputs.

    It is one node of the graph, from which all that it was compiled of is reached.
    """
    for used in outputs.values():
        first, *others = used.values()
        if any(places != first for places in others):
            raise ContractError(
                "The tasks' heads were compiled into one function with what the tasks share, which "
                "hides what they share: apply torch.compile to the shared part and to each head."
            )


def reaches(loss: Tensor, parameters: Iterable[nn.Parameter]) -> bool:
    """Return whether a loss depends on a trainable parameter, as far as its graph tells."""
    try:
        leaves = _leaves("", loss, {})
    except ContractError:
        return True
    return any(id(parameter) in leaves for parameter in parameters if parameter.requires_grad)


_COMPILED = "CompiledFunctionBackward"

_Outputs = dict[Any, dict[str, set[int]]]
"""Of each compiled function those of its outputs that each task's loss uses."""


def _leaves(task: str, loss: Tensor, outputs: _Outputs) -> set[int]:
    """Return the ids of the leaf tensors that ``loss`` depends on.

    Args:
        task: whose loss it is.
        loss: with its graph.
        outputs: added to.
    """
    if loss.grad_fn is None:
        return {id(loss)} if loss.requires_grad else set()
    seen = {loss.grad_fn}
    waiting = [loss.grad_fn]
    leaves: set[int] = set()
    if loss.grad_fn.name() == _COMPILED:
        outputs.setdefault(loss.grad_fn, {}).setdefault(task, set()).add(loss.output_nr)
    while waiting:
        node = waiting.pop()
        if node.name() == "CheckpointFunctionBackward":
            raise ContractError(
                "Reentrant checkpointing hides which parameters the tasks share, and torch refuses "
                "gradients through it: call torch.utils.checkpoint with use_reentrant=False."
            )
        leaf = getattr(node, "variable", None)
        if leaf is not None:
            leaves.add(id(leaf))
        for following, output in node.next_functions:
            if following is not None and following.name() == _COMPILED:
                outputs.setdefault(following, {}).setdefault(task, set()).add(output)
            if following is not None and following not in seen:
                seen.add(following)
                waiting.append(following)
    return leaves
