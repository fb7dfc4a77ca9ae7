"""Models: named instances made of painted solids, which nest into larger models."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from benchbed_zoo.datasets.rooms.trace import BOX, CYLINDER, SPHERE

PLAIN, STRIPES, CHECKS, GRAIN, MOTTLE, TILES, SPINES, ART = range(8)
"""Patterns of a paint."""

Colour = tuple[float, float, float]
Vector = Sequence[float] | np.ndarray


@dataclass(frozen=True, slots=True)
class Paint:
    """How a surface looks: two linear diffuse colours mixed by a solid pattern.

    Attributes:
        colour, second: linear reflectances in [0, 1].
        pattern: one of the patterns above.
        scale: length of the pattern's period in metres.
        along: the solid's axis that the pattern runs along (0, 1 or 2).
        phase: where the pattern starts, in periods.
        share: share of a period that the second colour takes.
        gloss: strength of the highlights.
        echo: share of a depth camera's light that comes back as from a dull surface.
        glow: light that the surface sends out by itself, as a factor of its colour.
    """

    colour: Colour
    second: Colour = (0.0, 0.0, 0.0)
    pattern: int = PLAIN
    scale: float = 0.2
    along: int = 0
    phase: Colour = (0.0, 0.0, 0.0)
    share: float = 0.5
    gloss: float = 0.0
    echo: float = 1.0
    glow: float = 0.0


@dataclass(frozen=True, slots=True)
class Solid:
    """One solid of a model, as ``trace.Solids`` holds many; ``instance`` is the model's."""

    kind: int
    centre: np.ndarray
    axes: np.ndarray
    half: np.ndarray
    paint: Paint
    instance: int
    part: int = 0


