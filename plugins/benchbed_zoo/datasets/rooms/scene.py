"""A scene from a seed: the furnished room, its surfaces, lights and the camera's pose."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from benchbed_zoo.datasets.rooms.layout import furnish
from benchbed_zoo.datasets.rooms.model import (
    CHECKS,
    MOTTLE,
    PLAIN,
    STRIPES,
    TILES,
    Model,
    Paint,
    Painter,
    hsv,
)
from benchbed_zoo.datasets.rooms.things import ceiling_lamp
from benchbed_zoo.datasets.rooms.trace import Solids, box_interval, unit

VIEW: Final = math.radians(62)
"""Angle of view along the image's shorter side; the same in all scenes, as in one camera."""
POSES: Final = 10
"""Camera poses that are looked at before one is taken."""
STRUCTURE: Final = frozenset({"wall", "floor", "ceiling", "window", "picture"})
"""Classes that are parts of the room rather than things in it."""


@dataclass(frozen=True, slots=True)
class Light:
    """A point light: where it is, and its colour times its power."""

    at: np.ndarray
    colour: np.ndarray


@dataclass(frozen=True, slots=True)
class Camera:
    """Where the camera is, and its axes: rows right, down and forwards."""

    eye: np.ndarray
    axes: np.ndarray

    def rays(self, height: int, width: int) -> np.ndarray:
        """Return directions ``(3, height · width)`` of length 1 along the optical axis.

        So a ray's parameter is the depth.
        """
        row, column = np.divmod(np.arange(height * width), width)
        x = (column + 0.5 - width / 2) / focal(height, width)
        y = (row + 0.5 - height / 2) / focal(height, width)
        right, down, forward = self.axes[:, :, None]
        return x * right + y * down + forward


def focal(height: int, width: int) -> float:
    """Return the focal length in pixels; the principal point is the image's centre."""
    return 0.5 * min(height, width) / math.tan(VIEW / 2)


