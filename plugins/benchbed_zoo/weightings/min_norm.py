"""The shortest vector in a convex hull, from the Gramian of its corners."""

from __future__ import annotations

import numpy as np


def min_norm_weights(gramian: np.ndarray, tolerance: float = 1e-12) -> np.ndarray:
    """Return w ≥ 0 with Σ w = 1 that minimises wᵀGw, by Wolfe's finite active-set method.

    Optimal is a w for which (Gw)_i ≥ wᵀGw for all i (P. Wolfe: Finding the nearest point in a
    polytope, Mathematical Programming 11, 1976).

    Args:
        gramian: G, ``(T, T)``, positive semi-definite up to rounding, float64.
        tolerance: on the optimality condition, relative to the largest diagonal entry.
    """
    count = len(gramian)
    scale = float(np.max(np.diag(gramian)))
    if scale <= 0.0:
        return np.full(count, 1.0 / count)
    g = gramian / scale
    active = [int(np.argmin(np.diag(g)))]
    w = np.zeros(count)
    w[active] = 1.0
    for _ in range(50 * count):
        products = g @ w
        entering = int(np.argmin(products))
        if products[entering] >= w @ products - tolerance or entering in active:
            break
        active.append(entering)
        while True:
            v = _affine_minimum(g[np.ix_(active, active)])
            old = w[active]
            if np.all(v > tolerance):
                w[:] = 0.0
                w[active] = v
                break
            falling = v <= tolerance
            step = min(
                1.0, float(np.min(old[falling] / np.maximum(old[falling] - v[falling], 1e-300)))
            )
            moved = old + step * (v - old)
            w[:] = 0.0
            w[active] = np.maximum(moved, 0.0)
            kept = [i for i, x in zip(active, moved, strict=True) if x > tolerance]
            if len(kept) == len(active):
                kept.remove(active[int(np.argmin(moved))])
            active = kept
            w[[i for i in range(count) if i not in active]] = 0.0
            w /= w.sum()
    return w


def _affine_minimum(g: np.ndarray) -> np.ndarray:
    """Return the v with Σ v = 1 that minimises vᵀGv, v of any sign."""
    count = len(g)
    system = np.zeros((count + 1, count + 1))
    system[:count, :count] = g
    system[:count, count] = system[count, :count] = 1.0
    right = np.zeros(count + 1)
    right[count] = 1.0
    return np.linalg.lstsq(system, right, rcond=None)[0][:count]
