"""Furniture: each function draws one model from a generator; fronts look along +y."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from benchbed_zoo.datasets.rooms import things
from benchbed_zoo.datasets.rooms.model import PLASTIC, SPINES, STEEL, Model, Paint, Painter, hsv

PALE, DARK = (0.6, 0.95), (0.25, 0.6)
"""Brightness of woods: most tables are pale, and most chairs and cupboards dark."""
BEDDING, SEATING = (0.45, 0.85), (0.95, 1.2)
"""Hues of most blankets, blue to pink, and of most chairs' covers, red to yellow."""


def bed(rng: np.random.Generator) -> Model:
    """A single or double bed, its head against the wall."""
    paints = Painter(rng)
    width, length, top = (
        rng.choice([0.95, 1.45, 1.8]),
        rng.uniform(1.95, 2.1),
        rng.uniform(0.4, 0.6),
    )
    model = Model("bed", (width, length, top))
    frame, head = paints.wood(values=DARK), rng.uniform(top + 0.15, top + 0.6)
    model.box((0, 0, top * 0.3), (width, length, top * 0.45), frame)
    model.box((0, -length / 2 + 0.03, head / 2), (width, 0.06, head), frame)
    linen = Paint(hsv(rng.random(), rng.uniform(0, 0.15), rng.uniform(0.85, 0.97)))
    model.box((0, 0.03, top * 0.76), (width * 0.97, length - 0.1, top * 0.46), linen)
    cover = rng.uniform(0.5, 0.8) * length
    blanket = paints.cloth(hues=BEDDING, values=(0.5, 0.95), patterned=0.8)
    model.box(
        (0, length / 2 - cover / 2 + 0.01, top * 0.82), (width + 0.04, cover, top * 0.46), blanket
    )
    pillow = linen if rng.random() < 0.5 else paints.cloth(0.5)
    count = 1 if width < 1.2 else 2
    for k in range(count):
        x = (k - (count - 1) / 2) * width / 2
        radii = (width / count * 0.42, 0.2, 0.1)
        model.ball((x, -length / 2 + 0.3, top + 0.06), radii, pillow)
    model.seats.append((np.array([width / 2, rng.uniform(0, 0.5), top]), -math.pi / 2))
    return model


def sofa(rng: np.random.Generator, width: float | None = None) -> Model:
    """A sofa with arms and cushions; of a small width an armchair."""
    paints = Painter(rng)
    width = float(rng.uniform(1.5, 2.4)) if width is None else width
    depth, seat, back = rng.uniform(0.8, 0.95), rng.uniform(0.38, 0.46), rng.uniform(0.72, 0.95)
    model = Model("sofa", (width, depth, back))
    cloth, arm, rear = (
        paints.cloth(values=(0.2, 0.6), patterned=0.2),
        rng.uniform(0.12, 0.25),
        rng.uniform(0.16, 0.25),
    )
    model.box((0, 0, seat * 0.4), (width, depth, seat * 0.6), cloth)
    model.box((0, -depth / 2 + rear / 2, back * 0.5 + 0.05), (width, rear, back - 0.1), cloth)
    height = seat + rng.uniform(0.12, 0.25)
    for side in (-1, 1):
        x = side * (width - arm) / 2
        model.box((x, 0.01, height * 0.5 + 0.04), (arm, depth, height - 0.08), cloth)
        if rng.random() < 0.5:
            model.rod((x, -depth / 2, height), (x, depth / 2 + 0.02, height), arm * 0.6, cloth)
    count = max(1, round((width - 2 * arm) / 0.65))
    each, soft = (width - 2 * arm) / count, cloth if rng.random() < 0.7 else paints.cloth()
    for k in range(count):
        x = (k - (count - 1) / 2) * each
        model.box((x, rear / 2 + 0.02, seat - 0.06), (each * 0.96, depth - rear, 0.14), soft)
        model.box((x, -depth / 2 + rear + 0.06, seat + 0.2), (each * 0.94, 0.14, 0.36), soft)
        model.seats.append((np.array([x, depth / 2 - 0.05, seat]), 0.0))
    for _ in range(rng.integers(3)):
        cushion = Model("objects")
        cushion.ball((0, 0, 0), (0.2, 0.09, 0.2), paints.cloth(0.95))
        x = rng.uniform(-0.5, 0.5) * (width - 2 * arm - 0.4)
        model.attach(cushion, (x, -depth / 2 + rear + 0.2, seat + 0.17))
    return model


def armchair(rng: np.random.Generator) -> Model:
    """An armchair, which NYUv2 counts as a sofa here."""
    return sofa(rng, float(rng.uniform(0.8, 1.0)))


