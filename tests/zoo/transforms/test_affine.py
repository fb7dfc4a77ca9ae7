"""Rotations and scales about the centre."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchbed import Batch, Draws, Input, Target
from benchbed.basics.errors import MethodError
from benchbed.testing import TransformContract
from benchbed_zoo.transforms.affine import Affine

SIZE = (20, 28)
DESCRIBED = {
    "seg": Target("class", SIZE, classes=5, ignore=255),
    "depth": Target("value", SIZE, geometry="distance"),
    "normals": Target("value", (3, *SIZE), geometry="direction"),
    "albedo": Target("value", (3, *SIZE)),
}


class TestAffine(TransformContract):
    id = "affine"
    input = Input((3, *SIZE))
    targets = DESCRIBED
    options = {"degrees": 180.0, "distance": "divide", "border": "background"}
    per_sample = True


def draws(count, key=5):
    return Draws(key, np.arange(count), torch.Generator())


def constant(count):
    """Maps without a border of their own."""
    targets = {
        name: torch.full((count, *target.shape), 3, dtype=torch.uint8)
        if target.kind == "class"
        else torch.full((count, *target.shape), 2.0)
        for name, target in DESCRIBED.items()
    }
    return Batch(torch.ones(count, 3, *SIZE), targets, described=DESCRIBED)


@given(degrees=st.floats(0, 180), low=st.floats(0.2, 1), span=st.floats(0, 2))
def test_placements_are_similarities_within_their_ranges(degrees, low, span):
    placement = Affine(degrees, low, low + span, distance="divide").placement(SIZE, draws(9))
    inverse = torch.linalg.inv(placement.linear)
    scale = placement.divisor
    assert bool(((scale >= low) & (scale <= low + span)).all())
    angle = torch.rad2deg(torch.atan2(inverse[:, 1, 0], inverse[:, 0, 0]))
    assert float(angle.abs().max()) <= degrees + 1e-9
    product = inverse @ inverse.mT / scale[:, None, None] ** 2
    torch.testing.assert_close(product, torch.eye(2, dtype=torch.float64).expand(9, 2, 2))
    assert not placement.shift.any()


def test_angles_and_scales_are_uniform_and_independent():
    many = 3000
    placement = Affine(20, 0.75, 1.25, distance="divide").placement(SIZE, draws(many))
    angle = torch.rad2deg(torch.atan2(placement.linear[:, 1, 0], placement.linear[:, 0, 0])).numpy()
    scale = placement.divisor.numpy()
    for values, low, high in ((angle, -20, 20), (scale, 0.75, 1.25)):
        expected = np.linspace(low, high, many)
        assert abs(np.sort(values) - expected).max() < 0.03 * (high - low)
    assert abs(np.corrcoef(angle, scale)[0, 1]) < 0.06


def test_a_turned_vertical_line_has_the_drawn_angle():
    """The line through the centre, found by the mean of x·y and x² of its pixels."""
    image = torch.zeros(1, 1, 61, 61)
    image[..., 30] = 1
    transform = Affine(40, 1, 1)
    found = transform(Batch(image, {}), draws(1)).input[0, 0].double()
    y, x = torch.meshgrid(*[torch.arange(61, dtype=torch.float64) - 30] * 2, indexing="ij")
    slope = float((found * x * y).sum() / (found * y * y).sum())
    linear = transform.placement((61, 61), draws(1)).linear[0]
    assert abs(slope) > 0.05
    assert slope == pytest.approx(float(linear[1, 0] / linear[1, 1]), abs=0.01)


@pytest.mark.parametrize(("border", "beyond"), [("ignore", 255), ("background", 0)])
def test_beyond_the_image_nothing_is_valid(border, beyond):
    before = constant(4)
    after = Affine(20, 0.5, 0.6, border=border)(before, draws(4))
    outside = after.input[:, 0] == 0
    assert 0.5 < float(outside.double().mean()) < 0.9
    maps = after.targets
    assert bool((maps["seg"][outside] == beyond).all())
    assert bool((maps["seg"][~outside] == 3).all())
    assert bool((maps["depth"][outside] == 0).all())
    assert bool((maps["depth"][~outside] == 2).all())
    assert not maps["normals"].movedim(1, -1)[outside].any()
    assert bool(maps["albedo"].movedim(1, -1)[outside].isnan().all())
    length = maps["normals"].movedim(1, -1)[~outside].norm(dim=-1)
    torch.testing.assert_close(length, torch.full_like(length, math.sqrt(12)))


def test_a_scale_of_one_without_a_turn_keeps_all_bits():
    before = constant(2)
    before = before.replace(input=torch.rand(before.input.shape))
    assert torch.equal(Affine(0, 1, 1)(before, draws(2)).input, before.input)


def test_a_least_scale_above_the_largest_is_refused():
    with pytest.raises(MethodError, match=r"'scale_low' must not be above .* and 2 is above 1\.5"):
        Affine(scale_low=2, scale_high=1.5)
