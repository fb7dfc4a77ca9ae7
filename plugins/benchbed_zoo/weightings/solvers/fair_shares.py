"""Combinations of gradients in which every task's share follows from its weight."""

from __future__ import annotations

import numpy as np

from benchbed.basics.errors import RunError
from benchbed_zoo.weightings.solvers.min_norm import ROUNDING

_STEPS = 300
_STATIONARY = 1e-8


def fair_shares(c: np.ndarray, factors: np.ndarray, power: float) -> np.ndarray | None:
    """Return the β > 0 with (Cβ)_i = k_i·β_i^(−p) for all i, or ``None`` if there is none.

    It is the least of the convex ½βᵀCβ − Σ_i k_i·β_i^(1−p)/(1−p) (of −k_i·log β_i for p = 1), found
    by Newton's method with a line search, in coordinates relative to β, so that numbers of very
    different size blur nothing. Before each step β is brought to the best multiple of itself.
    There is none where a convex combination of the gradients is 0: β would grow for ever. That is
    taken to be so when β, divided by its sum, gives a combination whose square is 0 up to rounding.
    (So, with p far above 1, is it where all k_i·β_i^(1−p) have drowned in rounding on the way.)

    What is left of β_i·(Cβ)_i − k_i·β_i^(1−p) is the rounding of its terms, 1e-16·β_i·(|C|β)_i. It
    is small beside k_i·β_i^(1−p) itself unless the gradients nearly cancel out.

    Args:
        c: C, the cosines of the gradients, ``(T, T)``.
        factors: k, ``(T,)``, above 0.
        power: p, above 0.

    Returns:
        β, ``(T,)``, or ``None``.

    Raises:
        RunError: the steps ended without a solution where the gradients do not cancel out.

    Example:
        >>> fair_shares(np.eye(2), np.array([1.0, 4.0]), 1.0)
        array([1., 2.])
    """
    magnitudes = np.abs(c)
    diagonal = np.arange(len(c))
    beta = factors ** (1.0 / (1.0 + power))
    best = None
    least = np.inf
    for _ in range(_STEPS):
        products = c @ beta
        square = float(beta @ products)
        if square <= ROUNDING * beta.sum() ** 2:
            return None
        shares = factors * beta ** (1.0 - power)
        multiple = (shares.sum() / square) ** (1.0 / (1.0 + power))
        beta = beta * multiple
        shares *= multiple ** (1.0 - power)
        missing = shares - beta * products * multiple
        if np.abs(missing / shares).max() < 1e-3:
            size = beta * (magnitudes @ beta) + shares
            error = float((np.abs(missing) / size).max())
            if error < least:
                best, least = beta, error
            elif least < 1e-12:
                break
            if error < ROUNDING / 16.0:
                break
        roots = np.sqrt(beta * beta + power * shares)
        relative = beta / roots
        system = relative[:, None] * c * relative
        system[diagonal, diagonal] = 1.0
        try:
            step = np.linalg.solve(system, missing / roots) / roots
        except np.linalg.LinAlgError:
            break
        if np.abs(step).max() >= 0.1:
            moved = beta * (c @ (beta * step))
            length = _length(moved, shares, power, step, missing)
            if length == 0.0:
                break
            step *= length
        beta = beta * (1.0 + step)
    if best is None and square > _STATIONARY * beta.sum() ** 2:
        raise RunError(
            "The equations of fair shares were not solved for this step's gradients: use an alpha "
            "nearer to 1, or another strategy."
        )
    return best


def _length(
    moved: np.ndarray, shares: np.ndarray, power: float, step: np.ndarray, missing: np.ndarray
) -> float:
    """Return how much of a step to take: all of it, what lowers the function enough, or none.

    Args:
        moved: β_i·(C(β·step))_i, ``(T,)``; the step is relative to β.
        shares: k_i·β_i^(1−p), ``(T,)``.
        power: p.
        step: ``(T,)``.
        missing: the function's slope, with the sign turned, ``(T,)``.
    """
    # so far that every β stays above 0
    length = min(1.0, 0.95 / max(float(-step.min()), 1e-300))
    slope = float(moved.sum())
    bend = float(step @ moved)
    gain = float(missing @ step)
    noise = ROUNDING * float(np.abs(moved).sum() + shares @ np.abs(step))
    for _ in range(20):
        grown = np.log1p(length * step)
        if power != 1.0:
            grown = np.expm1((1.0 - power) * grown) / (1.0 - power)
        change = length * slope + length**2 / 2.0 * bend - float(shares @ grown)
        if change <= noise - 0.1 * length * gain:
            return length
        length /= 2.0
    return 0.0
