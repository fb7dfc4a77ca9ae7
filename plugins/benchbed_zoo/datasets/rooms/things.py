"""What hangs on walls and stands about: each function draws one model from a generator.

Fronts look along +y. What hangs is centred on the origin. The classes are NYUv2's, of which rugs
are floor, curtains window, and lamps and plants objects.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchbed_zoo.datasets.rooms.model import (
    ART,
    GRAIN,
    PLASTIC,
    SCREEN,
    STEEL,
    WHITE,
    Model,
    Paint,
    Painter,
    hsv,
)

Make = Callable[[np.random.Generator], Model]


def picture(rng: np.random.Generator) -> Model:
    """A framed picture."""
    paints = Painter(rng)
    width, height = rng.uniform(0.35, 1.2), rng.uniform(0.35, 0.9)
    model = Model("picture", (width, 0.04, height))
    model.box((0, 0, 0), (width, 0.04, height), paints.wood())
    border = rng.uniform(0.03, 0.06)
    inner = (width - 2 * border, height - 2 * border)
    if rng.random() < 0.6:
        model.box((0, 0.005, 0), (inner[0], 0.04, inner[1]), Paint(WHITE))
        inner = (inner[0] * 0.75, inner[1] * 0.75)
    art = Paint(
        hsv(rng.random(), rng.uniform(0.2, 0.9), rng.uniform(0.3, 0.9)),
        hsv(rng.random(), rng.uniform(0.2, 0.9), rng.uniform(0.3, 1.0)),
        ART,
        scale=rng.uniform(0.3, 0.9),
        phase=paints.phase(),
        gloss=rng.uniform(0, 0.4),
    )
    model.box((0, 0.01, 0), (inner[0], 0.04, inner[1]), art)
    return model


def window(rng: np.random.Generator) -> Model:
    """A window of several panes, often with curtains."""
    width, height = rng.uniform(0.9, 2.0), rng.uniform(1.0, 1.4)
    model = Model("window", (width + 0.1, 0.1, height))
    frame = Paint(WHITE) if rng.random() < 0.7 else Painter(rng).wood()
    sky = Paint(
        hsv(rng.uniform(0.53, 0.6), rng.uniform(0.05, 0.4), 0.95),
        hsv(rng.uniform(0.2, 0.4), rng.uniform(0.2, 0.5), rng.uniform(0.5, 0.8)),
        GRAIN,
        scale=height * 1.5,
        along=2,
        phase=(rng.uniform(-0.1, 0.1), 0, 0),
        gloss=0.5,
        echo=0.12,
        glow=rng.uniform(0.5, 2.0),
    )
    model.box((0, -0.02, 0), (width, 0.02, height), sky)
    for z in (-1, 1):
        model.box((0, 0, z * height / 2), (width + 0.06, 0.07, 0.06), frame)
    for x in np.linspace(-width / 2, width / 2, rng.integers(2, 5)):
        model.box((x, 0, 0), (0.06, 0.06, height), frame)
    if rng.random() < 0.4:
        model.box((0, 0, height * rng.uniform(0, 0.25)), (width, 0.05, 0.04), frame)
    if rng.random() < 0.5:
        cloth = replace(Painter(rng).cloth(0.6), along=0)
        for x in (-1, 1):
            wide = rng.uniform(0.12, 0.3)
            at = (x * (width / 2 - wide / 2 + 0.05), 0.06, -0.05)
            model.box(at, (wide, 0.05, height + 0.25), cloth)
    return model


def screen(rng: np.random.Generator, width: float) -> Model:
    """A television or a monitor on its foot, dark or showing a picture."""
    height = width * 0.58
    model = Model("tv", (width, 0.1, height + 0.08))
    model.box((0, 0, 0.08 + height / 2), (width, 0.05, height), PLASTIC)
    model.box((0, 0.02, 0.08 + height / 2), (width - 0.04, 0.03, height - 0.04), _show(rng))
    model.box((0, 0, 0.04), (0.08, 0.04, 0.08), PLASTIC)
    model.box((0, 0, 0.01), (width * 0.4, 0.2, 0.02), PLASTIC)
    return model


def wall_screen(rng: np.random.Generator) -> Model:
    """A television that hangs on the wall."""
    width = rng.uniform(0.9, 1.4)
    height = width * 0.58
    model = Model("tv", (width, 0.08, height))
    model.box((0, 0, 0), (width, 0.06, height), PLASTIC)
    model.box((0, 0.02, 0), (width - 0.04, 0.04, height - 0.04), _show(rng))
    return model


def rug(rng: np.random.Generator) -> Model:
    """A rug, which is floor."""
    size = (rng.uniform(1.2, 2.2), rng.uniform(0.9, 1.6), 0.012)
    model = Model("floor", size)
    model.box((0, 0, 0.006), size, Painter(rng).cloth())
    return model


def ceiling_lamp(rng: np.random.Generator) -> Model:
    """A lamp that hangs from the ceiling at z = 0."""
    drop, radius = rng.uniform(0.05, 0.5), rng.uniform(0.12, 0.25)
    model = Model("objects", (2 * radius, 2 * radius, 0))
    model.rod((0, 0, 0), (0, 0, -drop), 0.015, STEEL)
    if rng.random() < 0.5:
        model.ball((0, 0, -drop), radius * 0.8, _shade(rng))
    else:
        model.cylinder((0, 0, -drop), radius, 0.15, _shade(rng))
    return model


def floor_lamp(rng: np.random.Generator) -> Model:
    """A lamp on a pole."""
    height = rng.uniform(1.4, 1.7)
    model = Model("objects", (0.4, 0.4, height))
    model.cylinder((0, 0, 0.015), 0.15, 0.03, STEEL)
    model.rod((0, 0, 0), (0, 0, height), 0.018, STEEL)
    model.cylinder((0, 0, height), rng.uniform(0.15, 0.22), rng.uniform(0.22, 0.32), _shade(rng))
    return model


def table_lamp(rng: np.random.Generator) -> Model:
    """A small lamp."""
    model = Model("objects", (0.25, 0.25, 0.45))
    if rng.random() < 0.5:
        model.ball((0, 0, 0.1), 0.1, Painter(rng).glaze())
    else:
        model.cylinder((0, 0, 0.1), 0.06, 0.2, Painter(rng).glaze())
    model.cylinder((0, 0, 0.31), rng.uniform(0.1, 0.15), 0.2, _shade(rng))
    return model


def plant(rng: np.random.Generator) -> Model:
    """A pot plant."""
    paints = Painter(rng)
    height = rng.uniform(0.5, 1.2)
    model = Model("objects", (0.5, 0.5, height))
    model.cylinder((0, 0, 0.15), rng.uniform(0.12, 0.18), 0.3, paints.glaze())
    green = Paint(hsv(rng.uniform(0.22, 0.38), rng.uniform(0.4, 0.8), rng.uniform(0.3, 0.7)))
    model.rod((0, 0, 0.2), (0, 0, height), 0.02, green)
    for _ in range(rng.integers(3, 6)):
        x, y = rng.uniform(-0.13, 0.13, 2)
        model.ball((x, y, rng.uniform(0.4, 1) * height), rng.uniform(0.08, 0.18, 3), green)
    return model


def vase(rng: np.random.Generator) -> Model:
    """A vase."""
    glaze, radius = Painter(rng).glaze(), rng.uniform(0.05, 0.09)
    model = Model("objects", (2 * radius, 2 * radius, 0.3))
    model.ball((0, 0, radius * 1.2), (radius, radius, radius * 1.2), glaze)
    model.cylinder((0, 0, 0.17), radius * 0.45, 0.22, glaze)
    return model


def cup(rng: np.random.Generator) -> Model:
    """A cup or a tin."""
    radius, height = rng.uniform(0.035, 0.07), rng.uniform(0.08, 0.2)
    model = Model("objects", (2 * radius, 2 * radius, height))
    model.cylinder((0, 0, height / 2), radius, height, Painter(rng).glaze())
    return model


def ball(rng: np.random.Generator) -> Model:
    """A ball."""
    radius = rng.uniform(0.06, 0.16)
    model = Model("objects", (2 * radius, 2 * radius, 2 * radius))
    paint = Painter(rng).cloth(1.0)
    model.ball((0, 0, radius), radius, replace(paint, gloss=0.4))
    return model


def bin_(rng: np.random.Generator) -> Model:
    """A waste bin or a pouffe."""
    radius, height = rng.uniform(0.12, 0.25), rng.uniform(0.25, 0.45)
    model = Model("objects", (2 * radius, 2 * radius, height))
    model.cylinder((0, 0, height / 2), radius, height, Painter(rng).glaze())
    return model


def carton(rng: np.random.Generator) -> Model:
    """A box."""
    size = rng.uniform(0.1, 0.32, 3)
    model = Model("objects", tuple(size.tolist()))
    brown = Paint(hsv(0.09, rng.uniform(0.3, 0.6), rng.uniform(0.5, 0.8)))
    model.box((0, 0, size[2] / 2), size, brown if rng.random() < 0.5 else Painter(rng).glaze())
    return model


def books(rng: np.random.Generator) -> Model:
    """A stack of books."""
    model, z = Model("books", (0.3, 0.22, 0.15)), 0.0
    for _ in range(rng.integers(1, 5)):
        paper = Painter(rng).glaze()
        height = rng.uniform(0.02, 0.05)
        size = (rng.uniform(0.2, 0.3), rng.uniform(0.15, 0.22), height)
        model.box((*rng.uniform(-0.02, 0.02, 2), z + height / 2), size, replace(paper, gloss=0.1))
        z += height
    return model


SMALL: tuple[Make, ...] = (vase, cup, books, ball, carton, table_lamp)
ON_FLOOR: tuple[Make, ...] = (ball, bin_, carton, plant, floor_lamp, books)


def strew(
    rng: np.random.Generator,
    model: Model,
    spread: tuple[float, float],
    z: float,
    count: int,
    gap: float = 1.0,
) -> None:
    """Put small things on a model, not higher than the gap above."""
    for _ in range(count):
        thing = SMALL[rng.integers(len(SMALL))](rng)
        if thing.size[2] <= gap:
            x, y = rng.uniform(-0.5, 0.5, 2) * spread * np.array(model.size[:2])
            model.attach(thing, (x, y, z), rng.uniform(-1, 1))


def _shade(rng: np.random.Generator) -> Paint:
    glow = rng.uniform(0.5, 2.5) if rng.random() < 0.5 else 0.0
    return Paint(hsv(rng.uniform(0.08, 0.16), rng.uniform(0, 0.3), 0.95), glow=glow)


def _show(rng: np.random.Generator) -> Paint:
    """A screen that is off, or shows something."""
    if rng.random() < 0.8:
        return SCREEN
    return Paint(
        hsv(rng.random(), rng.uniform(0.2, 0.9), 0.9),
        hsv(rng.random(), rng.uniform(0.2, 0.9), 0.4),
        ART,
        scale=rng.uniform(0.4, 0.9),
        phase=Painter(rng).phase(),
        gloss=0.6,
        echo=0.25,
        glow=rng.uniform(0.3, 1.0),
    )
