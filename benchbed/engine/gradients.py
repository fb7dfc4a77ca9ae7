"""From the tasks' losses to ``.grad``: plain backward, or exact per-task gradients combined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchbed.architecture import Architecture
from benchbed.engine.combination import (
    accumulate,
    check_total,
    gramian,
    in_order,
    weighted_sum,
)
from benchbed.engine.sharing import Partition, partition
from benchbed.engine.strategy import Strategy
from benchbed.errors import ContractError
from benchbed.weighting import check_weights


@dataclass(slots=True)
class Rows:
    """The tasks' gradients, as lists in the order of their partition.

    Attributes:
        split: which parameters they belong to.
        shared: for each task the gradients of the shared parameters.
        own: for each task those of its own parameters.
        training_only: for each task those of the auxiliary parameters.
        feature: for each task the gradient of the representation, where that is what counts.
    """

    split: Partition
    shared: dict[str, list[Tensor]]
    own: dict[str, list[Tensor]]
    training_only: dict[str, list[Tensor]]
    feature: dict[str, Tensor]

    def groups(self) -> list[dict[str, list[Tensor]]]:
        """Return all gradients by kind."""
        return [self.shared, self.own, self.training_only]

    def copy(self) -> Rows:
        """Return gradients that no other tensor shares memory with."""
        shared, own, training_only = (
            {task: [g.clone() for g in gradients] for task, gradients in group.items()}
            for group in self.groups()
        )
        return Rows(self.split, shared, own, training_only, self.feature)

    def add(self, other: Rows) -> None:
        """Add another micro-batch's gradients of the same tasks."""
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


