"""Colours against torchvision's ColorJitter and against plain NumPy."""

import colorsys
from itertools import permutations

import numpy as np
import pytest
import torch
from torchvision.transforms import v2

from benchbed import Batch, Draws, Input
from benchbed.basics.errors import DataError
from benchbed.testing import TransformContract
from benchbed_zoo.transforms.color_jitter import ColorJitter


class TestColorJitter(TransformContract):
    id = "color-jitter"
    input = Input((3, 10, 12))
    options = {"hue": 0.0, "contrast": 2.0}
    per_sample = True


def images(count=4):
    return torch.rand(count, 3, 6, 7, generator=torch.Generator().manual_seed(1))


def draws(count, key=5):
    return Draws(key, np.arange(count), torch.Generator())


def after(transform, x, key=5, described=None):
    return transform(Batch(x, {}, input_described=described), draws(len(x), key)).input


def grey(x):
    return (x * torch.tensor([0.2989, 0.587, 0.114]).reshape(3, 1, 1)).sum(-3, keepdim=True)


def factors(strength, count, column):
    drawn = draws(count).uniform(8)[:, column]
    low = max(0, 1 - strength)
    return (low + (1 + strength - low) * drawn).float().reshape(-1, 1, 1, 1)


def test_brightness_multiplies():
    found = after(ColorJitter(0.8, 0, 0, 0), images())
    torch.testing.assert_close(found, (images() * factors(0.8, 4, 0)).clamp(0, 1))


def test_contrast_moves_from_the_mean_grey():
    mean = grey(images()).mean((-1, -2), keepdim=True)
    expected = mean + (images() - mean) * factors(1.5, 4, 1)
    torch.testing.assert_close(after(ColorJitter(0, 1.5, 0, 0), images()), expected.clamp(0, 1))


def test_saturation_moves_from_the_grey_of_each_pixel():
    expected = grey(images()) + (images() - grey(images())) * factors(0.7, 4, 2)
    torch.testing.assert_close(after(ColorJitter(0, 0, 0.7, 0), images()), expected.clamp(0, 1))


def test_the_hue_turns():
    shift = 0.3 * (2 * draws(4).uniform(8)[:, 3] - 1)
    expected = images().double()
    for n, i, j in np.ndindex(4, 6, 7):
        hue, saturation, value = colorsys.rgb_to_hsv(*expected[n, :, i, j].tolist())
        rgb = colorsys.hsv_to_rgb((hue + float(shift[n])) % 1, saturation, value)
        expected[n, :, i, j] = torch.tensor(rgb)
    found = after(ColorJitter(0, 0, 0, 0.3), images())
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=1e-5)


def test_ranges_are_those_of_torchvision():
    ours, theirs = ColorJitter(0.4, 1.7, 0.2, 0.3), v2.ColorJitter(0.4, 1.7, 0.2, 0.3)
    ranges = [list(pair) for pair in zip(ours._low.tolist(), ours._high.tolist(), strict=True)]
    names = ("brightness", "contrast", "saturation", "hue")
    assert ranges == [pytest.approx(list(getattr(theirs, name))) for name in names]


def test_the_order_of_adjustments_is_each_images_own_and_every_order_occurs():
    many = 400
    transform, found = ColorJitter(0.4, 0.4, 0.4, 0.1), []
    transform._adjusted = lambda image, factors, order: found.append(tuple(order)) or image
    after(transform, torch.zeros(many, 3, 1, 1))
    assert set(found) == set(permutations(range(4)))
    assert max(map(found.count, set(found))) < 3 * many / 24


def test_an_order_is_that_of_its_adjustments():
    x = images(1)
    transform = ColorJitter(0.4, 0.4, 0.4, 0.1)
    drawn = draws(1).uniform(8)[0]
    values = (transform._low + (transform._high - transform._low) * drawn[:4]).tolist()
    expected = x[0]
    names = ("brightness", "contrast", "saturation", "hue")
    adjust = [getattr(v2.functional, f"adjust_{name}") for name in names]
    for k in np.argsort(drawn[4:].numpy()):
        expected = adjust[k](expected, values[k])
    torch.testing.assert_close(after(transform, x)[0], expected)


def test_without_strength_nothing_changes():
    assert torch.equal(after(ColorJitter(0, 0, 0, 0), images()), images())


@pytest.mark.parametrize(
    ("x", "described", "found"),
    [
        (torch.rand(2, 1, 4, 4), None, r"got \(2, 1, 4, 4\);"),
        (torch.rand(2, 3), Input((3,)), r"got \(2, 3\) in \[0\.0, 1\.0\];"),
        (images(), Input((3, 6, 7), (-1.0, 1.0)), r"got \(4, 3, 6, 7\) in \[-1\.0, 1\.0\];"),
    ],
)
def test_what_is_no_colour_image_is_refused(x, described, found):
    with pytest.raises(DataError, match=f"wants images of three channels.*{found}"):
        after(ColorJitter(), x, described=described)
