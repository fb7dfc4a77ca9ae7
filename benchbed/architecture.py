"""The architecture contract: a network for a set of tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from benchbed.backbone import Backbone
from benchbed.dataset import Input
from benchbed.errors import ContractError
from benchbed.task import Task


def no_backbone() -> Backbone:
    """Refuse: the architecture's Spec names no backbone."""
    raise ContractError(
        "This architecture asked for a backbone but its Spec has no option with backbone=True."
    )


@dataclass(frozen=True, slots=True)
class BuildContext:
    """What an architecture is built for.

    Attributes:
        tasks: the tasks by name, in the protocol's order; ``tasks[name].channels`` is the number of
            outputs, ``tasks[name].target.shape`` is ``()`` for one prediction a sample and
            ``(H, W)`` for a map.
        input: shape and range of the input.
        backbone: makes a new backbone, as often as it is called.
    """

    tasks: Mapping[str, Task]
    input: Input
    backbone: Callable[[], Backbone] = field(default=no_backbone)


class Architecture(nn.Module):
    """A network for a set of tasks.

    A plugin extends it with ``__init__(self, context, **options)`` and ``forward``. It declares no
    partition of its parameters: which are shared is read off the autograd graph.
    """

    def __init__(self, context: BuildContext) -> None:
        super().__init__()
        self.context = context

    @classmethod
    def build(cls, context: BuildContext, **options: Any) -> Architecture:
        """Return the network. Override it only where a factory is needed."""
        return cls(context, **options)

    def forward(self, x: Tensor, tasks: Sequence[str]) -> dict[str, Tensor]:
        """Return the output of each named task.

        Args:
            x: a batch of inputs, ``(N, *context.input.shape)``.
            tasks: names of the tasks wanted; no other need be computed.

        Returns:
            ``{"seg": tensor, …}``, each ``(N, channels, …)``.
        """
        raise NotImplementedError(f"{type(self).__name__} must define forward(x, tasks).")


def check_network(network: object, source: str) -> Architecture:
    """Return what ``build`` returned.

    Raises:
        ContractError: it is no Architecture.
    """
    if not isinstance(network, Architecture):
        raise ContractError(
            f"{source}.build must return a benchbed.Architecture, not {type(network).__name__}."
        )
    return network


def check_outputs(
    network: Architecture, outputs: object, tasks: Mapping[str, Task], batch: int
) -> dict[str, Tensor]:
    """Return what ``forward`` returned.

    Raises:
        ContractError: an output is missing, or has the wrong batch size or number of channels.
    """
    name = f"{type(network).__name__}.forward"
    if not isinstance(outputs, dict):
        raise ContractError(f"{name} must return a dict of outputs by task name.")
    for key, task in tasks.items():
        output = outputs.get(key)
        if not isinstance(output, Tensor):
            raise ContractError(f"{name} returned no output for task '{key}'.")
        if output.dim() < 2 or output.shape[0] != batch or output.shape[1] != task.channels:
            raise ContractError(
                f"{name}: the output of '{key}' must have shape ({batch}, {task.channels}, …), "
                f"got {tuple(output.shape)}."
            )
    return outputs
