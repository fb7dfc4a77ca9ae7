"""From the tasks' losses to ``.grad``: plain backward, or exact per-task gradients combined."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from benchbed.basics.errors import ContractError, MethodError, NonFiniteLossError
from benchbed.contracts.architecture import Architecture
from benchbed.contracts.weighting import check_weights
from benchbed.engine.combination import (
    TINY,
    accumulate,
    check_total,
    gramian,
    in_order,
    weighted_sum,
)
from benchbed.engine.hybrid import Checked, Layer, find_layers
from benchbed.engine.rows import Rows, in_float64
from benchbed.engine.sharing import Partition, partition
from benchbed.engine.strategy import Strategy

_STRATEGY = "weighting."


class Backward:
    """Adds one update's gradients to ``.grad`` of the parameters of a network and its strategy.

    The partition into shared and own parameters is read off the graph at each call. Make a new
    object in each phase of training: layers of the hybrid Gramian are compared once for each.
    """

    def __init__(
        self, strategy: Strategy, model: nn.Module, checked: Checked | None = None
    ) -> None:
        self.strategy = strategy
        self.model = model
        self.network = model if isinstance(model, Architecture) else None
        weights = [(f"{_STRATEGY}{name}", p) for name, p in strategy.named_parameters()]
        auxiliary = set(map(id, self.network.auxiliary_parameters())) if self.network else set()
        named = list(model.named_parameters())
        self.parameters = [(n, p) for n, p in named if id(p) not in auxiliary] + weights
        self.training_only = [p for _, p in named if id(p) in auxiliary and p.requires_grad]
        self.checked = Checked() if checked is None else checked
        self.scale: Tensor | None = None
        self.engine = ""
        """How the first update of several tasks was made, for the record."""
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
            NonFiniteLossError: a task's gradient is infinite or NaN.
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
            (total if free is None else total + free).backward(self.scale)  # type: ignore[no-untyped-call]
            return weights
        if last.batches > 1:
            raise ContractError(
                f"{type(last).__name__} weighs over {last.batches} mini-batches, and got one; such "
                "strategies work in benchbed's own training only."
            )
        values = {task: loss.detach() for task, loss in losses.items()}
        if last.level == "gramian" and last.at == "last":
            weights = self._at_last(losses, values, keep=free is not None)
        else:
            feature = self._feature()
            rows = self._rows(losses, feature, keep=free is not None)
            weights = self._decide([rows], values, feature, keep=free is not None)
        self._free(free)
        return weights

    def _rows(self, losses: Mapping[str, Tensor], feature: Tensor | None, *, keep: bool) -> Rows:
        """Return the gradients of each loss, those of qualifying layers by the hybrid Gramian."""
        last = self.strategy.last
        if last.level != "gramian" or last.at != "shared":
            return self.sweep(losses, feature=feature, keep=keep)
        split = self.partition(losses)
        layers, candidates = find_layers(losses, split.shared, skip=self.checked.off)
        tasks = tuple(losses)
        before = self.engine if "hybrid" in self.engine else ""
        how = f"{len(tasks)} sweeps, hybrid Gramian for {len(layers)} of {len(candidates)} layers"
        if layers and not self.checked.passed_by(tasks, layers):
            plain = self.sweep(losses, keep=True, split=split)
            deltas = self.sweep(losses, layers=layers, keep=keep, split=split).deltas
            named = {
                task: dict(zip(split.shared, plain.shared[task], strict=True)) for task in tasks
            }
            if self.checked.compare(tasks, layers, deltas, named):
                self.engine = before or how
            return plain
        if layers:
            self.engine = before or how
        return self.sweep(losses, layers=layers, keep=keep, split=split)

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
        if len(losses) > 1:
            self.engine = self.engine or f"{len(losses)} sweeps"
        left_out = {layer.name for layer in layers}
        wanted = None if only is None else set(map(id, only))
        direct = {
            name: p
            for name, p in split.shared.items()
            if feature is None and name not in left_out and (wanted is None or id(p) in wanted)
        }
        rows = Rows(split, direct, layers=layers)
        points = [layer.output for layer in layers] if feature is None else [feature]
        seen: dict[str, Tensor] = {}
        partial = feature is not None or only is not None
        self.sweeps = [tuple(losses)] if partial else [(task,) for task in losses]
        with ExitStack() as hooks:
            for layer in layers:
                hooks.callback(layer.watch(seen).remove)
            for index, (task, loss) in enumerate(losses.items()):
                own = list(split.own[task].values())
                parameters = [*direct.values(), *own, *self.training_only]
                seen.clear()
                found = _differentiate(
                    loss,
                    [*parameters, *points],
                    self.scale,
                    keep=keep or feature is not None or index < len(losses) - 1,
                )
                gradients = [
                    torch.zeros_like(p) if g is None else g
                    for p, g in zip(parameters, found, strict=False)
                ]
                ends = (len(direct), len(direct) + len(own))
                rows.shared[task] = gradients[: ends[0]]
                rows.own[task] = gradients[ends[0] : ends[1]]
                rows.training_only[task] = gradients[ends[1] :]
                at_points = found[len(parameters) :]
                if feature is None:
                    # where a layer's node ran, hooks may have changed what it was given
                    rows.deltas[task] = [
                        seen.get(layer.name, delta)
                        for layer, delta in zip(layers, at_points, strict=True)
                    ]
                else:
                    (at_feature,) = at_points
                    rows.feature[task] = (
                        torch.zeros_like(feature) if at_feature is None else at_feature
                    )
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
            total.backward(self.scale)  # type: ignore[no-untyped-call]
        once = 1.0 if self.scale is None else float(self.scale)
        slopes = {t: 1.0 if x.grad is None else float(x.grad) / once for t, x in leaves.items()}
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
        found = partition(losses, self.parameters)
        if not found.shared and len(losses) > 1 and self.strategy.last.level != "loss":
            raise ContractError(
                f"No trainable parameter is shared by the losses of {', '.join(losses)}, so "
                f"{type(self.strategy.last).__name__} has nothing to balance: use a loss-level "
                "weighting such as 'equal', or unfreeze the shared part."
            )
        if found.apart and len(losses) > 1 and self.strategy.last.level != "loss":
            raise ContractError(
                f"The loss of '{found.apart[0]}' reaches no trainable parameter that another task "
                f"shares, so {type(self.strategy.last).__name__} would weigh a zero gradient: "
                "differentiate it by itself, or use a loss-level weighting such as 'equal'."
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
        self,
        batches: Sequence[Rows],
        losses: Mapping[str, Tensor],
        feature: Tensor | None,
        *,
        keep: bool = False,
    ) -> Tensor | None:
        last, rows = self.strategy.last, batches[-1]
        weights: Tensor | None = None
        shared: Sequence[Tensor] | None = None
        factors = [1.0] * len(losses)
        if last.level == "gramian":
            weights, factors = self._weigh(batches, losses)
        else:
            seen = {t: rows.shared[t] if feature is None else [rows.feature[t]] for t in losses}
            sizes = torch.stack([_largest(seen[task]) for task in losses])
            if self._finite(sizes.diag(), rows, losses):
                shared = self._directions(rows, losses, feature)
        if feature is not None:
            self._through(feature, rows, factors, shared, losses, keep=keep)
            self._add(rows, self._head_factors(losses, weights), None)
        elif shared is not None:
            accumulate(list(rows.direct.values()), shared)
            self._add(rows, self._head_factors(losses, weights), None)
        else:
            self._add(rows, self._head_factors(losses, weights), factors)
        return weights

    def _at_last(
        self, losses: Mapping[str, Tensor], values: Mapping[str, Tensor], *, keep: bool
    ) -> Tensor | None:
        """Weigh by gradients of the last shared layer; one sweep more moves all that is shared."""
        split = self.partition(losses)
        self.engine = f"{len(losses)} sweeps to the last shared layer, one through the trunk"
        rows = self.sweep(losses, only=self._last_shared(split), keep=True, split=split)
        weights, factors = self._weigh([rows], values)
        total = torch.stack([f * loss for f, loss in zip(factors, losses.values(), strict=True)])
        shared = list(split.shared.values())
        found = torch.autograd.grad(
            total.sum(), shared, grad_outputs=self.scale, retain_graph=keep, allow_unused=True
        )
        reached = [(p, g) for p, g in zip(shared, found, strict=True) if g is not None]
        accumulate([p for p, _ in reached], [g for _, g in reached])
        self._add(rows, self._head_factors(losses, weights), None)
        return weights

    def _products(self, batches: Sequence[Rows], losses: Mapping[str, Tensor]) -> Tensor:
        """Return the Gramian that the strategy looks at, on the CPU."""

        def taken(*, exact: bool) -> Tensor:
            if self.strategy.last.at == "shared" and len(batches) == 1:
                return batches[0].products(list(losses), exact=exact).cpu()
            seen = [self._seen(batch, task) for batch in batches for task in losses]
            return gramian([in_float64(gradients, wanted=exact) for gradients in seen]).cpu()

        products = taken(exact=False)
        if not bool(torch.isfinite(products).all()) or bool((products.diag() < TINY).any()):
            products = taken(exact=True)
        return products if self.scale is None else products / float(self.scale) ** 2

    def _weigh(
        self, batches: Sequence[Rows], losses: Mapping[str, Tensor]
    ) -> tuple[Tensor | None, list[float]]:
        """Return the strategy's weights, and as numbers; ones where a scaler skips the step."""
        last = self.strategy.last
        products = self._products(batches, losses)
        if not self._finite(products, batches[-1], losses):
            return None, [1.0] * len(losses)
        stacked = torch.stack([loss.detach() for loss in losses.values()]).cpu()
        on_cpu = dict(zip(losses, stacked.unbind(), strict=True))
        weights = check_weights(last, last.weights(products, on_cpu), len(losses))
        return weights, weights.tolist()

    def _finite(self, products: Tensor, rows: Rows, losses: Mapping[str, Tensor]) -> bool:
        """Return whether gradients are finite; where a GradScaler will skip the step they need not.

        Raises:
            NonFiniteLossError: they are not, and no scaler is there to skip the step.
        """
        heads = [_largest(rows.own[task]).to(products.device) for task in losses]
        lengths = products.diag()[-len(losses) :] + torch.stack(heads)
        if bool(torch.isfinite(products).all()) and bool(torch.isfinite(lengths).all()):
            return True
        if self.scale is None:
            wrong = (~torch.isfinite(lengths)).tolist()
            tasks = [task for task, bad in zip(losses, wrong, strict=True) if bad] or list(losses)
            raise NonFiniteLossError(
                f"The gradient of task '{tasks[0]}' is infinite or NaN though its loss is finite; "
                "look for a root or logarithm at 0 in its loss, or lower the learning rate."
            )
        return False

    def _head_factors(
        self, losses: Mapping[str, Tensor], weights: Tensor | None
    ) -> dict[str, float]:
        """Return what each task's own gradients are multiplied by; 1 where there are no weights."""
        if weights is None:
            return dict.fromkeys(losses, 1.0)
        last = self.strategy.last
        found = check_weights(last, last.head_weights(weights), len(losses), "head_weights")
        return dict(zip(losses, found.tolist(), strict=True))

    def _seen(self, rows: Rows, task: str) -> list[Tensor]:
        """Return the gradients of a task that the strategy looks at."""
        last = self.strategy.last
        if last.at == "representation":
            return [rows.feature[task]]
        if last.at == "shared":
            return rows.shared[task]
        wanted = set(map(id, self._last_shared(rows.split)))
        places = [i for i, p in enumerate(rows.direct.values()) if id(p) in wanted]
        return [rows.shared[task][i] for i in places]

    def _last_shared(self, split: Partition) -> list[nn.Parameter]:
        """Return the parameters of the last layer that the tasks share."""
        layer = self.network.last_shared() if self.network else None
        wording = f"{type(self.strategy.last).__name__} works at the last shared layer, and "
        if layer is None:
            raise MethodError(
                f"{wording}{type(self.model).__name__} has none: use a strategy that works on all "
                "shared parameters, or an architecture that has one, such as hps."
            )
        wanted = set(map(id, layer))
        found = [p for p in split.shared.values() if id(p) in wanted]
        if not found:
            raise ContractError(
                f"{wording}{type(self.model).__name__}.last_shared() names none that the tasks "
                "share: let it return parameters of which all losses are made."
            )
        return found

    def _directions(
        self, rows: Rows, losses: Mapping[str, Tensor], feature: Tensor | None
    ) -> Sequence[Tensor]:
        last = self.strategy.last
        if feature is not None:
            stacked = {"representation": torch.stack([rows.feature[t] for t in losses])}
            shapes = {"representation": feature.shape}
        else:
            stacked = {
                name: torch.stack([rows.shared[t][i] for t in losses])
                for i, name in enumerate(rows.direct)
            }
            shapes = {name: p.shape for name, p in rows.direct.items()}
        if self.scale is not None:
            torch._foreach_div_(list(stacked.values()), float(self.scale))
        found = in_order(last.direction(stacked, losses), shapes, type(last).__name__)
        return found if self.scale is None else torch._foreach_mul(list(found), float(self.scale))

    def _through(
        self,
        feature: Tensor,
        rows: Rows,
        factors: Sequence[float],
        direction: Sequence[Tensor] | None,
        losses: Mapping[str, Tensor],
        *,
        keep: bool,
    ) -> None:
        """Send the combined gradient of the representation on to the shared parameters."""
        at_feature = (
            weighted_sum([[rows.feature[t]] for t in losses], factors)[0]
            if direction is None
            else direction[0]
        )
        shared = list(rows.split.shared.values())
        found = torch.autograd.grad(
            feature, shared, at_feature, retain_graph=keep, allow_unused=True
        )
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
            accumulate(list(rows.direct.values()), combined, fresh=True)
            for place, layer in enumerate(rows.layers):
                deltas = [rows.deltas[task][place] for task in tasks]
                accumulate([layer.weight], [layer.combined(deltas, shared)], fresh=True)
        for task in tasks:
            names, parameters = list(rows.split.own[task]), list(rows.split.own[task].values())
            own = rows.own[task]
            if heads[task] != 1.0:
                # what a strategy learns is no head of the task: its gradient stays plain
                own = [
                    gradient if name.startswith(_STRATEGY) else gradient * heads[task]
                    for name, gradient in zip(names, own, strict=True)
                ]
            accumulate(parameters, own)
            accumulate(self.training_only, rows.training_only[task])


def _differentiate(
    loss: Tensor, points: Sequence[Any], scale: Tensor | None, *, keep: bool
) -> tuple[Tensor | None, ...]:
    try:
        return torch.autograd.grad(
            loss, points, grad_outputs=scale, retain_graph=keep, allow_unused=True
        )
    except RuntimeError as error:
        if "donated buffer" not in str(error):
            raise
        raise ContractError(
            "torch.compile lets a compiled backward pass run once only, and each task needs one: "
            "set torch._functorch.config.donated_buffer = False before compiling."
        ) from error


def _largest(gradients: Sequence[Tensor]) -> Tensor:
    """Return the largest magnitude among the entries of gradients; NaN if one is NaN."""
    if not gradients:
        return torch.zeros(())
    norms = torch._foreach_norm([g for g in gradients if g.numel()], math.inf)
    return torch.stack([norm.float() for norm in norms]).max()


def _slopes(total: Tensor, losses: Sequence[Tensor]) -> Tensor:
    found = torch.autograd.grad(
        total, list(losses), retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return torch.stack(found)