def chair(rng: np.random.Generator) -> Model:
    """A chair on four legs, or an office chair."""
    paints = Painter(rng)
    width, seat, back = rng.uniform(0.4, 0.5), rng.uniform(0.43, 0.48), rng.uniform(0.8, 1.05)
    model = Model("chair", (width + 0.05, width + 0.1, back))
    office = rng.random() < 0.3
    paint = paints.cloth(hues=SEATING) if office else paints.wood(2, DARK)
    cover = paint if rng.random() < 0.5 else paints.cloth(hues=SEATING)
    model.box((0, 0, seat), (width, width, 0.07 if office else 0.045), cover)
    rear = -width / 2 + 0.02
    if office:
        model.cylinder((0, 0, seat / 2), 0.03, seat, STEEL)
        for yaw in (0.3, 0.3 + math.pi / 2):
            x, y = 0.28 * math.cos(yaw), 0.28 * math.sin(yaw)
            model.rod((-x, -y, 0.05), (x, y, 0.05), 0.03, PLASTIC)
    else:
        for x in (-1, 1):
            for y in (-1, 1):
                at = (x * (width / 2 - 0.03), y * (width / 2 - 0.03))
                model.box((*at, seat / 2), (0.04, 0.04, seat), paint)
    if office or rng.random() < 0.5:
        low = seat + (0.15 if office else 0.03)
        model.box((0, rear, (low + back) / 2), (width * 0.95, 0.045, back - low), cover)
        model.rod((0, rear, seat), (0, rear, low + 0.1), 0.025, paint)
    else:
        for x in (-1, 1):
            at = (x * (width / 2 - 0.03), rear)
            model.box((*at, (seat + back) / 2), (0.04, 0.04, back - seat), paint)
        for z in np.linspace(seat + 0.18, back - 0.04, rng.integers(2, 4)):
            model.box((0, rear, z), (width - 0.06, 0.025, 0.08), paint)
    model.seats.append((np.array([0, width / 2, seat + 0.03]), 0.0))
    return model


def table(rng: np.random.Generator) -> Model:
    """A dining table, square or round."""
    paints = Painter(rng)
    width, depth, top = rng.uniform(0.9, 1.8), rng.uniform(0.75, 0.95), rng.uniform(0.7, 0.78)
    wood = paints.wood(values=PALE)
    if rng.random() < 0.3:
        radius = rng.uniform(0.45, 0.65)
        model = Model("table", (2 * radius, 2 * radius, top))
        model.cylinder((0, 0, top - 0.02), radius, 0.04, wood)
        model.cylinder((0, 0, top / 2), 0.05, top - 0.04, wood)
        model.cylinder((0, 0, 0.02), radius * 0.55, 0.04, wood)
    else:
        model = Model("table", (width, depth, top))
        _top_on_legs(rng, model, wood)
    things.strew(rng, model, (0.5, 0.3), top, int(rng.integers(4)))
    return model


def coffee_table(rng: np.random.Generator) -> Model:
    """A low table."""
    paints = Painter(rng)
    model = Model("table", (rng.uniform(0.8, 1.2), rng.uniform(0.5, 0.65), rng.uniform(0.38, 0.48)))
    _top_on_legs(rng, model, paints.wood(values=PALE))
    things.strew(rng, model, (0.6, 0.5), model.size[2], int(rng.integers(3)))
    return model


def desk(rng: np.random.Generator) -> Model:
    """A desk with drawers on one side, and often a screen."""
    paints = Painter(rng)
    width, depth, top = rng.uniform(1.1, 1.6), rng.uniform(0.6, 0.75), rng.uniform(0.7, 0.76)
    model = Model("table", (width, depth, top))
    wood = paints.wood(values=PALE)
    model.box((0, 0, top - 0.02), (width, depth, 0.04), wood)
    side = rng.choice([-1, 1])
    model.box((-side * (width / 2 - 0.02), 0, top / 2 - 0.02), (0.04, depth, top - 0.04), wood)
    chest = Model("furniture")
    _drawers(rng, chest, (0.4, depth - 0.05, top - 0.05), wood, 3, 1)
    model.attach(chest, (side * (width / 2 - 0.21), 0, 0))
    if rng.random() < 0.5:
        model.attach(things.screen(rng, rng.uniform(0.45, 0.6)), (-side * 0.15, -depth * 0.2, top))
    things.strew(rng, model, (0.7, 0.4), top, int(rng.integers(1, 4)))
    return model


def wardrobe(rng: np.random.Generator) -> Model:
    """A tall cupboard with doors."""
    paints = Painter(rng)
    doors = int(rng.integers(2, 5))
    size = (doors * rng.uniform(0.42, 0.5), rng.uniform(0.5, 0.62), rng.uniform(1.75, 2.2))
    model = Model("furniture", size)
    _drawers(rng, model, size, paints.wood(2, DARK), 1, doors)
    return model


def dresser(rng: np.random.Generator) -> Model:
    """A chest of drawers with things on it."""
    paints = Painter(rng)
    size = (rng.uniform(0.7, 1.5), rng.uniform(0.4, 0.5), rng.uniform(0.7, 1.0))
    model = Model("furniture", size)
    _drawers(
        rng, model, size, paints.wood(values=DARK), int(rng.integers(3, 5)), int(rng.integers(1, 3))
    )
    things.strew(rng, model, (0.7, 0.4), size[2], int(rng.integers(1, 4)))
    return model


