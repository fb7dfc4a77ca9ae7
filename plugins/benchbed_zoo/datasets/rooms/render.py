"""An image of a scene with its exact maps, and the holes that a Kinect would leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from benchbed_zoo.datasets.parts.class_names import NYU13 as CLASSES
from benchbed_zoo.datasets.rooms.paint import colours
from benchbed_zoo.datasets.rooms.scene import STRUCTURE, Camera, Scene, make_scene
from benchbed_zoo.datasets.rooms.trace import unit

BASELINE: Final = 0.075
"""Distance from the depth camera to its emitter, to the right, in metres."""
RANGE: Final = (0.6, 6.5)
"""Depths in metres that the depth camera measures."""
ECHO: Final = 0.004
"""The weakest light, as a share of what a white surface at 1 m returns, that it still sees."""
SPECKLE: Final = 0.003
"""Share of pixels at which it fails for no reason."""
FALLOFF: Final = 2.0
"""Distance in metres at which a lamp gives half its light."""
HIGHLIGHT: Final = 24
GAMMA: Final = 2.2


@dataclass(frozen=True, slots=True)
class View:
    """What the camera sees of a scene, a value a pixel; ``P`` pixels row by row.

    Attributes:
        shape: height and width.
        depth: ``(P,)``, along the optical axis, in metres.
        surface: ``(P,)``, position of the surface.
        instance: ``(P,)``, its instance.
        points: ``(3, P)`` in the room's frame.
        normals: ``(3, P)``, of the room's frame, towards the camera.
        albedo: ``(3, P)``, linear diffuse reflectance in [0, 1].
    """

    shape: tuple[int, int]
    depth: np.ndarray
    surface: np.ndarray
    instance: np.ndarray
    points: np.ndarray
    normals: np.ndarray
    albedo: np.ndarray


def look(scene: Scene, camera: Camera, height: int, width: int) -> View:
    """Return what a camera sees of a scene."""
    rays = camera.rays(height, width)
    depth, surface = scene.hits(camera, rays)
    points = camera.eye[:, None] + depth * rays
    solids, count = scene.solids, len(scene.solids.kind)
    inside = surface < count
    normals, local = np.empty_like(points), points.copy()
    normals[:, inside] = solids.normals(surface[inside], points[:, inside])
    normals[:, ~inside] = _INWARD[surface[~inside] - count].T
    local[:, inside] = _own_frame(scene, surface[inside], points[:, inside])
    return View(
        shape=(height, width),
        depth=depth,
        surface=surface,
        instance=scene.instance[surface],
        points=points,
        normals=normals,
        albedo=np.clip(colours(scene.paints, surface, local), 0, 1),
    )


_INWARD: Final = np.array(
    [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], dtype=float
)


def _own_frame(scene: Scene, surface: np.ndarray, points: np.ndarray) -> np.ndarray:
    axes = scene.solids.axes[surface].transpose(1, 2, 0)
    return (axes * (points - scene.solids.centre[surface].T)).sum(axis=1)


def render(
    seed: int, split: int, index: int, height: int, width: int, people: float
) -> dict[str, np.ndarray]:
    """Return the columns' values of one scene as the cache holds them.

    Args:
        seed: of the data set.
        split: the split's position.
        index: the scene's position in the split.
        height: of the image in pixels.
        width: of it.
        people: the share of scenes with a figure.

    Returns:
        ``input`` and ``albedo`` in 255ths (3, H, W) uint8; ``depth`` in millimetres uint16 and
        ``normals`` in 32767ths (3, H, W) int16, both 0 in holes; the maps of classes uint8.
    """
    scene, camera = make_scene(seed, split, index, people)
    # its own stream: however many numbers the scene took, the noise is the same
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(split, index, 1)))
    view = look(scene, camera, height, width)
    image = expose(shade(scene, camera, view), view.shape, rng)
    seen = ~holes(scene, camera, view, rng)
    normals = _turned(camera.axes, view.normals) * seen
    classes = np.array([CLASSES.index(label) for label in scene.labels], dtype=np.uint8)
    flat = {
        "input": np.rint(image * 255).astype(np.uint8),
        "segmentation": classes[view.instance],
        "depth": np.rint(view.depth * seen * 1000).astype(np.uint16),
        "normals": np.rint(normals * 32767).astype(np.int16),
        "albedo": np.rint(view.albedo * 255).astype(np.uint8),
        "saliency": (view.instance == main_object(scene, view)).astype(np.uint8),
        "human_parts": scene.part[view.surface].astype(np.uint8),
    }
    maps = {key: value.reshape(*value.shape[:-1], height, width) for key, value in flat.items()}
    return {**maps, "edges": edges(view.instance.reshape(height, width))}


def edges(instance: np.ndarray) -> np.ndarray:
    """Return 1 where a pixel's instance differs from one of its four neighbours'.

    Edges are two pixels wide, so that those of a mirrored image are the mirrored edges.
    """
    result = np.zeros(instance.shape, dtype=np.uint8)
    across, down = instance[:, :-1] != instance[:, 1:], instance[:-1] != instance[1:]
    result[:, :-1] |= across
    result[:, 1:] |= across
    result[:-1] |= down
    result[1:] |= down
    return result


def main_object(scene: Scene, view: View) -> int:
    """Return the thing that fills most of the image, its middle counting most; -1 without any.

    A pixel's weight is (1 - r²)², where r is 0 in the image's middle and 1 in its corners.
    """
    height, width = view.shape
    y = (np.arange(height) + 0.5) / height * 2 - 1
    x = (np.arange(width) + 0.5) / width * 2 - 1
    weight = (1 - (y[:, None] ** 2 + x**2) / 2) ** 2
    total = np.bincount(view.instance, weight.ravel(), minlength=len(scene.labels))
    total[[label in STRUCTURE for label in scene.labels]] = 0
    return int(total.argmax()) if total.any() else -1


def shade(scene: Scene, camera: Camera, view: View) -> np.ndarray:
    """Return the linear light ``(3, P)`` that reaches the camera.

    Lambert's law and Blinn-Phong highlights under point lights with hard shadows, light from
    everywhere that is a little stronger from above, and what surfaces send out by themselves.
    """
    gloss = np.array([paint.gloss for paint in scene.paints])[view.surface]
    glow = np.array([paint.glow for paint in scene.paints])[view.surface]
    towards = unit(camera.eye[:, None] - view.points)
    diffuse = np.tile(scene.ambient * (0.85 + 0.15 * view.normals[2]), (3, 1))
    highlight = np.zeros_like(diffuse)
    for light in scene.lights:
        offset = light.at[:, None] - view.points
        square = (offset**2).sum(axis=0)
        incoming = offset / np.sqrt(square)
        cosine = np.maximum((incoming * view.normals).sum(axis=0), 0)
        lit = np.flatnonzero(cosine)
        cosine[lit[scene.solids.hidden(light.at, view.points[:, lit])]] = 0
        arriving = light.colour[:, None] * (cosine / (1 + square / FALLOFF**2))
        diffuse += arriving
        halfway = np.maximum((unit(incoming + towards) * view.normals).sum(axis=0), 0)
        highlight += arriving * gloss * halfway**HIGHLIGHT
    return view.albedo * (diffuse + glow) + highlight


def expose(light: np.ndarray, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return the image ``(3, P)`` in [0, 1] of a camera: exposure, tint, blur, noise and gamma."""
    tint = rng.uniform(0.9, 1.1, (3, 1))
    exposed = light * tint * (rng.uniform(0.18, 0.34) / light.mean())
    soft = _blurred(exposed.reshape(3, *shape), rng.uniform(0, 0.12)).reshape(3, -1)
    read, shot = rng.uniform(0.002, 0.012), rng.uniform(0.005, 0.03)
    noise = rng.standard_normal(soft.shape) * np.sqrt(read**2 + shot**2 * np.maximum(soft, 0))
    return np.clip(soft + noise, 0, 1) ** (1 / GAMMA)


