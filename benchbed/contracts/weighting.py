"""The weighting contract: tasks' losses or gradients into one update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from benchbed.basics.errors import ContractError
from benchbed.contracts.shapes import shape_or_type

Level = Literal["loss", "gramian", "jacobian"]
Heads = Literal["own", "weighted"]


@dataclass(frozen=True, slots=True)
class WeightingContext:
    """What a weighting strategy is made for.

    Attributes:
        tasks: names of the tasks, in order.
        regression: those whose loss is a regression loss.
    """

    tasks: Sequence[str]
    regression: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class EpochInfo:
    """What a strategy may know when an epoch begins.

    Attributes:
        epoch: its index, from 0.
        epochs: how many there will be.
        train_losses: for each task the mean training loss of each epoch so far.
        validation_losses: the same on the validation split.
    """

    epoch: int
    epochs: int
    train_losses: Mapping[str, Sequence[float]] = field(default_factory=dict)
    validation_losses: Mapping[str, Sequence[float]] = field(default_factory=dict)


class Weighting(nn.Module):
    """A weighting strategy, at one of three levels; each is given just what it needs.

    A plugin extends it with ``__init__(self, context, **options)`` and defines the method of its
    level. State lives in buffers and parameters, so that a stopped run goes on as if it had not
    been; parameters join the run's optimiser without weight decay, one ``Parameter`` a task (so
    that a step of one task moves no other task's). At the Gramian level all of it stays on the CPU,
    where the Gramian is brought once a step; elsewhere it is on the network's device.

    Attributes:
        level: ``loss`` (:meth:`combine`), ``gramian`` (:meth:`weights`) or ``jacobian``
            (:meth:`direction`).
        heads: what a task's own parameters get under the last two levels: their task's plain
            gradient (``own``) or that times the task's weight (``weighted``). A class states it, or
            its constructor sets it from an option. What else they may get, see
            :meth:`head_weights`.
        sums_to: what the weights sum to, as users read it: ``T``, ``1``, ``free``.
        at: where gradients are taken: ``shared`` (all shared parameters), ``last`` (those of the
            architecture's ``last_shared()``) or ``representation`` (its representation; both only
            where the architecture has one). The update moves all shared parameters either way.
        batches: mini-batches drawn for each update. With b above 1 an epoch has 1/b of the
            updates, and ``weights`` gets the ``(b·T, b·T)`` Gramian of all their gradients, batch
            by batch; its weights apply to the last batch.

    An optimiser of its own that is an attribute of the module steps the module's parameters instead
    of the run's optimiser; its state is in every checkpoint.
    """

    level: ClassVar[Level]
    heads: Heads = "own"
    sums_to: ClassVar[str] = "free"
    at: ClassVar[Literal["shared", "last", "representation"]] = "shared"
    batches: ClassVar[int] = 1

    def __init__(self, context: WeightingContext) -> None:
        super().__init__()
        self.context = context

    def transform(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return each task's loss as it is to be weighed, a function of its own loss alone.

        At loss level these are the terms of the sum: strategies that define it carry the trait
        ``additive``, may stand before the dot of a composition (``dwa.gls``), and alone need no
        :meth:`combine`. At the other levels it is optional, and gradients are those of its result.
        """
        raise NotImplementedError(f"{type(self).__name__} must define transform(losses).")

    def combine(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Loss level: return the scalar to differentiate, from the scalar loss of each task."""
        return torch.stack(list(self.transform(losses).values())).sum()

    def weights(self, gramian: Tensor, losses: Mapping[str, Tensor]) -> Tensor:
        """Gramian level: return the weight of each task's gradient.

        Args:
            gramian: G = J·Jᵀ of the gradients of the shared parameters, ``(T, T)``, float64, on
                the CPU, rows in the order of ``losses``. A task without a valid element is in
                neither.
            losses: the scalar loss of each task, detached, on the CPU.

        Returns:
            ``(T,)``, on the CPU; the update of the shared parameters is Σ_t w_t·∇L_t. A step with
            one task is plain training, and the strategy is not asked; so it is with directions.
        """
        raise NotImplementedError(f"{type(self).__name__} must define weights(gramian, losses).")

    def head_weights(self, weights: Tensor) -> Tensor:
        """Gramian level: return what the gradients of tasks' own parameters are multiplied by.

        Args:
            weights: what :meth:`weights` returned in this step, ``(T,)``.

        Returns:
            ``(T,)``, on the CPU; by default what ``heads`` says.
        """
        return weights if self.heads == "weighted" else torch.ones_like(weights)

    def direction(
        self, rows: Mapping[str, Tensor], losses: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Jacobian level: return the gradient to step along.

        Args:
            rows: for each shared parameter by name, its gradient under each task, ``(T, *shape)``.
            losses: the scalar loss of each task, detached.

        Returns:
            For each parameter by name a tensor of the parameter's shape.
        """
        raise NotImplementedError(f"{type(self).__name__} must define direction(rows, losses).")

    def epoch(self, info: EpochInfo) -> None:
        """Be told that an epoch begins."""

    def after_step(self, losses: Mapping[str, Tensor]) -> None:
        """Be told the tasks' losses on the same batch after the update.

        Where a strategy defines it, benchbed runs a second forward pass, without gradients, with
        the same random numbers, and without moving any running statistic.

        Args:
            losses: scalar loss of each task, detached.
        """


_METHODS: Mapping[Level, str] = {
    "loss": "combine",
    "gramian": "weights",
    "jacobian": "direction",
}


def check_weighting(strategy: type[Weighting] | Weighting) -> None:
    """Refuse a strategy without a valid level, or without the method of its level.

    Args:
        strategy: its class, or an object whose constructor may have set ``heads``.

    Raises:
        ContractError: with the name of the class and of the method.
    """
    cls = strategy if isinstance(strategy, type) else type(strategy)
    level: Any = getattr(cls, "level", None)
    if level not in list(_METHODS):
        raise ContractError(
            f"{cls.__name__}.level must be 'loss', 'gramian' or 'jacobian', not {level!r}."
        )
    method = _METHODS[level]
    names = [method, "transform"] if level == "loss" else [method]
    if all(getattr(cls, name) is getattr(Weighting, name) for name in names):
        raise ContractError(f"{cls.__name__} is of level '{level}' and must define {method}().")
    if strategy.heads not in {"own", "weighted"}:
        raise ContractError(f"{cls.__name__}.heads must be 'own' or 'weighted'.")
    if cls.sums_to not in {"T", "1", "free"}:
        raise ContractError(
            f"{cls.__name__}.sums_to must be 'T', '1' or 'free', not {cls.sums_to!r}."
        )
    if cls.at not in {"shared", "last", "representation"}:
        raise ContractError(f"{cls.__name__}.at must be 'shared', 'last' or 'representation'.")
    if not isinstance(cls.batches, int) or cls.batches < 1:
        raise ContractError(f"{cls.__name__}.batches must be a whole number above 0.")
    if cls.at == "last" and level == "jacobian":
        raise ContractError(
            f"{cls.__name__}.at: the level 'jacobian' looks at 'shared' or at the 'representation'."
        )
    if cls.batches > 1:
        _check_several_batches(cls)


def _check_several_batches(cls: type[Weighting]) -> None:
    if cls.at == "representation" or cls.after_step is not Weighting.after_step:
        raise ContractError(
            f"{cls.__name__}: with several batches an update it can neither look at the "
            "representation nor define after_step()."
        )
    if cls.level != "gramian":
        raise ContractError(f"{cls.__name__}: only the level 'gramian' draws several batches.")


def check_weights(
    strategy: Weighting, weights: object, count: int, method: str = "weights"
) -> Tensor:
    """Return what a method of a strategy returned.

    Raises:
        ContractError: it is not a vector of ``count`` finite weights.
    """
    name = f"{type(strategy).__name__}.{method}"
    if not isinstance(weights, Tensor) or tuple(weights.shape) != (count,):
        got = shape_or_type(weights)
        raise ContractError(f"{name} must return a tensor of shape ({count},), got {got}.")
    if not bool(torch.isfinite(weights).all()):
        raise ContractError(f"{name} returned a weight that is not finite: {weights.tolist()}.")
    return weights