def nightstand(rng: np.random.Generator) -> Model:
    """A small chest with a lamp."""
    paints = Painter(rng)
    size = (rng.uniform(0.4, 0.5), rng.uniform(0.35, 0.42), rng.uniform(0.45, 0.6))
    model = Model("furniture", size)
    _drawers(rng, model, size, paints.wood(values=DARK), 2, 1)
    top = things.table_lamp(rng) if rng.random() < 0.7 else things.books(rng)
    model.attach(top, (0, 0, size[2]), rng.uniform(-0.5, 0.5))
    return model


def bookshelf(rng: np.random.Generator) -> Model:
    """Open shelves, most of them full of books."""
    paints = Painter(rng)
    width, depth, height = rng.uniform(0.7, 1.4), rng.uniform(0.28, 0.36), rng.uniform(1.3, 2.1)
    model = Model("furniture", (width, depth, height))
    wood = paints.wood(2, DARK)
    for x in (-1, 1):
        model.box((x * (width / 2 - 0.015), 0, height / 2), (0.03, depth, height), wood)
    model.box((0, -depth / 2 + 0.01, height / 2), (width, 0.02, height), wood)
    levels = np.linspace(0.06, height - 0.02, round(height / rng.uniform(0.33, 0.42)) + 1)
    for z in levels:
        model.box((0, 0, z), (width, depth, 0.03), wood)
    gap = levels[1] - levels[0] - 0.03
    for z in levels[:-1]:
        if rng.random() < 0.8:
            _book_row(rng, model, width - 0.08, depth, gap, z + 0.015)
        else:
            things.strew(rng, model, (0.7, 0.2), z + 0.015, 1, gap)
    return model


def sideboard(rng: np.random.Generator) -> Model:
    """A low chest with a television on it."""
    paints = Painter(rng)
    size = (rng.uniform(1.1, 1.8), rng.uniform(0.4, 0.5), rng.uniform(0.4, 0.6))
    model = Model("furniture", size)
    _drawers(rng, model, size, paints.wood(values=DARK), 1, int(rng.integers(2, 4)))
    width = min(rng.uniform(0.9, 1.35), size[0] * 0.95)
    model.attach(things.screen(rng, width), (rng.uniform(-0.1, 0.1), 0, size[2]))
    model.size = (size[0], size[1], size[2] + 0.1 + width * 0.6)
    return model


def _top_on_legs(rng: np.random.Generator, model: Model, paint: Paint) -> None:
    width, depth, top = model.size
    leg = rng.uniform(0.04, 0.08)
    model.box((0, 0, top - 0.02), (width, depth, 0.04), paint)
    for x in (-1, 1):
        for y in (-1, 1):
            at = (x * (width / 2 - leg), y * (depth / 2 - leg), (top - 0.04) / 2)
            model.box(at, (leg, leg, top - 0.04), paint)


def _drawers(
    rng: np.random.Generator,
    model: Model,
    size: tuple[float, float, float],
    paint: Paint,
    rows: int,
    columns: int,
) -> None:
    """A chest with rows × columns of drawers or doors, each with a knob."""
    width, depth, height = size
    model.box((0, 0, height / 2), size, paint)
    dim = tuple(0.8 * x for x in paint.colour)
    front = replace(paint, colour=dim) if rng.random() < 0.5 else Painter(rng).wood()
    wide, high = width / columns, (height - 0.08) / rows
    for row in range(rows):
        for column in range(columns):
            x = (column - (columns - 1) / 2) * wide
            z = 0.05 + (row + 0.5) * high
            model.box((x, depth / 2, z), (wide - 0.03, 0.03, high - 0.03), front)
            at = (x + (0.4 * wide if rows == 1 else 0), depth / 2 + 0.03, z)
            model.ball(at, 0.022, STEEL)


def _book_row(
    rng: np.random.Generator, model: Model, width: float, depth: float, gap: float, z: float
) -> None:
    """Books side by side on a shelf, as blocks of different height."""
    row = Model("books")
    left = -width / 2
    for _ in range(rng.integers(1, 4)):
        right = min(left + rng.uniform(0.2, 0.6) * width, width / 2)
        height = rng.uniform(0.6, 0.92) * gap
        paint = Paint(
            hsv(rng.random(), rng.uniform(0.2, 0.8), rng.uniform(0.3, 0.8)),
            hsv(rng.random(), rng.uniform(0.2, 0.8), rng.uniform(0.5, 0.95)),
            SPINES,
            scale=rng.uniform(0.03, 0.06),
            phase=Painter(rng).phase(),
        )
        size = (right - left, depth * 0.75, height)
        row.box(((left + right) / 2, 0.02, z + height / 2), size, paint)
        left = right + (rng.uniform(0, 0.15) if rng.random() < 0.3 else 0)
        if left > width / 2 - 0.05:
            break
    model.attach(row, (0, 0, 0))
