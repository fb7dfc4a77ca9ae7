"""The architecture contract: a network for a set of tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from benchbed.basics.errors import ContractError
from benchbed.contracts.backbone import Backbone
from benchbed.contracts.dataset import Input
from benchbed.contracts.task import Task


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


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of training.

    Attributes:
        until: the share of training at which it ends, in (0, 1]; boundaries fall on whole updates.
        tasks: the tasks that are trained; all when ``None``.
        lr: factor of the protocol's learning rate.
        fresh_optimizer: the optimiser's state is dropped when the phase begins.
        fresh_weighting: the weighting strategy begins anew when the phase begins, as in a new run:
            as it was made, and it is told of epochs and losses from the one that the phase begins
            in.
    """

    until: float = 1.0
    tasks: Sequence[str] | None = None
    lr: float = 1.0
    fresh_optimizer: bool = False
    fresh_weighting: bool = False


class Architecture(nn.Module):
    """A network for a set of tasks.

    A plugin extends it with ``__init__(self, context, **options)`` and ``forward``; the other
    methods are for networks that need them. It declares no partition of its parameters: which are
    shared is read off the autograd graph.

    Attributes:
        execution: ``joint``: one forward pass for all tasks and one update a mini-batch.
            ``single-tasking``: for each mini-batch the tasks in their order, forward pass, backward
            pass and update for each, which moves only what the task used (K.-K. Maninis et al.,
            CVPR 2019). Its Spec then has the trait ``single-tasking``.
        channels_last: on a CPU, networks that read images are brought to the memory format
            channels_last, which is faster; there ``view`` fails where ``reshape`` and ``flatten``
            do not. Set it to ``False`` for a network that must have the contiguous format.
    """

    execution: ClassVar[Literal["joint", "single-tasking"]] = "joint"
    channels_last: ClassVar[bool] = True

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
            ``{"seg": tensor, …}``, each ``(N, channels, …)``. In training there may be more:
            ``"seg@initial"`` is scored by the loss of ``seg`` once more (deep supervision) and
            added to it; names that begin with ``@`` are for inspection and are not scored.
        """
        raise NotImplementedError(f"{type(self).__name__} must define forward(x, tasks).")

    def phases(self) -> Sequence[Phase]:
        """Return the phases of training, in order; the last one ends at 1."""
        return [Phase()]

    def set_phase(self, index: int) -> None:
        """Switch the network to a phase, also back to an earlier one.

        Called at every phase's start, again on resume, and when an earlier epoch is scored; on the
        moving average as on the network.
        """

    def enter_phase(self, index: int, generator: torch.Generator) -> Iterable[nn.Module]:
        """Re-initialise modules when a phase begins; called once, never on resume.

        Args:
            index: of the phase that begins, from 1 (nothing is entered at the start).
            generator: seeded by the run's seed and the phase; draw new weights from it.

        Returns:
            The modules that were re-initialised; the optimiser's state for them is dropped, and
            the moving average starts anew from them.
        """
        return []

    def auxiliary(
        self,
        outputs: Mapping[str, Tensor],
        losses: Mapping[str, Tensor],
        targets: Mapping[str, Tensor],
        progress: float,
    ) -> Mapping[str | None, Tensor]:
        """Return losses besides the tasks' own.

        Args:
            outputs: what ``forward`` returned, with its graph.
            losses: the scalar loss of each task in this step, with its graph, unweighted; it may
                be differentiated with ``create_graph=True``.
            targets: of the tasks.
            progress: the share of training that is done, in [0, 1).

        Returns:
            Scalars keyed by a task (part of that task's loss, before weighting) or by ``None``
            (its gradient is added after weighting, unweighted).
        """
        return {}

    def auxiliary_parameters(self) -> Iterable[nn.Parameter]:
        """Return parameters that only training needs, such as a discriminator's.

        They are counted apart and never shared. Under weightings of the Gramian and Jacobian level
        they get the sum of their plain gradients; under the loss level those of the weighted loss,
        of which the auxiliary losses of a task are a part.
        """
        return []

    def param_groups(self, lr: float) -> Sequence[Mapping[str, Any]] | None:
        """Return groups of parameters with learning rates of their own, or ``None``.

        Args:
            lr: the protocol's learning rate.

        Returns:
            ``[{"params": […], "lr": lr / 10}, …]``, optionally with a ``"name"``; parameters in no
            group keep the protocol's rate. The record shows the factors.
        """
        return None

    def representation(self) -> Tensor | None:
        """Return the last forward pass's shared representation, if there is a single one."""
        return None

    def last_shared(self) -> Iterable[nn.Parameter] | None:
        """Return the parameters of the last layer that all tasks share, if there is one."""
        return None

    def combine(self, outputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Return the outputs to be scored at evaluation, from those of all tasks."""
        return outputs


def constructor(cls: type[Architecture]) -> Callable[..., Any]:
    """Return what builds a network and shows its options: the class, or its own ``build``."""
    # the class itself where it may be: its signature shows the options, build's only **options
    build: Any = cls.build
    plain: Any = Architecture.build
    return cls if build.__func__ is plain.__func__ else build


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


def check_phases(network: Architecture, tasks: Sequence[str]) -> list[Phase]:
    """Return the network's phases.

    Raises:
        ContractError: they do not end at 1, are out of order, or name a task that is not there.
    """
    name = f"{type(network).__name__}.phases"
    phases = list(network.phases())
    ends = [phase.until for phase in phases]
    rises = bool(ends) and ends[0] > 0 and ends == sorted(set(ends))
    if not rises or ends[-1] != 1.0:
        raise ContractError(
            f"{name}() must return phases whose 'until' rises to 1 at last, got {ends}."
        )
    for phase in phases:
        active = tasks if phase.tasks is None else list(phase.tasks)
        unknown = [task for task in active if task not in tasks]
        if unknown or not active:
            raise ContractError(
                f"{name}(): a phase must train at least one of {', '.join(tasks)}, "
                f"got {', '.join(active) or 'none'}."
            )
        if phase.lr <= 0:
            raise ContractError(f"{name}(): a phase's learning-rate factor must be above 0.")
    return phases


def check_execution(network: Architecture, traits: Iterable[str] | None) -> None:
    """Refuse a network whose execution and Spec disagree.

    Raises:
        ContractError: the trait ``single-tasking`` is missing or should not be there.
    """
    name = type(network).__name__
    if network.execution not in {"joint", "single-tasking"}:
        raise ContractError(f"{name}.execution must be 'joint' or 'single-tasking'.")
    if traits is None:
        return
    single_tasking = network.execution == "single-tasking"
    if single_tasking != ("single-tasking" in traits):
        have = "have" if single_tasking else "not have"
        raise ContractError(
            f"{name}.execution is '{network.execution}', so its Spec must {have} the trait "
            "'single-tasking'."
        )


def check_outputs(
    network: Architecture, outputs: object, tasks: Mapping[str, Task], batch: int
) -> dict[str, Tensor]:
    """Return what ``forward`` returned.

    Args:
        network: for messages.
        outputs: ``{task: (batch, channels, …)}``, if the network keeps its contract.
        tasks: those asked for, by name.
        batch: number of samples.

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