@dataclass
class Model:
    """Solids in a frame of their own: x to the right, y to the front, z up, in metres.

    Attributes:
        label: class of the first instance, whose solids are added one by one; empty for a group of
            models that are attached.
        size: width, depth and height of the space that it needs, centred on the origin's z axis.
        labels: class of each instance.
        seats: where one can sit: position of the seat's front edge, yaw.
    """

    label: str
    size: tuple[float, float, float] = (0.0, 0.0, 0.0)
    labels: list[str] = field(init=False)
    solids: list[Solid] = field(default_factory=list)
    seats: list[tuple[np.ndarray, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.labels = [self.label] if self.label else []

    def box(self, centre: Vector, size: Vector, paint: Paint, part: int = 0) -> None:
        """Add a box of a full size along the axes."""
        self._add(BOX, centre, np.array(size) / 2, paint, part)

    def cylinder(self, centre: Vector, radius: float, height: float, paint: Paint) -> None:
        """Add an upright cylinder."""
        self._add(CYLINDER, centre, np.array([radius, radius, height / 2]), paint, 0)

    def ball(self, centre: Vector, radii: Vector | float, paint: Paint, part: int = 0) -> None:
        """Add a sphere, or an ellipsoid of three radii."""
        self._add(SPHERE, centre, np.broadcast_to(radii, 3), paint, part)

    def rod(
        self, start: Vector, end: Vector, radii: Vector | float, paint: Paint, part: int = 0
    ) -> None:
        """Add a cylinder from one point to another, of a radius or two (sideways first)."""
        offset = np.subtract(end, start)
        length = math.sqrt(float((offset**2).sum()))
        third = offset / length
        side = np.array([1.0, 0.0, 0.0]) if abs(third[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
        first = side - third * float((side * third).sum())
        first /= math.sqrt(float((first**2).sum()))
        axes = np.stack([first, np.cross(third, first), third])
        half = np.append(np.broadcast_to(radii, 2), length / 2)
        self._add(CYLINDER, np.add(start, end) / 2, half, paint, part, axes)

    def attach(self, other: Model, at: Vector, yaw: float = 0.0) -> None:
        """Add another model's instances, turned about the vertical and moved."""
        turn, offset = rotation(yaw), np.asarray(at, float)
        first = len(self.labels)
        self.labels += other.labels
        self.solids += [
            replace(
                solid,
                centre=turn @ solid.centre + offset,
                axes=solid.axes @ turn.T,
                instance=solid.instance + first,
            )
            for solid in other.solids
        ]
        self.seats += [(turn @ seat + offset, angle + yaw) for seat, angle in other.seats]

    def _add(
        self,
        kind: int,
        centre: Vector,
        half: np.ndarray,
        paint: Paint,
        part: int,
        axes: np.ndarray | None = None,
    ) -> None:
        axes = np.eye(3) if axes is None else axes
        self.solids.append(Solid(kind, np.asarray(centre, float), axes, half, paint, 0, part))


def rotation(yaw: float) -> np.ndarray:
    """Return the matrix that turns vectors about the vertical, by radians."""
    cos, sin = math.cos(yaw), math.sin(yaw)
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """Return the linear colour of a hue in turns, a saturation and a value as displays have it."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return red**2.2, green**2.2, blue**2.2


WHITE: Final = (0.78, 0.78, 0.76)
STEEL: Final = Paint((0.45, 0.45, 0.46), gloss=0.6, echo=0.6)
SCREEN: Final = Paint((0.012, 0.012, 0.014), gloss=0.9, echo=0.25)
PLASTIC: Final = Paint((0.03, 0.03, 0.032), gloss=0.3, echo=0.7)


class Painter:
    """Draws colours and paints from a generator."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def phase(self) -> Colour:
        """Return where a pattern starts."""
        one, two, three = self.rng.random(3).tolist()
        return one, two, three

    def wood(self, along: int = 0, values: tuple[float, float] = (0.3, 0.9)) -> Paint:
        """Return a paint of planed or, now and then, lacquered wood.

        Args:
            along: the axis across the grain.
            values: the least and the largest brightness, as displays have it.
        """
        rng = self.rng
        if rng.random() < 0.2:
            return self.lacquer()
        hue, value = rng.uniform(0.05, 0.11), rng.uniform(*values)
        saturation = rng.uniform(0.3, 0.75)
        return Paint(
            hsv(hue, saturation, value),
            hsv(hue - 0.01, min(1, saturation + 0.1), value * rng.uniform(0.8, 0.95)),
            GRAIN,
            scale=rng.uniform(0.08, 0.2),
            along=along,
            phase=self.phase(),
            gloss=rng.uniform(0, 0.3),
        )

    def lacquer(self) -> Paint:
        """Return one plain colour, mostly pale or dark."""
        rng = self.rng
        value = rng.uniform(0.75, 0.95) if rng.random() < 0.6 else rng.uniform(0.15, 0.5)
        saturation = rng.uniform(0, 0.15) if rng.random() < 0.7 else rng.uniform(0.3, 0.8)
        return Paint(hsv(rng.random(), saturation, value), gloss=rng.uniform(0, 0.4))

    def cloth(
        self,
        vivid: float = 0.8,
        hues: tuple[float, float] = (0.0, 1.0),
        values: tuple[float, float] = (0.25, 0.95),
        patterned: float = 0.5,
    ) -> Paint:
        """Return a textile.

        Args:
            vivid: the largest saturation.
            hues: the first and the last hue, in turns.
            values: the least and the largest brightness, as displays have it.
            patterned: the share of textiles that are not plain.
        """
        rng = self.rng
        hue, value = rng.uniform(*hues), rng.uniform(*values)
        saturation = rng.uniform(0, vivid)
        other = hsv(hue + rng.normal(0, 0.15), saturation * rng.random(), rng.uniform(0.3, 0.95))
        pattern = PLAIN
        if rng.random() < patterned:
            pattern = int(rng.choice([MOTTLE, STRIPES, CHECKS], p=[0.4, 0.4, 0.2]))
        return Paint(
            hsv(hue, saturation, value),
            other,
            pattern,
            scale=rng.uniform(0.08, 0.3),
            along=int(rng.integers(2)),
            phase=self.phase(),
            share=rng.uniform(0.2, 0.6),
            echo=rng.uniform(0.6, 1),
        )

    def glaze(self) -> Paint:
        """Return a bright glossy colour, as of pottery and plastic."""
        rng = self.rng
        colour = hsv(rng.random(), rng.uniform(0.2, 0.95), rng.uniform(0.4, 0.95))
        return Paint(colour, gloss=rng.uniform(0.2, 0.8), echo=rng.uniform(0.4, 1))
