"""Made-up losses and gradients of tasks, and what a weighting strategy decides on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from benchbed.contracts.weighting import Weighting, check_weights
from benchbed.engine.combination import check_total, gramian, in_order
from benchbed.testing.comparison import copied


@dataclass(frozen=True, slots=True)
class Problem:
    """The tasks' losses and gradients at one step.

    Attributes:
        losses: the loss of each task.
        batches: for each mini-batch the gradients of each parameter, ``(T, *shape)``.
    """

    losses: dict[str, Tensor]
    batches: list[dict[str, Tensor]]

    def gramian(self) -> Tensor:
        """Return the products of the tasks' gradients, batch by batch, ``(B·T, B·T)``."""
        rows: list[list[Tensor]] = []
        for batch in self.batches:
            for task in range(len(self.losses)):
                gradients = [gradient[task] for gradient in batch.values()]
                rows.append(gradients)
        return gramian(rows)


def random_problem(
    names: Sequence[str],
    shapes: Mapping[str, tuple[int, ...]],
    batches: int,
    draw: torch.Generator,
) -> Problem:
    """Return losses in [0.1, 2.1) and normal gradients.

    Args:
        names: of the tasks.
        shapes: of the parameters, by name.
        batches: number of mini-batches.
        draw: where the random numbers are from.
    """
    losses = {name: 0.1 + 2.0 * torch.rand((), generator=draw) for name in names}
    gradients: list[dict[str, Tensor]] = []
    for _ in range(batches):
        batch: dict[str, Tensor] = {}
        for parameter, shape in shapes.items():
            batch[parameter] = torch.randn(len(names), *shape, generator=draw)
        gradients.append(batch)
    return Problem(losses, gradients)


def falling(start: float, epochs: int) -> list[float]:
    """Return a loss curve of so many epochs, ``start / epoch``."""
    return [start / (1 + past) for past in range(epochs)]


def decision(weighting: Weighting, problem: Problem) -> dict[str, Tensor]:
    """Ask a strategy for its decision at one step, as the engine does, and check its form.

    Returns:
        The weights of the tasks (at loss level, the derivatives by their losses), or the
        direction at Jacobian level, by name.
    """
    if weighting.level == "loss":
        found = _by_losses(weighting, problem)
    elif weighting.level == "gramian":
        found = _by_gramian(weighting, problem)
    else:
        found = _by_jacobian(weighting, problem)
    name, count = type(weighting).__name__, len(problem.losses)
    for key, value in found.items():
        finite = bool(torch.isfinite(value).all())
        assert finite, f"{name}: its '{key}' is not finite for {count} tasks: {value.tolist()}."
    return {key: value.detach().clone() for key, value in found.items()}


def _by_losses(weighting: Weighting, problem: Problem) -> dict[str, Tensor]:
    name = type(weighting).__name__
    losses: dict[str, Tensor] = copied(problem.losses)
    leaves = list(losses.values())
    for loss in leaves:
        loss.requires_grad_()
    total = weighting.combine(losses)
    check_total(total, name)
    assert total.requires_grad, f"{name}.combine returns a scalar without a gradient."
    weights = torch.autograd.grad(total, leaves, materialize_grads=True, allow_unused=True)
    return {"weights": torch.stack(weights), "total": total.detach()}


def _by_gramian(weighting: Weighting, problem: Problem) -> dict[str, Tensor]:
    losses: dict[str, Tensor] = copied(problem.losses)
    found = weighting.weights(problem.gramian(), losses)
    weights = check_weights(weighting, found, len(losses))
    check_weights(weighting, weighting.head_weights(weights), len(losses), "head_weights")
    return {"weights": weights}


def _by_jacobian(weighting: Weighting, problem: Problem) -> dict[str, Tensor]:
    losses: dict[str, Tensor] = copied(problem.losses)
    jacobian: dict[str, Tensor] = copied(problem.batches[-1])
    # read before the strategy is asked, which may change what it is given
    shapes = {key: gradient.shape[1:] for key, gradient in jacobian.items()}
    direction = weighting.direction(jacobian, losses)
    ordered = in_order(direction, shapes, type(weighting).__name__)
    return dict(zip(shapes, ordered, strict=True))
