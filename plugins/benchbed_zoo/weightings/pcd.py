"""Priority-constrained descent (PCD)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

import numpy as np
import torch
from torch import Tensor

from benchbed.basics.errors import MethodError, RunError, suggest
from benchbed.contracts.weighting import Level, Weighting, WeightingContext
from benchbed_zoo.weightings.parts.per_task import places_of

ROUNDING: Final = 1e-12
_GUESSES = 10
DEPENDENT: Final = 1e-9
"""A unit gradient whose part outside the others' span has a square up to it lies inside."""


class Pcd(Weighting):
    """The primary task's gradient, bent just enough for all others to get on.

    d̃ = argmin ½‖d − g̃₁‖² with g̃_jᵀd ≥ τ·‖g̃_j‖² for each other task j, and the update is d̃ made
    as long as the primary's gradient g₁. g̃_i = g_i/√(v̂_i + ε), with v̂_i the bias-corrected average
    of ‖g_i‖² (decay β, over the steps with the task) (definitions 4.1 and 4.5). The quadratic
    program is solved exactly, by an active-set method in its dual (D. Goldfarb, A. Idnani,
    Mathematical Programming 27, 1983).

    Where no d fulfils all constraints they are dropped, and the update is g₁, as in the paper. It
    is zero where the primary's gradient is zero, where the primary task is absent from the step,
    and where d̃ is zero. Another task whose gradient is zero constrains nothing.

    Args:
        context: the tasks.
        primary: name of the primary task; ``first`` is the first one.
        tau: τ in [0, 1], the share of its own progress that each other task gets.
        beta: β in [0, 1), the decay of the squared norms' averages.
        eps: ε, at least 0, in units of the squared gradient.

    Raises:
        MethodError: no task is called ``primary``.

    Example:
        As a method: ``hps+pcd:primary=depth,tau=0.1``.

        >>> jacobian = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
        >>> benchbed.aggregate("pcd:tau=0", jacobian)
        tensor([2., 0.])

    Source: D. Varam, M. I. AlHajri: Not All Objectives Are Born Equal: Priority-Constrained Descent
    for Hierarchical Multi-Objective Optimization, TMLR 2026, definitions 4.1 and 4.5 and
    algorithm 1.
    """

    level: ClassVar[Level] = "gramian"
    sums_to: ClassVar[str] = "free"

    averages: Tensor
    met: Tensor

    def __init__(
        self,
        context: WeightingContext,
        *,
        primary: str = "first",
        tau: float = 0.02,
        beta: float = 0.999,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(context)
        tasks = list(context.tasks)
        if primary not in tasks and primary != "first":
            raise MethodError(f"pcd: option 'primary' must name a task.{suggest(primary, tasks)}")
        self.primary = primary if primary in tasks else tasks[0]
        self.tau = tau
        self.beta = beta
        self.eps = eps
        self.register_buffer("averages", torch.zeros(len(tasks), dtype=torch.float64))
        self.register_buffer("met", torch.zeros(len(tasks), dtype=torch.int64))

    def weights(self, gramian: Tensor, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the weights of the bent gradient.

        Args:
            gramian: G, ``(T, T)``, float64.
            losses: by task; the names alone are looked at.

        Returns:
            w, ``(T,)``, float64.

        Raises:
            RunError: the quadratic program was not solved.
        """
        g = gramian.numpy()
        tasks = list(losses)
        scales = self._scales(tasks, np.diag(g))
        nothing = torch.zeros(len(g), dtype=torch.float64)
        if self.primary not in tasks:
            return nothing
        first = tasks.index(self.primary)
        scaled = g * scales[:, None] * scales
        weights = _bent(scaled, first, self.tau) * scales
        square = float(weights @ g @ weights)
        size = float(np.abs(weights) @ np.sqrt(np.diag(g)))
        # up to rounding d̃ is zero
        if square <= 1e-14 * size**2:
            return nothing
        return torch.from_numpy(weights * np.sqrt(g[first, first] / square))

    def _scales(self, tasks: list[str], squares: np.ndarray) -> np.ndarray:
        """Return 1/√(v̂ + ε) of some tasks, ``(T,)``, after this step's squared norms."""
        at = places_of(tasks, self.context.tasks)
        self.met[at] += 1
        self.averages[at] += (1.0 - self.beta) * (torch.tensor(squares) - self.averages[at])
        shares = 1.0 - self.beta ** self.met[at].double()
        corrected = self.averages[at].numpy() / shares.numpy() + self.eps
        found: np.ndarray = np.where(corrected > 0.0, corrected, np.inf) ** -0.5
        return found


def _bent(g: np.ndarray, first: int, tau: float) -> np.ndarray:
    """Return w with d̃ = Σ_i w_i·g̃_i.

    Args:
        g: the Gramian of the g̃_i, ``(T, T)``.
        first: the primary task's place.
        tau: τ.
    """
    lengths = np.sqrt(np.diag(g))
    weights = np.zeros(len(g))
    weights[first] = 1.0
    others = np.flatnonzero((lengths > 0.0) & (np.arange(len(g)) != first))
    if lengths[first] == 0.0 or len(others) == 0:
        return weights
    own = lengths[others]
    cosines = g[np.ix_(others, others)] / own[:, None] / own
    # for unit gradients and a primary of length 1: what each still lacks along its gradient
    lacking = (tau * own - g[others, first] / own) / lengths[first]
    multipliers = _all_at_once(cosines, lacking)
    if multipliers is None:
        multipliers = _least_multipliers(cosines, lacking)
    if multipliers is not None:
        weights[others] = multipliers * lengths[first] / own
    return weights


def _all_at_once(cosines: np.ndarray, lacking: np.ndarray) -> np.ndarray | None:
    """Guess which constraints bind, solve for them, and turn the wrong guesses around."""
    guess = lacking > 0.0
    magnitudes = np.abs(cosines)
    for _ in range(_GUESSES):
        active = np.flatnonzero(guess)
        multipliers = np.zeros(len(lacking))
        try:
            multipliers[active] = _solve(cosines[np.ix_(active, active)], lacking[active])
        except np.linalg.LinAlgError:
            return None
        size = 1.0 + np.abs(lacking) + magnitudes @ np.abs(multipliers)
        short = cosines @ multipliers - lacking < -ROUNDING * size
        wrong = np.where(guess, multipliers < 0.0, short)
        if not wrong.any():
            # a large size comes from constraints that hardly fit together: go one by one
            fit = size.max() < 1e4
            return multipliers if fit else None
        guess = guess ^ wrong
    return None


def _least_multipliers(cosines: np.ndarray, lacking: np.ndarray) -> np.ndarray | None:
    """Return μ ≥ 0 that minimises ½μᵀCμ − bᵀμ; ``None`` where no d has u_jᵀd ≥ b_j for all j.

    Constraints are taken up one after the other, the most violated first, each with a step that
    keeps those taken up before at equality, until one of them would pull instead of push, which is
    then let go.
    """
    count = len(lacking)
    multipliers = np.zeros(count)
    active: list[int] = []
    for _ in range(20 * count):
        slack = cosines @ multipliers - lacking
        slack[active] = 0.0
        entering = int(np.argmin(slack))
        size = 1.0 + np.abs(lacking[entering]) + np.abs(cosines[entering]) @ multipliers
        if slack[entering] >= -ROUNDING * size:
            return _polished(cosines, lacking, multipliers, active)
        if not _taken_up(entering, cosines, lacking, multipliers, active):
            return None
    raise RunError("pcd: this step's quadratic program was not solved; use a smaller tau.")


def _taken_up(
    entering: int,
    cosines: np.ndarray,
    lacking: np.ndarray,
    multipliers: np.ndarray,
    active: list[int],
) -> bool:
    """Raise a constraint's multiplier until the constraint holds; say whether that is possible.

    Multipliers and the list of active constraints are changed in place.
    """
    while entering not in active:
        missing = float(lacking[entering] - cosines[entering] @ multipliers)
        # by how much the active multipliers fall while this one rises by 1
        falls = np.linalg.solve(cosines[np.ix_(active, active)], cosines[active, entering])
        free = 1.0 - float(cosines[entering, active] @ falls)
        leaving, longest = _first_at_zero(multipliers[active], falls)
        step = longest
        if free > DEPENDENT:
            step = min(longest, missing / free)
        if step == np.inf:
            return False
        multipliers[active] = np.maximum(multipliers[active] - step * falls, 0.0)
        multipliers[entering] += step
        if step < longest:
            active.append(entering)
        else:
            multipliers[active.pop(leaving)] = 0.0
    return True


def _first_at_zero(values: np.ndarray, falls: np.ndarray) -> tuple[int, float]:
    """Return which value comes to 0 first, and after how long; infinity where none falls."""
    if not len(values):
        return -1, np.inf
    falling = falls > 0.0
    ratios = np.full(len(values), np.inf)
    ratios[falling] = values[falling] / falls[falling]
    first = int(np.argmin(ratios))
    return first, float(ratios[first])


def _polished(
    cosines: np.ndarray, lacking: np.ndarray, multipliers: np.ndarray, active: list[int]
) -> np.ndarray:
    """Return the multipliers with the active constraints solved for at once."""
    result = np.zeros(len(lacking))
    result[active] = _solve(cosines[np.ix_(active, active)], lacking[active])
    return result if (result >= 0.0).all() else multipliers


def _solve(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    found = np.linalg.solve(matrix, right)
    refined: np.ndarray = found + np.linalg.solve(matrix, right - matrix @ found)
    return refined
