"""From the tasks' losses to ``.grad``: plain backward, or exact per-task gradients combined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from benchbed.basics.errors import ContractError
from benchbed.contracts.architecture import Architecture
from benchbed.contracts.weighting import check_weights
from benchbed.engine.combination import (
    accumulate,
    accumulate_reached,
    check_total,
    detached,
    weighted_sum,
)
from benchbed.engine.hybrid import Layer
from benchbed.engine.hybrid_check import Checked
from benchbed.engine.hybrid_search import find_layers
from benchbed.engine.rows import Rows
from benchbed.engine.sharing import Partition, partition
from benchbed.engine.strategy import Strategy
from benchbed.engine.sweeps import fill
from benchbed.engine.view import View
from benchbed.engine.weighing import Weigher

_STRATEGY = "weighting."


class Backward:
    """Adds one update's gradients to ``.grad`` of the parameters of a network and its strategy.

    The partition into shared and own parameters is read off the graph at each call. Make a new
    object in each phase of training: layers of the hybrid Gramian are compared once for each.

    ::

        backward = Backward(strategy, network)
        backward({"seg": seg_loss, "depth": depth_loss})
        optimizer.step()
    """

    def __init__(
        self, strategy: Strategy, model: nn.Module, checked: Checked | None = None
    ) -> None:
        self.strategy = strategy
        self.model = model
        self.view = View(strategy, model)
        self.weigher = Weigher(strategy, self.view)
        self.checked = Checked() if checked is None else checked
        self.parameters: list[tuple[str, nn.Parameter]] = []
        """Those of the network and of the strategy that may be shared, by name."""
        self.training_only: list[nn.Parameter] = []
        """Auxiliary ones that are trained."""
        self.scale: Tensor | None = None
        """Of a GradScaler, where there is one."""
        self.engine = ""
        """How the first update of several tasks was made, for the record."""
        self.sweeps: list[tuple[str, ...]] = []
        """The tasks of each backward pass of the last update."""
        auxiliary: set[int] = set()
        if isinstance(model, Architecture):
            auxiliary.update(map(id, model.auxiliary_parameters()))
        for name, parameter in model.named_parameters():
            if id(parameter) not in auxiliary:
                self.parameters.append((name, parameter))
            elif parameter.requires_grad:
                self.training_only.append(parameter)
        self.parameters += [(f"{_STRATEGY}{name}", p) for name, p in strategy.named_parameters()]

    def __call__(
        self, losses: Mapping[str, Tensor], free: Tensor | None = None, *, slopes: bool = False
    ) -> Tensor | None:
        """Differentiate the losses of one batch.

        Args:
            losses: the scalar loss of each task that has a valid element, as separate tensors.
            free: a loss that no task owns; its gradient is added unweighted.
            slopes: at loss level return ∂(combined loss)/∂L_t, which is what a task weighs there,
                where there are several tasks.

        Returns:
            The weights at Gramian level, and at loss level where asked for, ``(T,)``; else
            ``None``.

        Raises:
            ContractError: no parameter is shared, or the strategy returned something wrong.
            NonFiniteLossError: a task's gradient is infinite or NaN.
        """
        if not losses:
            _differentiate_free(free)
            return None
        given = list(losses.values())
        losses = self.strategy.transform(losses)
        last = self.strategy.last
        if last.level == "loss" or len(losses) == 1:
            return self._as_one(losses, given, free, slopes=slopes)
        if last.batches > 1:
            raise ContractError(
                f"{type(last).__name__} weighs over {last.batches} mini-batches, and got one; such "
                "strategies work in benchbed's own training only."
            )
        # the free loss is differentiated last, by the same graph
        keep = free is not None
        if last.level == "gramian" and last.at == "last":
            weights = self._at_last(losses, keep=keep)
        else:
            feature = self.view.representation()
            rows = self._rows(losses, feature, keep=keep)
            weights = self._decide([rows], detached(losses), feature, keep=keep)
        _differentiate_free(free)
        return weights

    def _as_one(
        self,
        losses: Mapping[str, Tensor],
        given: Sequence[Tensor],
        free: Tensor | None,
        *,
        slopes: bool,
    ) -> Tensor | None:
        """Differentiate one scalar: what the strategy combines, or the loss of the only task."""
        last = self.strategy.last
        total = last.combine(losses) if last.level == "loss" else next(iter(losses.values()))
        check_total(total, type(last).__name__)
        self.sweeps = [tuple(losses)]
        weights = _slopes(total, given) if slopes and len(given) > 1 else None
        if free is not None:
            total = total + free
        total.backward(self.scale)  # type: ignore[no-untyped-call]
        return weights

    def _rows(self, losses: Mapping[str, Tensor], feature: Tensor | None, *, keep: bool) -> Rows:
        """Return the gradients of each loss, those of qualifying layers by the hybrid Gramian."""
        last = self.strategy.last
        if last.level != "gramian" or last.at != "shared":
            return self.sweep(losses, feature=feature, keep=keep)
        split = self.partition(losses)
        layers, candidates = find_layers(losses, split.shared, skip=self.checked.off)
        if not layers:
            return self.sweep(losses, keep=keep, split=split)
        tasks = tuple(losses)
        how = f"{len(tasks)} sweeps, hybrid Gramian for {len(layers)} of {len(candidates)} layers"
        if "hybrid" in self.engine:
            how = self.engine
        if self.checked.passed_by(tasks, layers):
            self.engine = how
            return self.sweep(losses, layers=layers, keep=keep, split=split)
        # these layers' first time: both ways, by one graph, and the plain way counts
        plain = self.sweep(losses, keep=True, split=split)
        hybrid = self.sweep(losses, layers=layers, keep=keep, split=split)
        if self.checked.compare(tasks, hybrid, plain):
            self.engine = how
        return plain

    def sweep(
        self,
        losses: Mapping[str, Tensor],
        *,
        feature: Tensor | None = None,
        layers: Sequence[Layer] = (),
        only: Sequence[nn.Parameter] | None = None,
        keep: bool = False,
        split: Partition | None = None,
    ) -> Rows:
        """Return the gradients of each loss, one sweep a task.

        Args:
            losses: scalars with their graphs.
            feature: the representation: gradients stop there instead of at shared parameters.
            layers: those whose outputs' gradients are wanted instead of their weights'.
            only: the shared parameters whose gradients are wanted; all by default.
            keep: keep the graphs alive afterwards.
            split: who reaches what, where it is not read off the graph of what strategies see.
        """
        split = split or self.partition(losses)
        if len(losses) > 1 and not self.engine:
            self.engine = f"{len(losses)} sweeps"
        if feature is not None or only is not None:
            # one more pass, for all tasks, then reaches the rest of what is shared
            self.sweeps = [tuple(losses)]
        else:
            self.sweeps = [(task,) for task in losses]
        direct: dict[str, nn.Parameter] = {}
        if feature is None:
            direct = _direct(split.shared, layers, only)
        rows = Rows(split, direct, layers=layers)
        fill(rows, losses, self.training_only, feature=feature, scale=self.scale, keep=keep)
        return rows

    def decide_over_batches(
        self, batches: Sequence[Rows], losses: Mapping[str, Tensor]
    ) -> Tensor | None:
        """Weigh once over several mini-batches' gradients; the update is along the last one's."""
        return self._decide(batches, losses, None)

    def decide_accumulated(
        self, rows: Rows, losses: Mapping[str, Tensor], free: Sequence[Tensor | None]
    ) -> Tensor | None:
        """Weigh once over gradients added up from micro-batches, at any level.

        The graphs are gone by then, so what the strategy makes of the mean losses is
        differentiated by them alone, and rows are multiplied by these slopes (the chain rule).

        Args:
            rows: gradients of the tasks' mean losses over all micro-batches.
            losses: those mean losses, detached.
            free: gradients of the loss that no task owns, by trainable parameter; may be empty.
        """
        leaves = {task: loss.detach().requires_grad_() for task, loss in losses.items()}
        terms = self.strategy.transform(leaves)
        last = self.strategy.last
        if last.level == "loss":
            total = last.combine(terms)
            check_total(total, type(last).__name__)
        else:
            total = torch.stack(list(terms.values())).sum()
        if total.requires_grad:
            # also gives the strategy's own parameters their gradients
            total.backward(self.scale)  # type: ignore[no-untyped-call]
        rows.scale({task: self._slope(leaf) for task, leaf in leaves.items()})
        if free:
            accumulate_reached(self._trained(), free)
        if last.level == "loss" or len(losses) == 1:
            ones = dict.fromkeys(losses, 1.0)
            self._add_shared(rows, ones)
            self._add_own(rows, ones)
            return None
        return self._decide([rows], detached(terms), None)

    def _slope(self, leaf: Tensor) -> float:
        """Return the derivative that a mean loss got, 1 where the strategy left it as it is."""
        if leaf.grad is None:
            return 1.0
        scale = 1.0 if self.scale is None else float(self.scale)
        return float(leaf.grad) / scale

    def free_gradients(self, free: Tensor | None) -> list[Tensor | None]:
        """Return the gradients of a loss that no task owns, by trainable parameter."""
        if free is None:
            return []
        return list(
            torch.autograd.grad(free, self._trained(), allow_unused=True, retain_graph=True)
        )

    def partition(self, losses: Mapping[str, Tensor]) -> Partition:
        """Return which parameters are shared between the losses.

        Raises:
            ContractError: none are, and there are several losses.
        """
        found = partition(losses, self.parameters)
        last = self.strategy.last
        if len(losses) < 2 or last.level == "loss":
            return found
        if not found.shared:
            raise ContractError(
                f"No trainable parameter is shared by the losses of {', '.join(losses)}, so "
                f"{type(last).__name__} has nothing to balance: use a loss-level "
                "weighting such as 'equal', or unfreeze the shared part."
            )
        if found.apart:
            raise ContractError(
                f"The loss of '{found.apart[0]}' reaches no trainable parameter that another task "
                f"shares, so {type(last).__name__} would weigh a zero gradient: "
                "differentiate it by itself, or use a loss-level weighting such as 'equal'."
            )
        return found

    def _trained(self) -> list[nn.Parameter]:
        return [p for _, p in self.parameters if p.requires_grad] + self.training_only

    def _decide(
        self,
        batches: Sequence[Rows],
        losses: Mapping[str, Tensor],
        feature: Tensor | None,
        *,
        keep: bool = False,
    ) -> Tensor | None:
        """Ask the strategy, and add what it decides to ``.grad``; return its weights, if any."""
        rows = batches[-1]
        weights: Tensor | None = None
        direction: Sequence[Tensor] | None = None
        factors = dict.fromkeys(losses, 1.0)
        if self.strategy.last.level == "gramian":
            weights, factors = self.weigher.weights(batches, losses, self.scale)
        else:
            direction = self.weigher.direction(rows, losses, self.scale)
        if feature is not None:
            if direction is None:
                features = [[rows.feature[task]] for task in factors]
                direction = weighted_sum(features, list(factors.values()))
            self._add_through(feature, direction[0], rows.split, keep=keep)
        elif direction is not None:
            accumulate(list(rows.direct.values()), direction)
        else:
            self._add_shared(rows, factors)
        self._add_own(rows, self._head_factors(losses, weights))
        return weights

    def _at_last(self, losses: Mapping[str, Tensor], *, keep: bool) -> Tensor | None:
        """Weigh by gradients of the last shared layer; one sweep more moves all that is shared."""
        split = self.partition(losses)
        self.engine = f"{len(losses)} sweeps to the last shared layer, one through the trunk"
        rows = self.sweep(losses, only=self.view.last_layer(split), keep=True, split=split)
        weights, factors = self.weigher.weights([rows], detached(losses), self.scale)
        terms = [factor * losses[task] for task, factor in factors.items()]
        shared = list(split.shared.values())
        found = torch.autograd.grad(
            torch.stack(terms).sum(),
            shared,
            grad_outputs=self.scale,
            retain_graph=keep,
            allow_unused=True,
        )
        accumulate_reached(shared, found)
        self._add_own(rows, self._head_factors(losses, weights))
        return weights

    def _head_factors(
        self, losses: Mapping[str, Tensor], weights: Tensor | None
    ) -> dict[str, float]:
        """Return what each task's own gradients are multiplied by; 1 where there are no weights."""
        if weights is None:
            return dict.fromkeys(losses, 1.0)
        last = self.strategy.last
        found = check_weights(last, last.head_weights(weights), len(losses), "head_weights")
        return dict(zip(losses, found.tolist(), strict=True))

    def _add_through(
        self, feature: Tensor, at_feature: Tensor, split: Partition, *, keep: bool
    ) -> None:
        """Send the combined gradient of the representation on to the shared parameters."""
        shared = list(split.shared.values())
        found = torch.autograd.grad(
            feature, shared, at_feature, retain_graph=keep, allow_unused=True
        )
        for name, gradient in zip(split.shared, found, strict=True):
            if gradient is None:
                raise ContractError(
                    f"{type(self.model).__name__}.representation() does not depend on the shared "
                    f"parameter '{name}', so gradients there cannot train it."
                )
        accumulate_reached(shared, found)

    def _add_shared(self, rows: Rows, factors: Mapping[str, float]) -> None:
        """Add Σ_t w_t·row_t to ``.grad`` of the shared parameters."""
        tasks, weights = list(factors), list(factors.values())
        combined = weighted_sum([rows.shared[task] for task in tasks], weights)
        accumulate(list(rows.direct.values()), combined, fresh=True)
        for place, layer in enumerate(rows.layers):
            gradient = layer.combined(rows.outputs(place, tasks), weights)
            accumulate([layer.weight], [gradient], fresh=True)

    def _add_own(self, rows: Rows, factors: Mapping[str, float]) -> None:
        """Add each task's gradients of its own parameters, times its factor."""
        for task, factor in factors.items():
            for (name, parameter), gradient in zip(
                rows.split.own[task].items(), rows.own[task], strict=True
            ):
                # what a strategy learns is no head of the task: its gradient stays plain
                plain = factor == 1.0 or name.startswith(_STRATEGY)
                accumulate([parameter], [gradient if plain else gradient * factor])
            accumulate(self.training_only, rows.training_only[task])


def _direct(
    shared: Mapping[str, nn.Parameter],
    layers: Sequence[Layer],
    only: Sequence[nn.Parameter] | None,
) -> dict[str, nn.Parameter]:
    """Return the shared parameters whose own gradients are wanted, by name."""
    direct = dict(shared)
    for layer in layers:
        del direct[layer.name]
    if only is None:
        return direct
    wanted = set(map(id, only))
    return {name: p for name, p in direct.items() if id(p) in wanted}


def _differentiate_free(free: Tensor | None) -> None:
    if free is not None:
        free.backward()  # type: ignore[no-untyped-call]


def _slopes(total: Tensor, losses: Sequence[Tensor]) -> Tensor:
    """Return ∂(combined loss)/∂L_t, ``(T,)``; 0 where the combined loss does without a task's."""
    found = torch.autograd.grad(
        total, list(losses), retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return torch.stack(found)
