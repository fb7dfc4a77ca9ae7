"""Projections on a dual cone, from the Gramian of the vectors that span the cone."""

from __future__ import annotations

import numpy as np

from benchbed.basics.errors import RunError
from benchbed_zoo.weightings.solvers.min_norm import ROUNDING

_BLOCK_STEPS = 20
_WHOLE_STEPS = 3


def finite(gramian: np.ndarray) -> np.ndarray:
    """Return a Gramian as it is, all of whose entries are finite.

    Args:
        gramian: G, ``(T, T)``.

    Raises:
        RunError: some are not.
    """
    if not np.isfinite(gramian).all():
        raise RunError(
            "A task's gradient is infinite or NaN, so tasks cannot be weighed: lower the learning "
            "rate, or look at the losses."
        )
    return gramian


def unit_gramian(gramian: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which gradients are not zero, their lengths s, and C = G/(s sᵀ) of these.

    What is solved with C is as exact for short gradients as for long ones: rounding blurs an entry
    of G in proportion to its own two lengths, so that every entry of C is good to 1e-16.

    Args:
        gramian: G, ``(T, T)``.

    Returns:
        Which are not zero, bool ``(T,)``; of these, U in number, s, ``(U,)``, and C, ``(U, U)``.

    Raises:
        RunError: a gradient is not finite.

    Example:
        >>> used, lengths, cosines = unit_gramian(np.diag([9.0, 0.0, 4.0]))
        >>> lengths
        array([3., 2.])
    """
    squares = np.diag(finite(gramian))
    used = squares > 0.0
    lengths = np.sqrt(squares[used])
    kept = gramian
    if not used.all():
        kept = gramian[np.ix_(used, used)]
    return used, lengths, kept / lengths[:, None] / lengths


def dual_cone_projections(c: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return for each vector Σ_i u_i·e_i the y ≥ 0 of its projection Σ_i (u_i + y_i)·e_i.

    The projection is the nearest vector d with e_i·d ≥ 0 for all i; with q = C·u, y is the least of
    ½yᵀCy + qᵀy over y ≥ 0: z = Cy + q ≥ 0 and yᵀz = 0. All rows are solved side by side by block
    principal pivoting (J. Júdice and F. Pires, Computers & Operations Research 21, 1994): guess
    which y are not 0, solve for them, and turn the guesses around that were wrong, soon only the
    worst of them. Rows for which that does not end, or for which C is singular, go on one
    coefficient at a time, which always ends (C. Lawson and R. Hanson, Solving Least Squares
    Problems, 1974, chapter 23).

    Conditions hold to 1e-12 of the sizes of their terms, with one limit: a vector that differs from
    a combination of others by less than about 2e-7 counts as that combination, as the square of the
    difference is lost in the rounding of C. What d then misses of e_i·d ≥ 0 is at most 1e-7.

    Args:
        c: C = (e_i·e_j), ``(T, T)``, of vectors e of length 1.
        targets: one u a row, ``(R, T)``.

    Returns:
        One y a row, ``(R, T)``.

    Example:
        >>> cosines = np.array([[1.0, -0.5], [-0.5, 1.0]])
        >>> dual_cone_projections(cosines, np.eye(2))
        array([[0. , 0.5],
               [0.5, 0. ]])
    """
    magnitudes = np.abs(c)
    linear = targets @ c
    sizes = np.abs(targets) @ magnitudes
    found = np.zeros_like(linear)
    guesses = linear < 0.0
    todo = np.flatnonzero(guesses.any(axis=1))
    for step in range(_BLOCK_STEPS):
        if not len(todo):
            return found
        guess = guesses[todo]
        try:
            y = _solve_each(c, linear[todo], guess)
        except np.linalg.LinAlgError:
            break
        size = np.abs(y) @ magnitudes + sizes[todo]
        slack = y @ c + linear[todo]
        negative = np.where(guess, -y, 0.0)
        missing = np.where(guess, 0.0, -slack - ROUNDING * size)
        wrong = (negative > 0.0) | (missing > 0.0)
        fits = ~wrong.any(axis=1)
        found[todo[fits]] = y[fits]
        if step >= _WHOLE_STEPS:
            wrong = _worst(negative) | _worst(missing)
        guesses[todo] = guess ^ wrong
        todo = todo[~fits]
    for row in todo:
        found[row] = _one_at_a_time(c, linear[row], sizes[row], guesses[row])
    return found


def _worst(amounts: np.ndarray) -> np.ndarray:
    """Return which are at least half as large as their row's largest, and above 0."""
    return (amounts > 0.0) & (amounts >= 0.5 * amounts.max(axis=1, keepdims=True))


def _solve_each(c: np.ndarray, linear: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """Return for each row the y with Cy + q = 0 where ``guess`` says so, and y = 0 elsewhere.

    Rows have systems of different sizes. All get that of the largest, W equations, of which a
    smaller one fills the rest with y = 0.

    Args:
        c: C, ``(T, T)``.
        linear: one q a row, ``(R, T)``.
        guess: bool, ``(R, T)``.
    """
    width = int(guess.sum(axis=1).max())
    # the guessed places come first in each row, (R, W)
    places = np.argsort(~guess, axis=1, kind="stable")[:, :width]
    rows = np.arange(len(guess))[:, None]
    real = guess[rows, places]
    # (R, W, W), read off C by its flat indices
    systems = c.take(places[:, :, None] * len(c) + places[:, None, :])
    systems *= real[:, :, None] & real[:, None, :]
    systems[:, np.arange(width), np.arange(width)] = 1.0
    right = np.where(real, -linear[rows, places], 0.0)
    y = np.zeros_like(linear)
    y[rows, places] = np.linalg.solve(systems, right[:, :, None])[:, :, 0]
    return y


def _one_at_a_time(
    c: np.ndarray, q: np.ndarray, sizes: np.ndarray, guess: np.ndarray
) -> np.ndarray:
    """Bring in the coefficient that helps most, and leave out those that become negative."""
    count = len(q)
    magnitudes = np.abs(c)
    y, active = _start(c, q, guess)
    idle = np.zeros(count, dtype=bool)
    best = np.inf
    for _ in range(20 * count):
        products = c @ y
        value = float(y @ products) / 2.0 + float(q @ y)
        slack = products + q
        slack[active] = np.inf
        slack[idle] = np.inf
        entering = int(np.argmin(slack))
        size = float(magnitudes[entering] @ y) + sizes[entering]
        if slack[entering] >= -ROUNDING * size or value >= best:
            break
        if depends(c, active, entering)[1]:
            idle[entering] = True  # what is left of its slack is rounding
            continue
        try:
            y, active = _descend(c, q, y, [*active, entering])
        except np.linalg.LinAlgError:
            idle[entering] = True
            continue
        best = value
        idle[:] = False
    return y


def depends(c: np.ndarray, active: list[int], index: int) -> tuple[np.ndarray, bool]:
    """Return a gradient's coefficients in those of a set, and whether it is their combination.

    Args:
        c: the cosines of the gradients, ``(T, T)``.
        active: the set, A places.
        index: the gradient's place.

    Returns:
        The coefficients, ``(A,)``, and the verdict.
    """
    if not active:
        return np.zeros(0), False
    column = c[active, index]
    try:
        h = np.linalg.solve(c[np.ix_(active, active)], column)
    except np.linalg.LinAlgError:
        return np.zeros(len(active)), True
    rest = c[index, index] - h @ column
    return h, bool(rest <= 4.0 * ROUNDING * (1.0 + np.abs(h).sum()) ** 2)


def _start(c: np.ndarray, q: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Return the optimum on the part of a guess where it is positive, or nothing."""
    active = np.flatnonzero(guess)
    wanted = np.zeros(0)
    y = np.zeros(len(q))
    try:
        while len(active):
            system = c[np.ix_(active, active)]
            smallest = np.diag(np.linalg.cholesky(system)).min()
            if smallest**2 <= 4.0 * ROUNDING * len(active):
                return y, []
            wanted = np.linalg.solve(system, -q[active])
            if wanted.min() > 0.0:
                break
            active = active[wanted > 0.0]
    except np.linalg.LinAlgError:
        return y, []
    y[active] = wanted[: len(active)]
    return y, active.tolist()


def _descend(
    c: np.ndarray, q: np.ndarray, y: np.ndarray, active: list[int]
) -> tuple[np.ndarray, list[int]]:
    """Go to the optimum on the active set, leaving it where an entry would become negative."""
    while active:
        wanted = np.linalg.solve(c[np.ix_(active, active)], -q[active])
        falling = wanted <= 0.0
        moved = np.zeros(len(q))
        if not falling.any():
            moved[active] = wanted
            return moved, active
        old = y[active]
        ratios = np.full(len(active), np.inf)
        ratios[falling] = old[falling] / (old[falling] - wanted[falling])
        leaving = int(np.argmin(ratios))
        moved[active] = np.maximum(old + ratios[leaving] * (wanted - old), 0.0)
        y = moved
        y[active[leaving]] = 0.0
        active = active[:leaving] + active[leaving + 1 :]
    return np.zeros(len(q)), active
