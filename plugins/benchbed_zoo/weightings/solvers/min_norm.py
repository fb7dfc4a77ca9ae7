"""The shortest vector in a convex hull, from the Gramian of its corners."""

from __future__ import annotations

from typing import Final

import numpy as np

ROUNDING: Final = 16 * np.finfo(np.float64).eps


def min_norm_weights(gramian: np.ndarray, normalisers: np.ndarray | None = None) -> np.ndarray:
    """Return w ≥ 0 with Σ w = 1 that minimises ‖Σ_t w_t·g_t/n_t‖², by an active-set method.

    Optimal is a w for which (Gw)_i ≥ wᵀGw for all i (P. Wolfe: Finding the nearest point in a
    polytope, Mathematical Programming 11, 1976). The gradients' lengths are divided out first, so
    that lengths of very different size blur nothing: with s_i² = G_ii, C = G/(s sᵀ), v = s·w/n and
    b = n/s the problem is min vᵀCv with bᵀv = 1, v ≥ 0. Gradients of length zero share all weight;
    a gradient whose n is 0, so infinitely long, gets none.

    Args:
        gramian: G, ``(T, T)``, positive semi-definite up to rounding, float64.
        normalisers: n, ``(T,)``, what each gradient is divided by, at least 0 and not all 0; 1 if
            not given.

    Returns:
        w, ``(T,)``.

    Example:
        >>> min_norm_weights(np.diag([1.0, 3.0]))
        array([0.75, 0.25])
    """
    squares = np.diag(gramian)
    if np.any(squares <= 0.0):
        none = (squares <= 0.0).astype(np.float64)
        return none / none.sum()
    lengths = np.sqrt(squares)
    c = gramian / lengths[:, None] / lengths
    b = lengths.min() / lengths
    if normalisers is not None:
        b = b * normalisers
        b /= b.max()
    bordered = np.block([[c, b[:, None]], [b, np.zeros(1)]])
    active = [int(np.argmax(b))]
    v = np.zeros(len(b))
    v[active] = 1.0 / b[active]
    best = np.inf
    for _ in range(20 * len(b)):
        products = c @ v
        value = float(v @ products)
        if value <= 0.0:
            break
        slack = products - value * b
        slack[active] = np.inf
        entering = int(np.argmin(slack))
        size = np.abs(c[entering]) @ v + value * b[entering]
        if slack[entering] >= -ROUNDING * size or value >= best:
            break
        best = value
        active.append(entering)
        v, active = _descend(bordered, v, active)
    weights = v * b
    found: np.ndarray = weights / weights.sum()
    return found


def _descend(
    bordered: np.ndarray, v: np.ndarray, active: list[int]
) -> tuple[np.ndarray, list[int]]:
    """Go to the optimum on the active set, leaving it where an entry would become negative."""
    while True:
        wanted = _stationary(bordered, active)
        falling = wanted <= 0.0
        moved = np.zeros(len(v))
        if not falling.any():
            moved[active] = wanted
            return moved, active
        old = v[active]
        ratios = np.full(len(active), np.inf)
        ratios[falling] = old[falling] / (old[falling] - wanted[falling] + 1e-300)
        leaving = int(np.argmin(ratios))
        share = min(1.0, float(ratios[leaving]))
        moved[active] = np.maximum(old + share * (wanted - old), 0.0)
        moved[active[leaving]] = 0.0
        v = moved
        active = active[:leaving] + active[leaving + 1 :]


def _stationary(bordered: np.ndarray, active: list[int]) -> np.ndarray:
    """Return the v with bᵀv = 1 that minimises vᵀCv on the active set, of any sign."""
    rows = np.array([*active, len(bordered) - 1])
    system = bordered[rows[:, None], rows]
    right = np.zeros(len(rows))
    right[-1] = 1.0
    try:
        found = np.linalg.solve(system, right)
    except np.linalg.LinAlgError:
        found = np.linalg.lstsq(system, right, rcond=None)[0]
    solution: np.ndarray = found[:-1]
    return solution
