"""From the tasks' losses to ``.grad``: plain backward, or exact per-task gradients combined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from benchbed.engine.sharing import Partition, partition
from benchbed.engine.strategy import Strategy
from benchbed.errors import ContractError
from benchbed.weighting import check_weights


class Backward:
    """Adds one update's gradients to ``.grad`` of the parameters of a network and its strategy.

    The partition into shared and own parameters is read off the graph once for each set of tasks;
    make a new object when the network's graph changes (a phase).
    """

    def __init__(self, strategy: Strategy, parameters: Sequence[tuple[str, nn.Parameter]]) -> None:
        self.strategy = strategy
        weights = [(f"weighting.{name}", p) for name, p in strategy.named_parameters()]
        self.parameters = [*parameters, *weights]
        self._partitions: dict[tuple[str, ...], Partition] = {}

    def __call__(self, losses: Mapping[str, Tensor]) -> Tensor | None:
        """Differentiate.

        Args:
            losses: the scalar loss of each task that has a valid element, as separate tensors.

        Returns:
            The weights at Gramian level, ``(T,)``; ``None`` at the other levels.

        Raises:
            ContractError: no parameter is shared, or the strategy returned something wrong.
        """
        strategy = self.strategy.last
        if not losses:
            return None
        losses = self.strategy.transform(losses)
        if strategy.level == "loss":
            total = strategy.combine(losses)
            _check_total(total, type(strategy).__name__)
            total.backward()  # type: ignore[no-untyped-call]
            return None
        if len(losses) == 1:
            next(iter(losses.values())).backward()  # type: ignore[no-untyped-call]
            return None
        split = self.partition(losses)
        shared = list(split.shared.values())
        detached = {task: loss.detach() for task, loss in losses.items()}
        rows: list[tuple[Tensor, ...]] = []
        own: list[tuple[list[nn.Parameter], tuple[Tensor, ...]]] = []
        for index, (task, loss) in enumerate(losses.items()):
            mine = list(split.own[task].values())
            found = torch.autograd.grad(
                loss,
                [*shared, *mine],
                retain_graph=index < len(losses) - 1,
                allow_unused=True,
                materialize_grads=True,
            )
            rows.append(found[: len(shared)])
            own.append((mine, found[len(shared) :]))
        weights: Tensor | None = None
        if strategy.level == "gramian":
            weights = check_weights(
                strategy, strategy.weights(gramian(rows), detached), len(losses)
            )
            factors = weights.tolist()
            _accumulate(shared, _weighted_sum(rows, factors))
        else:
            factors = [1.0] * len(losses)
            stacked = {
                name: torch.stack([row[i] for row in rows]) for i, name in enumerate(split.shared)
            }
            directions = strategy.direction(stacked, detached)
            _accumulate(shared, _in_order(directions, split.shared, type(strategy).__name__))
        for (mine, found), factor in zip(own, factors, strict=True):
            scaled = found if strategy.heads == "own" else torch._foreach_mul(found, factor)
            _accumulate(mine, scaled)
        return weights

    def partition(self, losses: Mapping[str, Tensor]) -> Partition:
        """Return which parameters are shared between the losses.

        Raises:
            ContractError: none are.
        """
        key = tuple(losses)
        if key not in self._partitions:
            self._partitions[key] = partition(losses, self.parameters)
        found = self._partitions[key]
        if not found.shared:
            raise ContractError(
                f"No trainable parameter is shared by the losses of {', '.join(losses)}, so "
                f"{type(self.strategy.last).__name__} has nothing to balance: use a loss-level "
                "weighting such as 'equal', or unfreeze the shared part."
            )
        return found


def gramian(rows: Sequence[Sequence[Tensor]]) -> Tensor:
    """Return G = J·Jᵀ of per-task gradients, ``(T, T)`` in float64, summed parameter by parameter.

    Args:
        rows: for each task the gradients of the same parameters.
    """
    total = torch.zeros(len(rows), len(rows), dtype=torch.float64, device=rows[0][0].device)
    for gradients in zip(*rows, strict=True):
        block = torch.stack([gradient.flatten() for gradient in gradients])
        if block.dtype in {torch.float16, torch.bfloat16}:
            block = block.float()
        total += block @ block.T
    return total


def _weighted_sum(rows: Sequence[Sequence[Tensor]], factors: Sequence[float]) -> Sequence[Tensor]:
    result = torch._foreach_mul(list(rows[0]), factors[0])
    for row, factor in zip(rows[1:], factors[1:], strict=True):
        torch._foreach_add_(result, list(row), alpha=factor)
    return result


def _accumulate(parameters: Sequence[nn.Parameter], gradients: Sequence[Tensor]) -> None:
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if parameter.grad is None:
            parameter.grad = gradient
        else:
            parameter.grad += gradient


def _in_order(
    directions: object, shared: Mapping[str, nn.Parameter], name: str
) -> Sequence[Tensor]:
    if not isinstance(directions, dict) or set(directions) != set(shared):
        raise ContractError(f"{name}.direction must return one tensor for each name in rows.")
    for key, parameter in shared.items():
        if directions[key].shape != parameter.shape:
            raise ContractError(
                f"{name}.direction returned shape {tuple(directions[key].shape)} for '{key}', "
                f"which has shape {tuple(parameter.shape)}."
            )
    return [directions[key] for key in shared]


def _check_total(total: object, name: str) -> None:
    if not isinstance(total, Tensor) or total.dim() != 0:
        shape = tuple(total.shape) if isinstance(total, Tensor) else type(total).__name__
        raise ContractError(f"{name}.combine must return a scalar tensor, got {shape}.")
