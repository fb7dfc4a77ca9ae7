"""What stands and hangs in a room, and where: nothing overlaps anything else."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from benchbed_zoo.datasets.rooms import furniture, things
from benchbed_zoo.datasets.rooms.figure import Figure
from benchbed_zoo.datasets.rooms.model import Model, rotation
from benchbed_zoo.datasets.rooms.things import Make

TRIES: Final = 12
"""Places that are tried for a thing before it is left out."""
LARGE: Final = 22.0
"""A room of more square metres serves two purposes."""
AISLE: Final = 0.05
"""Least distance between things in metres."""

Rectangle = tuple[float, float, float, float]


class Layout:
    """A room being furnished.

    Attributes:
        size: ``(3,)``, width, depth and height; the room is centred on x = y = 0, its floor z = 0.
        things: all models placed so far, as one group.
        taken: rectangles of the floor that are taken: lower x and y, upper x and y.
    """

    def __init__(self, rng: np.random.Generator, size: np.ndarray) -> None:
        self.rng, self.size = rng, size
        self.things = Model("")
        self.taken: list[Rectangle] = []
        self._hung: list[list[Rectangle]] = [[], [], [], []]

    def stand(self, model: Model) -> bool:
        """Put a model against a wall, where there is room for it."""
        width, depth, height = model.size
        for _ in range(TRIES):
            wall = int(self.rng.integers(4))
            slack = self._length(wall) - width - 0.1
            if slack < 0:
                continue
            along = float(self.rng.uniform(-0.5, 0.5)) * slack
            gap = float(self.rng.uniform(0.02, 0.1))
            at = self._from_wall(wall, along, gap + depth / 2, 0.0)
            behind = (along - width / 2, 0.0, along + width / 2, height)
            if self._put(model, at, wall * math.pi / 2):
                self._hung[wall].append(behind)
                return True
        return False

    def place(self, model: Model) -> bool:
        """Put a model anywhere on the floor, turned by any angle."""
        for _ in range(TRIES):
            slack = self.size[:2] / 2 - 0.3
            at = np.append(self.rng.uniform(-slack, slack), 0.0)
            if self._put(model, at, float(self.rng.uniform(-math.pi, math.pi))):
                return True
        return False

    def hang(self, model: Model, low: float, high: float) -> bool:
        """Put a model on a wall, its centre between two heights."""
        width, depth, tall = model.size
        for _ in range(TRIES):
            wall = int(self.rng.integers(4))
            slack = self._length(wall) - width - 0.2
            if slack < 0:
                continue
            along = float(self.rng.uniform(-0.5, 0.5)) * slack
            z = float(self.rng.uniform(low, high))
            area = (along - width / 2, z - tall / 2, along + width / 2, z + tall / 2)
            if area[3] < self.size[2] - 0.1 and _free(area, self._hung[wall], AISLE):
                self._hung[wall].append(area)
                at = self._from_wall(wall, along, depth / 2, z)
                self.things.attach(model, at, wall * math.pi / 2)
                return True
        return False

    def people(self) -> None:
        """Let a figure stand on the floor, or sit where there is a seat."""
        figure, seats = Figure(self.rng), self.things.seats
        upright = not seats or self.rng.random() < 0.5
        if (upright and self.place(figure.standing())) or not seats:
            return
        seat, yaw = seats[self.rng.integers(len(seats))]
        self.things.attach(figure.sitting(float(seat[2])), (seat[0], seat[1], 0.0), yaw)

    def _put(self, model: Model, at: np.ndarray, yaw: float) -> bool:
        width, depth, _ = model.size
        turn = np.abs(rotation(yaw)[:2, :2])
        reach = turn @ (np.array([width, depth]) / 2)
        low, high = at[:2] - reach, at[:2] + reach
        area = (low[0], low[1], high[0], high[1])
        inside = bool((np.maximum(-low, high) < self.size[:2] / 2).all())
        if not inside or not _free(area, self.taken, AISLE):
            return False
        self.taken.append(area)
        self.things.attach(model, at, yaw)
        return True

    def _length(self, wall: int) -> float:
        return float(self.size[wall % 2])

    def _from_wall(self, wall: int, along: float, away: float, z: float) -> np.ndarray:
        """Return a point in front of a wall; wall 0 is at the lower y, and 1 to 3 follow."""
        back = -self._length(wall + 1) / 2 + away
        return rotation(wall * math.pi / 2) @ np.array([along, back, z])


def _free(area: Rectangle, taken: list[Rectangle], gap: float) -> bool:
    return not any(
        area[0] < other[2] + gap
        and area[2] > other[0] - gap
        and area[1] < other[3] + gap
        and area[3] > other[1] - gap
        for other in taken
    )


def dining(rng: np.random.Generator) -> Model:
    """A table with chairs around it, some of them drawn back."""
    board = furniture.table(rng)
    width, depth, height = board.size
    model = Model("", (width + 0.9, depth + 0.9, height))
    model.attach(board, (0, 0, 0))
    style = int(rng.integers(2**32))
    for side in range(4):
        half = (depth if side % 2 == 0 else width) / 2
        spread = width if side % 2 == 0 else depth
        places = [-spread / 4, spread / 4] if spread > 1.2 else [0.0]
        for x in places:
            if rng.random() < 0.7:
                angle = side * math.pi / 2
                away = half + rng.uniform(0.05, 0.3)
                at = rotation(angle) @ np.array([x, -away, 0.0])
                turned = angle + rng.normal(0, 0.25)
                model.attach(furniture.chair(np.random.default_rng(style)), at, turned)
    return model


def workplace(rng: np.random.Generator) -> Model:
    """A desk with a chair that faces it."""
    board = furniture.desk(rng)
    width, depth, height = board.size
    model = Model("", (width, depth + 0.7, height))
    model.attach(board, (0, -0.35, 0))
    at = (rng.uniform(-0.2, 0.2) * width, depth / 2 + rng.uniform(-0.25, 0.1), 0)
    model.attach(furniture.chair(rng), at, math.pi + rng.normal(0, 0.5))
    return model


def lounge(rng: np.random.Generator) -> Model:
    """A sofa, often with a low table in front of it."""
    couch = furniture.sofa(rng)
    if rng.random() < 0.4:
        return couch
    board = furniture.coffee_table(rng)
    gap, depth = rng.uniform(0.3, 0.5), couch.size[1] + board.size[1]
    model = Model("", (couch.size[0], depth + gap, couch.size[2]))
    model.attach(couch, (0, -(board.size[1] + gap) / 2, 0))
    model.attach(board, (rng.uniform(-0.2, 0.2), (couch.size[1] + gap) / 2, 0))
    return model


STYLES: Final[Mapping[str, Mapping[Make, float]]] = {
    "bedroom": {
        furniture.bed: 1.0,
        furniture.nightstand: 0.8,
        furniture.wardrobe: 0.6,
        workplace: 0.4,
        furniture.dresser: 0.5,
        furniture.bookshelf: 0.5,
        furniture.sideboard: 0.3,
        furniture.armchair: 0.2,
    },
    "living": {
        lounge: 1.0,
        furniture.sideboard: 0.7,
        furniture.armchair: 0.6,
        furniture.bookshelf: 0.7,
        dining: 0.4,
        furniture.dresser: 0.3,
    },
    "dining": {
        dining: 1.0,
        furniture.dresser: 0.6,
        furniture.bookshelf: 0.6,
        furniture.wardrobe: 0.3,
        lounge: 0.5,
        furniture.sideboard: 0.3,
    },
    "study": {
        workplace: 1.0,
        furniture.bookshelf: 1.0,
        furniture.armchair: 0.5,
        furniture.bed: 0.4,
        furniture.wardrobe: 0.4,
        dining: 0.3,
        furniture.sideboard: 0.3,
    },
}
"""How often each kind of room has what against its walls or, a dining table, in its middle."""


def furnish(rng: np.random.Generator, size: np.ndarray, people: float) -> Model:
    """Return a furnished room; a share of the rooms has a figure in it."""
    layout = Layout(rng, size)
    styles = list(STYLES.values())
    purposes = 1 if size[0] * size[1] < LARGE else 2
    for style in rng.choice(len(styles), purposes, replace=False):
        for make, chance in styles[style].items():
            if rng.random() < chance:
                put = layout.place if make is dining else layout.stand
                put(make(rng))
    _hang_all(rng, layout)
    if rng.random() < people:
        layout.people()
    for _ in range(rng.integers(1, 5)):
        layout.place(things.ON_FLOOR[rng.integers(len(things.ON_FLOOR))](rng))
    if rng.random() < 0.4:
        slack = size[:2] / 2 - 1.2
        at = np.append(rng.uniform(-slack, slack), 0.0)
        layout.things.attach(things.rug(rng), at, rng.normal(0, 0.1))
    return layout.things


def _hang_all(rng: np.random.Generator, layout: Layout) -> None:
    hung: list[tuple[Make, int, float, float]] = [
        (things.window, int(rng.integers(1, 4)), 1.45, 1.65),
        (things.wall_screen, int(rng.random() < 0.35), 1.2, 1.5),
        (things.picture, int(rng.integers(1, 5)), 1.4, 1.75),
    ]
    for make, count, low, high in hung:
        for _ in range(count):
            layout.hang(make(rng), low, high)
