"""Ray casting of boxes, cylinders and spheres, vectorised over pairs of a solid and a ray.

A solid is the image of a unit solid under an affine map: of the box |x|, |y|, |z| ≤ 1, the cylinder
x² + y² ≤ 1, |z| ≤ 1 or the sphere x² + y² + z² ≤ 1. A ray carried into the unit solid's frame keeps
its parameter, so distances need no conversion.

Sums of products are written out: unlike a matrix product's, their bits do not depend on the CPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

BOX: Final = 0
CYLINDER: Final = 1
SPHERE: Final = 2
CHUNK: Final = 16384
"""Rays cast at a time, which bounds the memory of large images."""
_TINY: Final = 1e-12
_SHY: Final = 1e-4
"""A shadow ray ends this share of its length before the point that it asks for."""


class Solids:
    """All solids of a scene.

    Attributes:
        kind: ``(N,)``, ``BOX``, ``CYLINDER`` (along its third axis) or ``SPHERE`` (an ellipsoid).
        centre: ``(N, 3)`` in metres.
        axes: ``(N, 3, 3)``; the rows are a solid's own axes as unit vectors.
        half: ``(N, 3)``, half the size along each of them.
    """

    def __init__(
        self, kind: np.ndarray, centre: np.ndarray, axes: np.ndarray, half: np.ndarray
    ) -> None:
        self.kind, self.centre, self.axes, self.half = kind, centre, axes, half
        # components first, so that gathering one of them for all pairs reads one row
        self._inverse = np.ascontiguousarray((axes / half[:, :, None]).transpose(1, 2, 0))
        square = half**2
        wide = np.where(kind == BOX, square[:, 0] + square[:, 1], square[:, :2].max(axis=1))
        tall = np.where(kind == SPHERE, np.maximum(wide, square[:, 2]), wide + square[:, 2])
        self._reach = np.sqrt(tall) * 1.001

    def nearest(self, origin: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the first solid that each ray enters.

        Args:
            origin: ``(3,)``, of all rays; a solid that contains it is not seen.
            directions: ``(3, P)``, of any length.

        Returns:
            the ray's parameter ``(P,)``, infinite where nothing is hit, and the solid's position
            ``(P,)``.
        """
        count = directions.shape[1]
        where, which = np.empty(count), np.empty(count, np.int64)
        for start in range(0, count, CHUNK):
            part = slice(start, start + CHUNK)
            entry = np.full((len(self.kind), len(where[part])), np.inf)
            for solid, ray, near in self._entries(origin, directions[:, part], np.inf):
                entry[solid, ray] = near
            which[part] = entry.argmin(axis=0)
            where[part] = entry.min(axis=0)
        return where, which

    def hidden(self, origin: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Return whether a solid stands between the origin ``(3,)`` and each point ``(3, P)``."""
        result = np.zeros(points.shape[1], dtype=bool)
        directions = points - origin[:, None]
        for start in range(0, len(result), CHUNK):
            part = slice(start, start + CHUNK)
            for _, ray, near in self._entries(origin, directions[:, part], 1.0):
                result[part][ray[near < 1 - _SHY]] = True
        return result

    def contain(self, point: np.ndarray) -> bool:
        """Return whether a point ``(3,)`` is inside a solid."""
        start = _turn(self._inverse, (point - self.centre).T)
        for kind, interval in enumerate(_INTERVALS):
            inside = list(start[:, self.kind == kind])
            near, far = interval(inside, [np.ones_like(x) for x in inside])
            if ((near < 0) & (far > 0)).any():
                return True
        return False

    def normals(self, which: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Return the outward unit normals ``(3, P)`` at points on the surfaces of solids.

        Args:
            which: ``(P,)``, the solids' positions.
            points: ``(3, P)``.
        """
        inverse = self._inverse[:, :, which]
        local = _turn(inverse, points - self.centre[which].T)
        kind = self.kind[which]
        size = np.abs(local)
        size[0] = np.where(kind == CYLINDER, np.sqrt(local[0] ** 2 + local[1] ** 2), size[0])
        size[1] = np.where(kind == CYLINDER, -1.0, size[1])
        face = size.argmax(axis=0)
        kept = face == np.arange(3)[:, None]
        kept |= (kind == SPHERE) | ((kind == CYLINDER) & (face == 0) & (np.arange(3) < 2)[:, None])
        return unit(_turn(inverse.transpose(1, 0, 2), np.where(kept, local, 0.0)))

    def _entries(
        self, origin: np.ndarray, directions: np.ndarray, limit: float
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield the solids, rays and parameters of all entries in front, kind by kind."""
        maybe = self._maybe(origin, directions, limit)
        start = _turn(self._inverse, (origin - self.centre).T)
        for kind, interval in enumerate(_INTERVALS):
            members = np.flatnonzero(self.kind == kind)
            solid, ray = np.nonzero(maybe[members])
            solid = members[solid]
            along = [
                sum(self._inverse[i, j][solid] * directions[j][ray] for j in range(3))
                for i in range(3)
            ]
            near, far = interval([start[i][solid] for i in range(3)], along)
            hit = (near < far) & (near > 0)
            yield solid[hit], ray[hit], near[hit]

    def _maybe(self, origin: np.ndarray, directions: np.ndarray, limit: float) -> np.ndarray:
        """Return which solids' surrounding spheres each ray meets before ``limit``, ``(N, P)``.

        The spheres are a little too large, so the bits of the matrix product decide nothing.
        """
        length = np.sqrt((directions**2).sum(axis=0))
        offset = self.centre - origin
        along = offset @ (directions / length)
        aside = (offset**2).sum(axis=1) - self._reach**2
        met = (along**2 >= aside[:, None]) & (along > -self._reach[:, None])
        return met & (along - self._reach[:, None] <= length * limit)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors ``(3, …)`` with length 1."""
    return vectors / np.sqrt((vectors**2).sum(axis=0))


def box_interval(start: list[np.ndarray], along: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the parameters at which rays enter and leave the unit box; near ≥ far: never."""
    near, far = np.full(len(along[0]), -np.inf), np.full(len(along[0]), np.inf)
    for position, step in zip(start, along, strict=True):
        one, other = _slab(position, step)
        near, far = np.maximum(near, one), np.minimum(far, other)
    return near, far


def _cylinder_interval(
    start: list[np.ndarray], along: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    one, other = _round(start[:2], along[:2])
    low, high = _slab(start[2], along[2])
    return np.maximum(one, low), np.minimum(other, high)


def _sphere_interval(
    start: list[np.ndarray], along: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    return _round(start, along)


_INTERVALS: Final = (box_interval, _cylinder_interval, _sphere_interval)


def _slab(position: np.ndarray, step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    step = np.where(np.abs(step) < _TINY, _TINY, step)
    low, high = (-1 - position) / step, (1 - position) / step
    return np.minimum(low, high), np.maximum(low, high)


def _round(start: list[np.ndarray], along: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the roots of |start + t·along|² = 1; the first is infinite where there are none."""
    a = np.maximum(sum(x * x for x in along), _TINY)
    b = sum(x * y for x, y in zip(start, along, strict=True))
    c = sum(x * x for x in start) - 1
    square = b * b - a * c
    root = np.sqrt(np.maximum(square, 0))
    return np.where(square > 0, (-b - root) / a, np.inf), (-b + root) / a


def _turn(matrices: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return the products of matrices ``(3, 3, P)`` and vectors ``(3, P)``."""
    return np.stack([sum(matrices[i, j] * vectors[j] for j in range(3)) for i in range(3)])
