"""The diffuse colour of points on painted surfaces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchbed_zoo.datasets.rooms.model import (
    ART,
    CHECKS,
    GRAIN,
    MOTTLE,
    SPINES,
    STRIPES,
    TILES,
    Paint,
)


def colours(paints: Sequence[Paint], which: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return linear colours ``(3, P)`` in [0, 1].

    Args:
        paints: of all surfaces.
        which: ``(P,)``, the surface of each point.
        points: ``(3, P)`` in the surfaces' own frames, in metres.
    """
    pattern = np.array([paint.pattern for paint in paints])[which]
    first = np.array([paint.colour for paint in paints])[which].T
    second = np.array([paint.second for paint in paints])[which].T
    weight = np.zeros((3, len(which)))
    for kind, mix in _MIXES.items():
        at = np.flatnonzero(pattern == kind)
        if len(at):
            weight[:, at] = mix(*_periods(paints, which[at], points[:, at]))
    return first + weight * (second - first)


def _periods(
    paints: Sequence[Paint], which: np.ndarray, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return positions in a pattern's periods, its own axis first, and the patterns' shares."""
    along = np.array([paint.along for paint in paints])[which]
    axes = (along + np.arange(3)[:, None]) % 3
    scale = np.array([paint.scale for paint in paints])[which]
    phase = np.array([paint.phase for paint in paints])[which].T
    share = np.array([paint.share for paint in paints])[which]
    return np.take_along_axis(points, axes, axis=0) / scale + phase, share


def _stripes(at: np.ndarray, share: np.ndarray) -> np.ndarray:
    return at[0] % 1 < share


def _checks(at: np.ndarray, share: np.ndarray) -> np.ndarray:
    return np.floor(at).sum(axis=0) % 2


def _grain(at: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Smooth bands, wound a little; very long ones are a gradient."""
    return 0.5 + 0.5 * _wave(at[0] + 0.15 * _wave(0.15 * at[1]) + 0.15 * _wave(0.12 * at[2]))


def _mottle(at: np.ndarray, share: np.ndarray) -> np.ndarray:
    coarse = _wave(at[0] + 0.3 * at[1]) * _wave(0.8 * at[1] - 0.4 * at[2])
    fine = _wave(2.3 * at[2] + 0.9 * at[0]) * _wave(1.9 * at[0] - 1.3 * at[1])
    return 0.5 + 0.3 * coarse + 0.2 * fine


def _tiles(at: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Joints between squares on every face, and squares that differ slightly."""
    joint = (at % 1 < share).any(axis=0)
    return np.where(joint, 1.0, 0.2 * _scatter(np.floor(at).sum(axis=0), 0))


def _spines(at: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Books side by side, each with colours of its own."""
    book = np.floor(at[0])
    return np.stack([_scatter(book, channel) for channel in range(3)])


def _art(at: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Blotches, different in each channel."""
    waves = [_wave(at[k] + 0.6 * _wave(1.3 * at[k - 1])) * _wave(0.7 * at[k - 2]) for k in range(3)]
    return 0.5 + 0.5 * np.stack(waves)


def _wave(turns: np.ndarray) -> np.ndarray:
    return np.sin(2 * np.pi * turns)


def _scatter(cell: np.ndarray, channel: int) -> np.ndarray:
    """Return a number in [0, 1) for each whole number, as if random."""
    mixed = (cell.astype(np.int64) + 7919 * channel) * 2654435761 % 2**32
    return (mixed ^ (mixed >> 15)) * 2246822519 % 2**32 / 2**32


_MIXES = {
    STRIPES: _stripes,
    CHECKS: _checks,
    GRAIN: _grain,
    MOTTLE: _mottle,
    TILES: _tiles,
    SPINES: _spines,
    ART: _art,
}
