"""Smooth Tchebycheff scalarisation (STCH)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from benchbed.contracts.weighting import EpochInfo, Level, Weighting, WeightingContext
from benchbed_zoo.weightings.parts.history import require_losses
from benchbed_zoo.weightings.parts.logarithms import USE_ANOTHER, log_of_losses, require_at_least


class SmoothTchebycheff(Weighting):
    """L = n·μ·log Σ_t exp(f_t/μ), f_t = log(L_t/z_t): a smooth maximum of n tasks' relative losses.

    z_t is the task's mean training loss in epoch ``warmup`` (from 0), which the paper's code calls
    its nadir point; in the epochs up to that one L = Σ_t log L_t. A task weighs
    n·softmax(f/μ)_t/L_t; its relative decrease weighs n·softmax(f/μ)_t, n in sum.

    - A task without a loss in epoch ``warmup`` takes z_t from the next epoch that it has one in.
    - Tasks that have no z_t yet count log L_t each and are not among the n.
    - A task that is absent is not among the n; one whose loss is zero is done and weighs nothing.

    This is the form of the paper's code for multi-task learning: equal preferences, ideal point 0,
    logarithms of losses. That code averages the batches' losses for z_t; here it is the mean over
    the epoch's elements.

    Args:
        context: the tasks.
        mu: smoothness μ, above 0 and without unit; towards 0 only the worst task is trained, and
            μ = ∞ is Σ_t log L_t again.
        warmup: the epoch that gives z_t, from 0.
        nadir: z_t by task, in the loss's unit; one that is given needs no warm-up, and 0 is none.

    Example:
        As a method: ``hps+stch:mu=0.5,depth=0.8``.

        >>> losses = {"seg": torch.tensor(2.0), "depth": torch.tensor(0.5)}
        >>> context = benchbed.WeightingContext(["seg", "depth"])
        >>> SmoothTchebycheff(context, seg=2.0, depth=1.0).combine(losses)
        tensor(0.8109)

    Source: X. Lin et al.: Smooth Tchebycheff Scalarization for Multi-Objective Optimization, ICML
    2024.
    """

    level: ClassVar[Level] = "loss"
    sums_to: ClassVar[str] = "free"

    def __init__(
        self, context: WeightingContext, *, mu: float = 1.0, warmup: int = 4, **nadir: float
    ) -> None:
        super().__init__(context)
        self.mu = mu
        self.warmup = warmup
        self.nadir = {task: value for task, value in nadir.items() if value > 0.0}

    def epoch(self, info: EpochInfo) -> None:
        """Take the nadir point of tasks that have none from epochs that are over.

        Args:
            info: with the mean training losses of all epochs so far.

        Raises:
            RunError: warm-up is over, and a task has no training loss of any epoch.
        """
        if info.epoch > self.warmup:
            require_losses(info, self.context.tasks, "stch")
        for task in self.context.tasks:
            after_warmup = info.train_losses.get(task, ())[self.warmup :]
            measured = _first_positive(after_warmup)
            if measured is not None:
                self.nadir.setdefault(task, measured)

    def combine(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the smooth maximum, and the logarithms of the losses that are not in it.

        Args:
            losses: by task, scalars that are not negative.

        Returns:
            L, a scalar.

        Raises:
            RunError: a loss is negative.
        """
        require_at_least(losses, {}, "stch", USE_ANOTHER)
        logarithms, done = log_of_losses(torch.stack(list(losses.values())))
        places: list[int] = []
        rest: list[int] = []
        offsets: list[float] = []
        for place, task in enumerate(losses):
            if task in self.nadir:
                places.append(place)
                offsets.append(math.log(self.nadir[task]))
            else:
                rest.append(place)
        total = logarithms[rest].sum()
        if not places:
            return total
        ratios = logarithms[places] - torch.tensor(offsets, dtype=torch.float64).to(logarithms)
        scaled = torch.where(done[places], -math.inf, ratios / self.mu)
        return total + len(places) * self.mu * torch.logsumexp(scaled, dim=0)

    def get_extra_state(self) -> dict[str, Any]:
        """Return the nadir point."""
        return {"nadir": dict(self.nadir)}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take up a nadir point."""
        self.nadir = dict(state["nadir"])


def _first_positive(losses: Sequence[float]) -> float | None:
    for loss in losses:
        if loss > 0.0 and math.isfinite(loss):
            return loss
    return None
