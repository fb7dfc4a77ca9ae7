"""A jointed figure: head, torso, upper and lower arms and legs, standing or sitting."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from benchbed_zoo.datasets.rooms.model import Model, Paint, Painter, hsv

HEAD, TORSO, UPPER_ARM, LOWER_ARM, UPPER_LEG, LOWER_LEG = range(1, 7)
THIGH: Final = 0.245
"""Lengths as shares of the body's height, about those of R. Drillis and R. Contini (1966)."""
SHANK: Final = 0.246
FOOT: Final = 0.04
TRUNK: Final = 0.29
UPPER: Final = 0.186
LOWER: Final = 0.15

Angles = tuple[float, float, float]
"""Of a leg, from straight down: the thigh's forwards and outwards, the shank's forwards."""


class Figure:
    """One figure of random size and clothes; a model of it faces +y, its floor is z = 0."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.tall = float(rng.uniform(1.5, 1.9))
        self.stout = self.tall * float(rng.uniform(0.9, 1.25))
        paints = Painter(rng)
        self.skin = Paint(
            hsv(rng.uniform(0.04, 0.08), rng.uniform(0.3, 0.6), rng.uniform(0.4, 0.95))
        )
        self.hair = Paint(
            hsv(rng.uniform(0.03, 0.12), rng.uniform(0.1, 0.7), rng.uniform(0.1, 0.6))
        )
        self.shirt = paints.cloth(0.95, values=(0.5, 1.0), patterned=0.25)
        self.trousers = paints.cloth(0.6, values=(0.15, 0.5), patterned=0.0)
        self.sleeve = self.shirt if rng.random() < 0.25 else self.skin
        self.stocking = self.trousers if rng.random() < 0.4 else self.skin
        self.shoes = paints.lacquer()

    def standing(self) -> Model:
        """Return the figure standing or in mid-stride, one foot at least on the floor."""
        stride = float(self.rng.normal(0, 0.22))
        legs = []
        for swing in (stride, -stride):
            bend = abs(float(self.rng.normal(0, 0.12))) + 0.6 * max(0.0, -swing)
            legs.append((swing, float(self.rng.uniform(0, 0.12)), swing - bend))
        reach = max(
            THIGH * math.cos(hip) * math.cos(out) + SHANK * math.cos(knee)
            for hip, out, knee in legs
        )
        hips = np.array([0.0, 0.0, (reach + FOOT) * self.tall])
        return self._posed(hips, legs, float(self.rng.normal(0, 0.06)))

    def sitting(self, seat: float) -> Model:
        """Return the figure sitting on a seat of a height; y = 0 is the seat's front edge."""
        hips = np.array([0.0, -0.8 * THIGH * self.tall, seat + 0.05 * self.stout])
        legs = []
        for _ in range(2):
            knee, out = float(self.rng.uniform(-0.4, 0.4)), float(self.rng.uniform(0, 0.25))
            rise = hips[2] / self.tall - FOOT - SHANK * math.cos(knee)
            swing = math.acos(min(max(rise / THIGH / math.cos(out), -0.6), 0.8))
            legs.append((swing, out, knee))
        return self._posed(hips, legs, float(self.rng.uniform(-0.3, 0.1)))

    def _posed(self, hips: np.ndarray, legs: list[Angles], lean: float) -> Model:
        model = Model("objects", (0.6, 0.6, self.tall))
        up = np.array([0.0, math.sin(lean), math.cos(lean)])
        shoulders = hips + up * TRUNK * self.tall
        self._trunk(model, hips, shoulders)
        self._head(model, shoulders, up)
        for side, angles in zip((-1, 1), legs, strict=True):
            self._leg(model, hips, side, angles)
            self._arm(model, shoulders, side)
        return model

    def _trunk(self, model: Model, hips: np.ndarray, shoulders: np.ndarray) -> None:
        wide, deep = 0.095 * self.stout, 0.06 * self.stout
        middle = hips + 0.35 * (shoulders - hips)
        model.rod(hips, middle, (wide * 0.92, deep), self.trousers, TORSO)
        model.rod(middle, shoulders, (wide, deep), self.shirt, TORSO)
        model.ball(hips, (wide * 0.95, deep * 1.05, 0.06 * self.stout), self.trousers, TORSO)
        model.ball(shoulders, (wide * 1.15, deep, 0.035 * self.stout), self.shirt, TORSO)

    def _head(self, model: Model, shoulders: np.ndarray, up: np.ndarray) -> None:
        head = shoulders + up * 0.125 * self.tall
        model.rod(shoulders, head, 0.03 * self.stout, self.skin, TORSO)
        model.ball(head, np.array([0.045, 0.053, 0.066]) * self.tall, self.skin, HEAD)
        crown = head + np.array([0.0, -0.014, 0.016]) * self.tall
        model.ball(crown, np.array([0.049, 0.05, 0.062]) * self.tall, self.hair, HEAD)

    def _leg(self, model: Model, hips: np.ndarray, side: int, angles: Angles) -> None:
        hip = hips + np.array([side * 0.052 * self.stout, 0.0, 0.0])
        swing, out, shank = angles
        knee = hip + _direction(swing, side * out) * THIGH * self.tall
        ankle = knee + _direction(shank, 0.0) * SHANK * self.tall
        model.rod(hip, knee, 0.052 * self.stout, self.trousers, UPPER_LEG)
        model.ball(knee, 0.046 * self.stout, self.trousers, UPPER_LEG)
        model.rod(knee, ankle, 0.04 * self.stout, self.stocking, LOWER_LEG)
        sole = ankle - np.array([0.0, 0.0, 0.5 * FOOT * self.tall])
        size = np.array([0.05, 0.145, FOOT]) * self.tall
        model.box(sole + np.array([0.0, 0.3 * size[1], 0.0]), size, self.shoes, LOWER_LEG)

    def _arm(self, model: Model, shoulders: np.ndarray, side: int) -> None:
        rng = self.rng
        shoulder = shoulders + np.array([side * 0.118 * self.stout, 0.0, 0.0])
        raised = rng.random() < 0.2
        swing = float(rng.uniform(1.2, 2.6) if raised else rng.normal(0.15, 0.35))
        out = side * float(rng.uniform(0.15, 0.7))
        bend = float(rng.uniform(0.05, 1.7))
        elbow = shoulder + _direction(swing, out) * UPPER * self.tall
        hand = elbow + _direction(swing + bend, out * rng.uniform(-0.6, 1)) * LOWER * self.tall
        model.ball(shoulder, 0.037 * self.stout, self.shirt, UPPER_ARM)
        model.rod(shoulder, elbow, 0.034 * self.stout, self.shirt, UPPER_ARM)
        model.ball(elbow, 0.031 * self.stout, self.sleeve, LOWER_ARM)
        model.rod(elbow, hand, 0.028 * self.stout, self.sleeve, LOWER_ARM)
        model.ball(hand, 0.032 * self.stout, self.skin, LOWER_ARM)


def _direction(swing: float, out: float) -> np.ndarray:
    """Return a limb's direction: down, swung forwards and then outwards by angles."""
    forward = math.sin(swing), -math.cos(swing)
    return np.array([math.sin(out), math.cos(out) * forward[0], math.cos(out) * forward[1]])