@dataclass(frozen=True, slots=True)
class Scene:
    """A room, centred on x = y = 0 with its floor at z = 0, and all that is in it.

    Its surfaces are the solids and, after them, the room's six faces: those at the lower and upper
    x, at the lower and upper y, the floor and the ceiling.

    Attributes:
        size: ``(3,)``, the room's width, depth and height in metres.
        solids: what is in it.
        instance: ``(N + 6,)``, each surface's instance.
        part: ``(N + 6,)``, each surface's part of a human figure, 0 for all else.
        paints: of each surface.
        labels: the class of each instance.
        lights: point lights.
        ambient: light that comes from everywhere.
    """

    size: np.ndarray
    solids: Solids
    instance: np.ndarray
    part: np.ndarray
    paints: list[Paint]
    labels: list[str]
    lights: list[Light]
    ambient: float

    def hits(self, camera: Camera, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return depth ``(P,)`` and surface ``(P,)`` where a camera's rays ``(3, P)`` first hit."""
        where, which = self.solids.nearest(camera.eye, directions)
        half, middle = self.size / 2, np.array([0.0, 0.0, self.size[2] / 2])
        start, along = (camera.eye - middle) / half, directions / half[:, None]
        _, leave = box_interval(list(start), list(along))
        local = start[:, None] + leave * along
        axis = np.abs(local).argmax(axis=0)
        face = 2 * axis + (np.take_along_axis(local, axis[None], 0)[0] > 0)
        behind = where > leave
        surface = np.where(behind, len(self.solids.kind) + face, which)
        return np.where(behind, leave, where), surface


def make_scene(seed: int, split: int, index: int, people: float) -> tuple[Scene, Camera]:
    """Return the scene of a position in a split, whatever the split's size, and the camera's pose.

    Args:
        seed: of the data set.
        split: the split's position.
        index: the scene's position in the split.
        people: the share of scenes with a figure.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(split, index)))
    size = np.array([rng.uniform(3.4, 7.0), rng.uniform(3.4, 7.0), rng.uniform(2.35, 2.9)])
    model = furnish(rng, size, people)
    lights = _lights(rng, size, model)
    first = len(model.labels)
    scene = Scene(
        size=size,
        solids=solids_of(model),
        instance=np.array([*(solid.instance for solid in model.solids), *range(first, first + 6)]),
        part=np.array([solid.part for solid in model.solids] + [0] * 6),
        paints=[solid.paint for solid in model.solids] + _faces(rng),
        labels=[*model.labels, "wall", "wall", "wall", "wall", "floor", "ceiling"],
        lights=lights,
        ambient=float(rng.uniform(0.12, 0.35)),
    )
    return scene, _camera(rng, scene)


def solids_of(model: Model) -> Solids:
    """Return a model's solids as arrays."""
    return Solids(
        np.array([solid.kind for solid in model.solids]),
        np.array([solid.centre for solid in model.solids]),
        np.array([solid.axes for solid in model.solids]),
        np.array([solid.half for solid in model.solids], dtype=float),
    )


def _faces(rng: np.random.Generator) -> list[Paint]:
    """Return the paints of the room's faces, in their order."""
    paints = Painter(rng)
    pale = hsv(rng.random(), rng.uniform(0, 0.35), rng.uniform(0.6, 0.97))
    second = hsv(rng.random(), rng.uniform(0, 0.35), rng.uniform(0.55, 0.95))
    pattern = int(rng.choice([PLAIN, MOTTLE, STRIPES, TILES], p=[0.5, 0.2, 0.2, 0.1]))
    wall = Paint(
        pale,
        second,
        pattern,
        scale=rng.uniform(0.15, 0.5),
        phase=paints.phase(),
        share=0.06 if pattern == TILES else rng.uniform(0.2, 0.5),
    )
    walls = [replace(wall, along=1 if k < 2 else 0) for k in range(4)]
    if rng.random() < 0.25:
        accent = hsv(rng.random(), rng.uniform(0.3, 0.7), rng.uniform(0.4, 0.9))
        walls[rng.integers(4)] = Paint(accent)
    white = hsv(0.12, rng.uniform(0, 0.08), rng.uniform(0.85, 0.98))
    return [*walls, _floor(rng, paints), Paint(white)]


def _floor(rng: np.random.Generator, paints: Painter) -> Paint:
    """Return the paint of parquet, tiles or carpet."""
    if rng.random() < 0.5:
        return replace(paints.wood(int(rng.integers(2))), scale=rng.uniform(0.15, 0.4))
    if rng.random() < 0.5:
        colour, value = rng.random(), rng.uniform(0.4, 0.9)
        return Paint(
            hsv(colour, rng.uniform(0, 0.3), value),
            hsv(colour, rng.uniform(0, 0.3), value * rng.uniform(0.3, 0.8)),
            int(rng.choice([TILES, CHECKS])),
            scale=rng.uniform(0.3, 0.6),
            phase=paints.phase(),
            share=0.05,
            gloss=rng.uniform(0, 0.5),
        )
    return replace(paints.cloth(0.6), pattern=int(rng.choice([PLAIN, MOTTLE])), echo=0.7)


def _lights(rng: np.random.Generator, size: np.ndarray, model: Model) -> list[Light]:
    """Hang one to three lamps, and let light in by the windows."""
    lights = []
    for _ in range(rng.integers(1, 4)):
        lamp = ceiling_lamp(rng)
        at = np.append(rng.uniform(-0.35, 0.35, 2) * size[:2], size[2])
        model.attach(lamp, at)
        warm = np.array([1.0, rng.uniform(0.75, 0.95), rng.uniform(0.5, 0.85)])
        below = min(float(solid.centre[2] - solid.half[2]) for solid in lamp.solids)
        lights.append(Light(at + np.array([0.0, 0.0, below - 0.05]), warm * rng.uniform(0.5, 1.5)))
    inward = [
        solid.centre + 0.4 * solid.axes[1]
        for solid in model.solids
        if model.labels[solid.instance] == "window" and solid.paint.glow
    ]
    day = rng.uniform(0.0, 1.5) * np.array([0.85, 0.95, 1.0])
    lights += [Light(at, day) for at in inward[:2]]
    return lights


def _camera(rng: np.random.Generator, scene: Scene) -> Camera:
    """Return, of several poses, the one that shows most: things, near ones but none too near."""
    things = [k for k, label in enumerate(scene.labels) if label not in STRUCTURE]
    figures = sorted(set(scene.instance[scene.part > 0].tolist()))
    poses = [_pose(rng, scene, figures if figures and k % 4 else things) for k in range(POSES)]
    return poses[int(np.argmax([_score(scene, pose) for pose in poses]))]


def _pose(rng: np.random.Generator, scene: Scene, things: list[int]) -> Camera:
    """Return a pose at eye height that looks about at one of some instances."""
    slack = scene.size[:2] / 2 - 0.25
    eye = np.append(rng.uniform(-slack, slack), rng.uniform(1.35, 1.65))
    chosen = scene.instance[: len(scene.solids.kind)] == things[rng.integers(len(things))]
    aim = scene.solids.centre[chosen].mean(axis=0) + rng.normal(0, 0.3, 3)
    forward = unit(aim - eye)
    forward[2] = min(max(forward[2], -0.35), -0.1)
    forward = unit(forward)
    flat = unit(np.array([forward[1], -forward[0], 0.0]))
    roll = float(rng.normal(0, 0.02))
    right = math.cos(roll) * flat + math.sin(roll) * np.cross(forward, flat)
    return Camera(eye, np.stack([right, np.cross(forward, right), forward]))


def _score(scene: Scene, camera: Camera) -> float:
    """Return how much a pose shows: the roots of the things' areas, and figures above all."""
    depth, surface = scene.hits(camera, camera.rays(12, 12))
    near, middle = np.percentile(depth, [3, 50])
    if scene.solids.contain(camera.eye) or near < 0.7 or middle < 1.8:
        return -1.0
    seen, first, counts = np.unique(scene.instance[surface], return_index=True, return_counts=True)
    shown = np.array([scene.labels[k] not in STRUCTURE for k in seen])
    figure = scene.part[surface[first]] > 0
    area = np.where(figure, np.minimum(counts, 40), np.minimum(counts, 16))
    return float((shown * np.where(figure, 5, 1) * np.sqrt(area)).sum())
