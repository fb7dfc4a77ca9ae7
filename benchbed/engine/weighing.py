"""From the tasks' gradients to a strategy's decision: weights, or a direction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from benchbed.basics.errors import NonFiniteLossError
from benchbed.contracts.weighting import check_weights
from benchbed.engine.combination import TINY, gramian, in_order
from benchbed.engine.rows import Rows, in_float64
from benchbed.engine.strategy import Strategy
from benchbed.engine.view import View


class Weigher:
    """Asks a strategy of the Gramian or Jacobian level.

    Where a GradScaler is in use, gradients come multiplied by its ``scale``; strategies see them
    without it, and are not asked where a gradient is not finite: the scaler then skips the step.
    """

    def __init__(self, strategy: Strategy, view: View) -> None:
        self.strategy = strategy
        self.view = view

    def weights(
        self, batches: Sequence[Rows], losses: Mapping[str, Tensor], scale: Tensor | None
    ) -> tuple[Tensor | None, dict[str, float]]:
        """Return the strategy's weights, as a tensor and as numbers by task.

        Args:
            batches: gradients of b mini-batches; the strategy gets their ``(b·T, b·T)`` Gramian.
            losses: the scalar loss of each task on the last mini-batch.
            scale: by which gradients are multiplied, if they are.

        Returns:
            ``(T,)``, on the CPU, and its entries by task; ``None`` and ones where a scaler will
            skip the step.

        Raises:
            NonFiniteLossError: a task's gradient is infinite or NaN, and nothing skips the step.
            ContractError: the strategy returned no vector of T finite weights.
        """
        last = self.strategy.last
        products = self._products(batches, losses)
        if scale is not None:
            products = products / float(scale) ** 2
        lengths = products.diag()[-len(losses) :]
        if not _finite(products, lengths, batches[-1], losses, skips=scale is not None):
            return None, dict.fromkeys(losses, 1.0)
        # one transfer for all losses, where they are on a GPU
        values = torch.stack(list(losses.values())).detach().cpu()
        on_cpu = dict(zip(losses, values.unbind(), strict=True))
        weights = check_weights(last, last.weights(products, on_cpu), len(losses))
        return weights, dict(zip(losses, weights.tolist(), strict=True))

    def direction(
        self, rows: Rows, losses: Mapping[str, Tensor], scale: Tensor | None
    ) -> Sequence[Tensor] | None:
        """Return the gradient that the strategy steps along, by direct parameter.

        Args:
            rows: the tasks' gradients: of the representation, if they were taken there.
            losses: the scalar loss of each task, detached.
            scale: by which gradients are multiplied, and the result is.

        Returns:
            Tensors of the parameters' shapes; ``None`` where a scaler will skip the step.

        Raises:
            NonFiniteLossError: a task's gradient is infinite or NaN, and nothing skips the step.
            ContractError: the strategy returned no tensor for each parameter.
        """
        largest = torch.stack([_largest(_looked_at(rows, task)) for task in losses])
        if not _finite(largest, largest, rows, losses, skips=scale is not None):
            return None
        stacked = rows.jacobian(list(losses))
        shapes = {name: jacobian.shape[1:] for name, jacobian in stacked.items()}
        last = self.strategy.last
        if scale is None:
            return in_order(last.direction(stacked, losses), shapes, type(last).__name__)
        torch._foreach_div_(list(stacked.values()), float(scale))
        found = in_order(last.direction(stacked, losses), shapes, type(last).__name__)
        return torch._foreach_mul(list(found), float(scale))

    def _products(self, batches: Sequence[Rows], losses: Mapping[str, Tensor]) -> Tensor:
        """Return the Gramian that the strategy looks at, float64, on the CPU."""
        products = self._gramian(batches, list(losses), exact=False)
        finite = bool(torch.isfinite(products).all())
        if not finite or bool((products.diag() < TINY).any()):
            products = self._gramian(batches, list(losses), exact=True)
        return products

    def _gramian(self, batches: Sequence[Rows], tasks: Sequence[str], *, exact: bool) -> Tensor:
        if self.strategy.last.at == "shared" and len(batches) == 1:
            return batches[0].products(tasks, exact=exact).cpu()
        rows: list[Sequence[Tensor]] = []
        for batch in batches:
            for task in tasks:
                gradients = self.view.gradients(batch, task)
                rows.append(in_float64(gradients, wanted=exact))
        return gramian(rows).cpu()


def _looked_at(rows: Rows, task: str) -> Sequence[Tensor]:
    """Return a task's gradients that a direction is made of."""
    return [rows.feature[task]] if rows.feature else rows.shared[task]


def _finite(
    products: Tensor, lengths: Tensor, rows: Rows, losses: Mapping[str, Tensor], *, skips: bool
) -> bool:
    """Return whether all gradients are finite.

    Args:
        products: what was made of the shared parameters' gradients; all must be finite.
        lengths: ``(T,)``, of each task's part of them.
        rows: the gradients, for those of the tasks' own parameters.
        losses: by task.
        skips: a scaler will skip the step where they are not finite.

    Raises:
        NonFiniteLossError: they are not, and no scaler is there to skip the step.
    """
    heads = [_largest(rows.own[task]).to(lengths.device) for task in losses]
    lengths = lengths + torch.stack(heads)
    if bool(torch.isfinite(products).all()) and bool(torch.isfinite(lengths).all()):
        return True
    if skips:
        return False
    wrong = (~torch.isfinite(lengths)).tolist()
    tasks = [task for task, bad in zip(losses, wrong, strict=True) if bad]
    # none where it is an earlier mini-batch, or a product of two rows
    task = tasks[0] if tasks else next(iter(losses))
    raise NonFiniteLossError(
        f"The gradient of task '{task}' is infinite or NaN though its loss is finite; "
        "look for a root or logarithm at 0 in its loss, or lower the learning rate."
    )


def _largest(gradients: Sequence[Tensor]) -> Tensor:
    """Return the largest magnitude among the entries of gradients; NaN if one is NaN."""
    if not gradients:
        return torch.zeros(())
    norms = torch._foreach_norm([g for g in gradients if g.numel()], math.inf)
    return torch.stack([norm.float() for norm in norms]).max()
