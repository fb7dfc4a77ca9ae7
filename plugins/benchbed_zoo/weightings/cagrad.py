"""Conflict-averse gradient descent (CAGrad)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from benchbed.contracts.weighting import Level, Weighting, WeightingContext
from benchbed_zoo.weightings.solvers.dual_cone import depends, dual_cone_projections, unit_gramian
from benchbed_zoo.weightings.solvers.min_norm import ROUNDING

_BLOCK_STEPS = 10


class CaGrad(Weighting):
    """Near the average gradient g_0, the direction that helps the worst-off task most.

    max_d min_i g_i·d with ‖d − g_0‖ ≤ c·‖g_0‖. With φ = c²‖g_0‖² and the w of the simplex that
    minimises g_wᵀg_0 + √φ·‖g_w‖, g_w = Σ_i w_i·g_i, it is d = g_0 + √φ/‖g_w‖·g_w. Solved exactly at
    any scale of the gradients; a common factor leaves the weights as they are. c = 0 gives g_0; the
    larger c, the nearer d's direction is to MGDA's.

    Where g_w = 0, no direction helps all tasks, min_i g_i·d is 0 at best, and the formula is 0/0: d
    is then the nearest to g_0 of the directions that harm no task, its projection on the dual cone.
    So it is when a task's gradient is zero, unless all d in the ball harm some task. Without this
    the step would be of length c·‖g_0‖ along rounding errors. Where g_0 = 0, d is 0.

    The authors' code also multiplies by T, which this does not: at c = 0 the weights are 1/T, and
    sum to 1.

    Args:
        context: the tasks.
        c: radius of the ball around g_0 in units of ‖g_0‖, at least 0; the paper's is below 1.
        rescale: divide d by 1 + c² (``square``), with which the authors' code and most others have
            their results, by 1 + c (``linear``) or not (``none``), as in the paper's algorithm.

    Example:
        As a method: ``hps+cagrad:c=0.5``.

        >>> jacobian = torch.tensor([[4.0, 0.0], [0.0, 2.0]])
        >>> benchbed.aggregate("cagrad:rescale=none", jacobian)
        tensor([2.0000, 1.8944])

    Source: B. Liu, X. Liu, X. Jin, P. Stone, Q. Liu: Conflict-Averse Gradient Descent for
    Multi-task Learning, NeurIPS 2021, algorithm 1.
    """

    level: ClassVar[Level] = "gramian"
    sums_to: ClassVar[str] = "free"

    def __init__(
        self, context: WeightingContext, *, c: float = 0.4, rescale: str = "square"
    ) -> None:
        super().__init__(context)
        self.c = c
        self.divisor = {"none": 1.0, "linear": 1.0 + c, "square": 1.0 + c * c}[rescale]

    def weights(self, gramian: Tensor, losses: Mapping[str, Tensor]) -> Tensor:
        """Return (1/T + √φ/‖g_w‖·w)/divisor.

        Args:
            gramian: G, ``(T, T)``, float64.
            losses: not looked at.

        Returns:
            The weights, ``(T,)``, float64.

        Raises:
            RunError: a gradient is infinite or NaN.
        """
        g = gramian.numpy()
        weights = np.full(len(g), 1.0 / len(g))
        used, lengths, cosines = unit_gramian(g)
        if self.c > 0.0 and used.any():
            # in gradients of length 1, and relative to the longest: g_0 = Σ_i average_i·u_i
            scale = lengths.max() / lengths
            average = 1.0 / (len(g) * scale)
            inverse_lengths = scale / scale.max()
            weights[used] += scale * _added(cosines, average, inverse_lengths, self.c, used)
        return torch.from_numpy(weights / self.divisor)


def _added(
    c: np.ndarray, average: np.ndarray, b: np.ndarray, reach: float, used: np.ndarray
) -> np.ndarray:
    """Return the coefficients y of d − g_0 in the unit gradients u_i = g_i/s_i.

    At level μ = min_i g_i·d, d is the projection of g_0 on {d: g_i·d ≥ μ for all i}. With
    q_i = g_0·u_i and b = 1/s its conditions are y ≥ 0, z = C·y + q − μ·b ≥ 0 and yᵀz = 0. The
    larger μ, the longer is d − g_0; wanted is the μ for which it is c·‖g_0‖ long.

    Args:
        c: the cosines of the gradients, C, ``(T, T)`` of the T gradients that are not 0.
        average: coefficients of g_0 in the unit gradients, ``(T,)``.
        b: inverse lengths, ``(T,)``.
        reach: CAGrad's c.
        used: which of all tasks' gradients are not 0; with one that is, μ is 0 at most.
    """
    q = c @ average
    size = np.abs(c) @ average
    square = float(average @ q)
    if square <= ROUNDING * float(average @ size):
        return np.zeros(len(q))
    phi = reach**2 * square
    if not used.all():
        harmless = dual_cone_projections(c, average[None])[0]
        if harmless @ c @ harmless <= phi:
            return harmless
    found = _all_at_once(c, q, b, phi, size)
    if found is None:
        found = _one_by_one(c, q, b, phi)
    return found


def _all_at_once(
    c: np.ndarray, q: np.ndarray, b: np.ndarray, phi: float, size: np.ndarray
) -> np.ndarray | None:
    """Guess which y are above 0, solve for them and for μ, and turn the wrong guesses around."""
    guess = np.zeros(len(q), dtype=bool)
    guess[np.argmin(q / b)] = True
    magnitudes = np.abs(c)
    for _ in range(_BLOCK_STEPS):
        active = np.flatnonzero(guess)
        try:
            start, slope = _line(c, q, b, active)
        except np.linalg.LinAlgError:
            return None
        level = _level(start, slope, q[active], b[active], phi)
        if level is None:
            return None
        y = np.zeros(len(q))
        y[active] = start + level * slope
        noise = ROUNDING * (magnitudes @ np.abs(y) + size + abs(level) * b)
        short = c @ y + q - level * b < -noise
        wrong = np.where(guess, y < 0.0, short)
        if not wrong.any():
            exact = noise.max() < 1e-11 * size.max()
            return y if exact else None
        guess ^= wrong
        if not guess.any():
            return None
    return None


def _one_by_one(c: np.ndarray, q: np.ndarray, b: np.ndarray, phi: float) -> np.ndarray:
    """Raise μ from where y = 0, past each place where a y leaves 0 or comes back to it."""
    y = np.zeros(len(q))
    active = [int(np.argmin(q / b))]
    level = float(np.min(q / b))
    magnitudes = np.abs(c)
    for _ in range(20 * len(q)):
        start, slope = _line(c, q, b, active)
        goal = _level(start, slope, q[active], b[active], phi)
        exits = _zeros(start, slope, slope < 0.0)
        columns = c[:, active]
        fall = columns @ slope - b
        falling = fall < -ROUNDING * (magnitudes[:, active] @ np.abs(slope) + b)
        falling[active] = False
        entries = _zeros(q + columns @ start, fall, falling)
        leaving = int(np.argmin(exits))
        entering = int(np.argmin(entries))
        end = min(exits[leaving], entries[entering])
        done = goal is not None and goal <= end
        reached = goal if done else end
        level = max(level, reached)
        y = np.zeros(len(q))
        y[active] = np.maximum(start + level * slope, 0.0)
        if done:
            break
        if exits[leaving] <= entries[entering]:
            y[active.pop(leaving)] = 0.0
            continue
        parts, dependent = depends(c, active, entering)
        if dependent:
            # d stays where it is while this y rises and others fall; if none falls, a convex
            # combination of the gradients is 0, and μ is at its largest
            falls = parts > 1e-8 * np.abs(parts).max()
            if not falls.any():
                break
            rise = _zeros(y[active], -parts, falls)
            leaving = int(np.argmin(rise))
            y[active] = np.maximum(y[active] - rise[leaving] * parts, 0.0)
            y[entering] = rise[leaving]
            y[active.pop(leaving)] = 0.0
        active.append(entering)
    return y


def _line(
    c: np.ndarray, q: np.ndarray, b: np.ndarray, active: np.ndarray | list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return y at μ = 0 and its slope in μ, on the active set with z = 0 there."""
    right = np.array([-q[active], b[active]]).T
    found = np.linalg.solve(c[np.ix_(active, active)], right)
    return found[:, 0], found[:, 1]


def _level(
    start: np.ndarray, slope: np.ndarray, q: np.ndarray, b: np.ndarray, phi: float
) -> float | None:
    """Return the larger μ at which ‖Σ_i y_i·u_i‖² = φ, if there is one."""
    second, first, constant = slope @ b, start @ b, -(start @ q) - phi
    root = first * first - second * constant
    if not (root >= 0.0 and second > 0.0):
        return None
    return float((np.sqrt(root) - first) / second)


def _zeros(start: np.ndarray, slope: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Return where start + x·slope = 0 for those named, infinity for the others."""
    found = np.full(len(start), np.inf)
    found[where] = -start[where] / slope[where]
    return found
