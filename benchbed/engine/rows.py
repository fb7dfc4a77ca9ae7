"""The tasks' gradients of one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from benchbed.basics.errors import ContractError
from benchbed.engine.combination import gramian
from benchbed.engine.hybrid import Deltas, Layer
from benchbed.engine.sharing import Partition

Group = dict[str, list[Tensor]]
"""For each task gradients of the same kind."""


@dataclass(slots=True)
class Rows:
    """The tasks' gradients, as lists in the order of their partition.

    Attributes:
        split: which parameters they belong to.
        direct: the shared parameters whose gradients are here, by name; all but the layers'.
        shared: for each task the gradients of the direct parameters.
        own: for each task those of its own parameters.
        training_only: for each task those of the auxiliary parameters.
        feature: for each task the gradient of the representation, where that is what counts.
        layers: those that have the gradients of their outputs instead of their weights'.
        deltas: for each task the gradients of the layers' outputs.
    """

    split: Partition
    direct: dict[str, nn.Parameter]
    shared: Group = field(default_factory=dict)
    own: Group = field(default_factory=dict)
    training_only: Group = field(default_factory=dict)
    feature: dict[str, Tensor] = field(default_factory=dict)
    layers: Sequence[Layer] = ()
    deltas: dict[str, Deltas] = field(default_factory=dict)

    def groups(self) -> list[Group]:
        """Return all gradients by kind."""
        return [self.shared, self.own, self.training_only]

    def names(self) -> tuple[list[str], dict[str, list[str]]]:
        """Return the names of the parameters that gradients are here of."""
        return list(self.direct), {task: list(own) for task, own in self.split.own.items()}

    def named(self, task: str) -> dict[str, Tensor]:
        """Return a task's gradients of the direct parameters, by the parameters' names."""
        return dict(zip(self.direct, self.shared[task], strict=True))

    def jacobian(self, tasks: Sequence[str]) -> dict[str, Tensor]:
        """Return by parameter its gradient under each task, ``(T, *shape)``.

        Where gradients were taken at the representation, it stands alone for all parameters.
        """
        if self.feature:
            features = [self.feature[task] for task in tasks]
            return {"representation": torch.stack(features)}
        by_parameter = zip(*[self.shared[task] for task in tasks], strict=True)
        return dict(zip(self.direct, map(torch.stack, by_parameter), strict=True))

    def outputs(self, place: int, tasks: Sequence[str]) -> Deltas:
        """Return the gradients of one layer's output, by the layer's place in ``layers``."""
        return [self.deltas[task][place] for task in tasks]

    def copy(self) -> Rows:
        """Return gradients that no other tensor shares memory with."""
        shared, own, training_only = map(_cloned, self.groups())
        return Rows(self.split, self.direct, shared, own, training_only, self.feature)

    def add(self, other: Rows) -> None:
        """Add another micro-batch's gradients of the same tasks.

        Raises:
            ContractError: they are of other parameters.
        """
        if self.names() != other.names():
            raise ContractError(
                "Micro-batches that are accumulated must reach the same parameters; a network that "
                "leaves some out at times cannot accumulate."
            )
        for mine, theirs in zip(self.groups(), other.groups(), strict=True):
            for task, gradients in mine.items():
                if gradients:
                    torch._foreach_add_(gradients, theirs[task])

    def scale(self, factors: Mapping[str, float]) -> None:
        """Multiply each task's gradients by its factor; drop the tasks that have none."""
        for group in self.groups():
            for task in list(group):
                if task not in factors:
                    del group[task]
                elif group[task]:
                    torch._foreach_mul_(group[task], factors[task])

    def products(self, tasks: Sequence[str], *, exact: bool = False) -> Tensor:
        """Return G = J·Jᵀ over all shared parameters, ``(T, T)``, float64.

        Args:
            tasks: whose gradients.
            exact: bring all factors to float64 before they are multiplied.
        """
        device = next(iter(self.split.shared.values())).device
        direct = [in_float64(self.shared[task], wanted=exact) for task in tasks]
        total = gramian(direct, device)
        for place, layer in enumerate(self.layers):
            deltas = self.outputs(place, tasks)
            total += layer.exact_products(deltas) if exact else layer.products(deltas)
        return total


def _cloned(group: Group) -> Group:
    copies: Group = {}
    for task, gradients in group.items():
        copies[task] = [gradient.clone() for gradient in gradients]
    return copies


def in_float64(gradients: Sequence[Tensor], *, wanted: bool = True) -> Sequence[Tensor]:
    """Return gradients in float64, if that is wanted."""
    return [gradient.double() for gradient in gradients] if wanted else gradients