class Backward:
    """Adds one update's gradients to ``.grad`` of the parameters of a network and its strategy.

    The partition into shared and own parameters is read off the graph once for each set of tasks;
    make a new object when the network's graph changes (a phase).
    """

    def __init__(self, strategy: Strategy, model: nn.Module) -> None:
        self.strategy = strategy
        self.model = model
        self.network = model if isinstance(model, Architecture) else None
        weights = [(f"weighting.{name}", p) for name, p in strategy.named_parameters()]
        auxiliary = set(map(id, self.network.auxiliary_parameters())) if self.network else set()
        named = list(model.named_parameters())
        self.parameters = [(n, p) for n, p in named if id(p) not in auxiliary] + weights
        self.training_only = [p for _, p in named if id(p) in auxiliary and p.requires_grad]
        self._partitions: dict[tuple[str, ...], Partition] = {}
        self.sweeps: list[tuple[str, ...]] = []

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
        """
        if not losses:
            self._free(free)
            return None
        given = list(losses.values())
        losses = self.strategy.transform(losses)
        last = self.strategy.last
        if last.level == "loss" or len(losses) == 1:
            total = last.combine(losses) if last.level == "loss" else next(iter(losses.values()))
            check_total(total, type(last).__name__)
            self.sweeps = [tuple(losses)]
            weights = _slopes(total, given) if slopes and len(given) > 1 else None
            (total if free is None else total + free).backward()  # type: ignore[no-untyped-call]
            return weights
        if last.batches > 1:
            raise ContractError(
                f"{type(last).__name__} weighs over {last.batches} mini-batches, and got one; such "
                "strategies work in benchbed's own training only."
            )
        feature = self._feature()
        rows = self.sweep(losses, feature=feature, keep=free is not None)
        values = {task: loss.detach() for task, loss in losses.items()}
        weights = self._decide([rows], values, feature)
        self._free(free)
        return weights

    def sweep(
        self, losses: Mapping[str, Tensor], *, feature: Tensor | None = None, keep: bool = False
    ) -> Rows:
        """Return the gradients of each loss, one sweep a task.

        Args:
            losses: scalars with their graphs.
            feature: the representation: gradients stop there instead of at shared parameters.
            keep: keep the graphs alive afterwards.
        """
        split = self.partition(losses)
        shared = [] if feature is not None else list(split.shared.values())
        rows = Rows(split, {}, {}, {}, {})
        self.sweeps = [(task,) for task in losses]
        for index, (task, loss) in enumerate(losses.items()):
            own = list(split.own[task].values())
            inputs = [*shared, *own, *self.training_only]
            points = inputs if feature is None else [*inputs, feature]
            found = list(
                torch.autograd.grad(
                    loss,
                    points,
                    retain_graph=keep or feature is not None or index < len(losses) - 1,
                    allow_unused=True,
                    materialize_grads=True,
                )
            )
            if feature is not None:
                rows.feature[task] = found.pop()
            rows.shared[task] = found[: len(shared)]
            rows.own[task] = found[len(shared) : len(shared) + len(own)]
            rows.training_only[task] = found[len(shared) + len(own) :]
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

        Args:
            rows: gradients of the tasks' mean losses over all micro-batches.
            losses: those mean losses, detached.
            free: gradients of the loss that no task owns, by trainable parameter; may be empty.
        """
        leaves = {task: loss.detach().requires_grad_() for task, loss in losses.items()}
        terms = self.strategy.transform(leaves)
        last = self.strategy.last
        if last.level == "loss":
            check_total(total := last.combine(terms), type(last).__name__)
        else:
            total = torch.stack(list(terms.values())).sum()
        if total.requires_grad:
            total.backward()  # type: ignore[no-untyped-call]
        slopes = {t: 1.0 if x.grad is None else float(x.grad) for t, x in leaves.items()}
        for parameter, gradient in zip(self._all(), free, strict=True) if free else ():
            if gradient is not None:
                accumulate([parameter], [gradient])
        if last.level == "loss" or len(losses) == 1:
            rows.scale(slopes)
            self._add(rows, dict.fromkeys(losses, 1.0), [1.0] * len(losses))
            return None
        rows.scale(slopes)
        return self._decide([rows], {task: term.detach() for task, term in terms.items()}, None)

    def free_gradients(self, free: Tensor | None) -> list[Tensor | None]:
        """Return the gradients of a loss that no task owns, by trainable parameter."""
        if free is None:
            return []
        return list(torch.autograd.grad(free, self._all(), allow_unused=True, retain_graph=True))

    def partition(self, losses: Mapping[str, Tensor]) -> Partition:
        """Return which parameters are shared between the losses.

        Raises:
            ContractError: none are, and there are several losses.
        """
        key = tuple(losses)
        if key not in self._partitions:
            self._partitions[key] = partition(losses, self.parameters)
        found = self._partitions[key]
        if not found.shared and len(losses) > 1 and self.strategy.last.level != "loss":
            raise ContractError(
                f"No trainable parameter is shared by the losses of {', '.join(losses)}, so "
                f"{type(self.strategy.last).__name__} has nothing to balance: use a loss-level "
                "weighting such as 'equal', or unfreeze the shared part."
            )
        return found

    def _all(self) -> list[nn.Parameter]:
        return [p for _, p in self.parameters if p.requires_grad] + self.training_only

    def _free(self, free: Tensor | None) -> None:
        if free is not None:
            free.backward()  # type: ignore[no-untyped-call]

    def _feature(self) -> Tensor | None:
        """Return the representation, where the strategy works on it."""
        last = self.strategy.last
        if last.at != "representation":
            return None
        found = self.network.representation() if self.network else None
        if found is None or not found.requires_grad:
            raise ContractError(
                f"{type(last).__name__} works on the shared representation, and "
                f"{type(self.model).__name__} has none: use a strategy that works on all shared "
                "parameters."
            )
        return found

    def _decide(
        self, batches: Sequence[Rows], losses: Mapping[str, Tensor], feature: Tensor | None
    ) -> Tensor | None:
        last, rows = self.strategy.last, batches[-1]
        weights: Tensor | None = None
        if last.level == "gramian":
            products = gramian([self._seen(b, t) for b in batches for t in losses]).cpu()
            on_cpu = {task: loss.cpu() for task, loss in losses.items()}
            weights = check_weights(last, last.weights(products, on_cpu), len(losses))
            factors = weights.tolist()
            shared = None
        else:
            factors = [1.0] * len(losses)
            shared = self._directions(rows, losses, feature)
        if feature is not None:
            self._through(feature, rows, factors, shared, losses)
            self._add(rows, self._head_factors(losses, factors), None)
        elif shared is not None:
            accumulate(list(rows.split.shared.values()), shared)
            self._add(rows, self._head_factors(losses, factors), None)
        else:
            self._add(rows, self._head_factors(losses, factors), factors)
        return weights

    def _head_factors(
        self, losses: Mapping[str, Tensor], factors: Sequence[float]
    ) -> dict[str, float]:
        weighted = self.strategy.last.heads == "weighted"
        return {
            task: factor if weighted else 1.0 for task, factor in zip(losses, factors, strict=True)
        }

    def _seen(self, rows: Rows, task: str) -> list[Tensor]:
        """Return the gradients of a task that the strategy looks at."""
        last = self.strategy.last
        if last.at == "representation":
            return [rows.feature[task]]
        if last.at == "shared":
            return rows.shared[task]
        layer = self.network.last_shared() if self.network else None
        wanted = {id(parameter) for parameter in layer or ()}
        places = [i for i, p in enumerate(rows.split.shared.values()) if id(p) in wanted]
        if not places:
            raise ContractError(
                f"{type(last).__name__} works at the last shared layer, and "
                f"{type(self.model).__name__}.last_shared() names none that the tasks share."
            )
        return [rows.shared[task][i] for i in places]

    def _directions(
        self, rows: Rows, losses: Mapping[str, Tensor], feature: Tensor | None
    ) -> Sequence[Tensor]:
        last = self.strategy.last
        if feature is not None:
            stacked = {"representation": torch.stack([rows.feature[t] for t in losses])}
            shapes = {"representation": feature.shape}
        else:
            names = list(rows.split.shared)
            stacked = {
                name: torch.stack([rows.shared[t][i] for t in losses])
                for i, name in enumerate(names)
            }
            shapes = {name: p.shape for name, p in rows.split.shared.items()}
        return in_order(last.direction(stacked, losses), shapes, type(last).__name__)

    def _through(
        self,
        feature: Tensor,
        rows: Rows,
        factors: Sequence[float],
        direction: Sequence[Tensor] | None,
        losses: Mapping[str, Tensor],
    ) -> None:
        """Send the combined gradient of the representation on to the shared parameters."""
        at_feature = (
            weighted_sum([[rows.feature[t]] for t in losses], factors)[0]
            if direction is None
            else direction[0]
        )
        shared = list(rows.split.shared.values())
        found = torch.autograd.grad(feature, shared, at_feature, allow_unused=True)
        missing = [n for n, g in zip(rows.split.shared, found, strict=True) if g is None]
        if missing:
            raise ContractError(
                f"{type(self.model).__name__}.representation() does not depend on the shared "
                f"parameter '{missing[0]}', so gradients there cannot train it."
            )
        accumulate(shared, [g for g in found if g is not None])

    def _add(self, rows: Rows, heads: Mapping[str, float], shared: Sequence[float] | None) -> None:
        """Add the rows to ``.grad``: shared ones summed with weights, own ones by their factor."""
        tasks = list(heads)
        if shared is not None:
            combined = weighted_sum([rows.shared[t] for t in tasks], shared)
            accumulate(list(rows.split.shared.values()), combined, fresh=True)
        for task in tasks:
            own = rows.own[task]
            if own and heads[task] != 1.0:
                own = list(torch._foreach_mul(own, heads[task]))
            accumulate(list(rows.split.own[task].values()), own)
            accumulate(self.training_only, rows.training_only[task])


def _slopes(total: Tensor, losses: Sequence[Tensor]) -> Tensor:
    found = torch.autograd.grad(
        total, list(losses), retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return torch.stack(found)