def _blurred(image: np.ndarray, share: float) -> np.ndarray:
    """Return each pixel mixed with a share of each of its neighbours in a row and a column."""
    for axis in (1, 2):
        padded = np.pad(image, [(1, 1) if k == axis else (0, 0) for k in range(3)], mode="edge")
        before = np.take(padded, range(image.shape[axis]), axis)
        after = np.take(padded, range(2, image.shape[axis] + 2), axis)
        image = (1 - 2 * share) * image + share * (before + after)
    return image


def holes(scene: Scene, camera: Camera, view: View, rng: np.random.Generator) -> np.ndarray:
    """Return where a depth camera of structured light measures nothing, ``(P,)``.

    That is out of its range; where its emitter, ``BASELINE`` to the right, does not shine; where
    too little comes back, for a dark, glassy, slanting or distant surface; and at some pixels for
    no reason (K. Khoshelham, S. O. Elberink: Accuracy and Resolution of Kinect Depth Data, Sensors
    2012, names the causes).
    """
    emitter = camera.eye + BASELINE * camera.axes[0]
    offset = emitter[:, None] - view.points
    square = (offset**2).sum(axis=0)
    cosine = (offset * view.normals).sum(axis=0) / np.sqrt(square)
    echo = np.array([paint.echo for paint in scene.paints])[view.surface]
    back = echo * (0.1 + 0.9 * view.albedo.mean(axis=0)) * np.maximum(cosine, 0) / square
    random = rng.random((2, len(square)))
    return (
        (view.depth < RANGE[0])
        | (view.depth > RANGE[1])
        | scene.solids.hidden(emitter, view.points)
        | (back < ECHO * (0.5 + random[0]))
        | (random[1] < SPECKLE)
    )


def _turned(axes: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return vectors ``(3, P)`` in a frame whose axes are the rows."""
    return (axes[:, :, None] * vectors).sum(axis=1)
