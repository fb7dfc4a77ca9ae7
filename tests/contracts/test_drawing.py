"""One value on axes: inputs, targets and predictions of every shape."""

from __future__ import annotations

import io
import math

import matplotlib.image
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from benchbed import Input, Target
from benchbed.contracts.drawing import (
    GREY,
    draw_input,
    draw_target,
    new_figure,
    one_colour_a_class,
    palette,
    to_png,
)


def drawn(target: Target, value) -> Figure:
    figure = Figure()
    draw_target(figure.add_subplot(), value, target)
    return figure.axes[0]


def test_a_map_of_classes_has_fixed_colours_and_grey_for_what_is_ignored():
    target = Target("class", (2, 2), classes=3, names=("sky", "road", "car"), ignore=255)
    image = drawn(target, torch.tensor([[0, 1], [2, 255]])).images[0].get_array()
    grey = [float(GREY)] * 3
    assert np.allclose(image, [[*palette(3)[:2]], [palette(3)[2], grey]])


def test_a_prediction_of_class_scores_is_drawn_as_the_most_likely_class():
    target = Target("class", (2, 2), classes=3)
    scores = torch.nn.functional.one_hot(torch.tensor([[0, 1], [2, 1]])).permute(2, 0, 1).float()
    image = drawn(target, scores).images[0].get_array()
    assert np.allclose(image, palette(3)[[[0, 1], [2, 1]]])


def test_no_class_looks_like_another_or_like_grey():
    colours = palette(54)
    assert len({tuple(colour) for colour in colours}) == 54
    assert (colours.max(axis=1) - colours.min(axis=1)).min() > 0.05
    assert np.array_equal(palette(200)[:54], colours)


def test_a_map_of_numbers_is_viridis_with_grey_where_it_is_invalid():
    image = drawn(Target("value", (2, 2)), torch.tensor([[1.0, 2.0], [math.nan, 3.0]])).images[0]
    assert image.get_cmap().name == "viridis"
    assert np.allclose(image.get_cmap().get_bad()[:3], float(GREY))
    assert image.get_array().mask.tolist() == [[False, False], [True, False]]


@pytest.mark.parametrize(("low", "shown"), [(-1.0, 0.0), (0.0, 0.0)])
def test_three_channels_are_rgb_with_grey_where_they_are_invalid(low, shown):
    value = torch.full((3, 2, 2), low)
    value[:, 0, 0], value[0, 1, 1] = 1.0, math.nan
    image = drawn(Target("value", (3, 2, 2)), value).images[0].get_array()
    assert image.shape == (2, 2, 3)
    assert np.allclose(image[0, 0], 1.0)
    assert np.allclose(image[0, 1], shown)
    assert np.allclose(image[1, 1], float(GREY))


@pytest.mark.parametrize(
    ("target", "value", "text"),
    [
        (Target("class", classes=2, names=("cat", "dog")), 1, "dog"),
        (Target("class", classes=2), 1, "1"),
        (Target("class", classes=2, ignore=-1), -1, "not annotated"),
        (Target("value"), 0.123456, "0.1235"),
        (Target("value"), math.nan, "not annotated"),
    ],
)
def test_one_class_or_number_a_sample_is_text(target, value, text):
    (found,) = drawn(target, torch.tensor(value)).texts
    assert found.get_text().replace("\n", " ") == text


@pytest.mark.parametrize(
    ("shape", "images", "limits"),
    [((1, 4, 5), 1, (0, 2)), ((4, 5), 1, (0, 2)), ((3, 4, 5), 1, None), ((6,), 0, None)],
)
def test_inputs_are_images_in_their_range_or_bars(shape, images, limits):
    axes = Figure().add_subplot()
    draw_input(axes, torch.ones(shape), Input(shape, (0.0, 2.0)))
    assert len(axes.images) == images
    if limits:
        assert axes.images[0].get_clim() == limits
    elif images:
        assert np.allclose(axes.images[0].get_array(), 0.5)
    else:
        assert len(axes.patches) == 1


def test_a_png_is_the_size_of_its_figure():
    image = matplotlib.image.imread(io.BytesIO(to_png(new_figure(2, 1))))
    assert image.shape == (120, 240, 4)


ROOMS = Target("class", (2, 2), classes=3, names=("background", "bed", "chair"), ignore=255)
PRESENT = Target("class", classes=2, names=("chair", "lamp"))


def test_a_class_that_two_targets_name_has_one_colour_and_no_other_has_it():
    plain = palette(3, ROOMS.names)
    assert (palette(2, PRESENT.names) == palette(2)).all()
    with one_colour_a_class([ROOMS, PRESENT]):
        assert (palette(3, ROOMS.names) == plain).all(), "the first keeps its colours"
        chair, lamp = palette(2, PRESENT.names)
    assert (chair == plain[2]).all()
    assert lamp.tolist() not in plain.tolist()
    assert (palette(2, PRESENT.names) == palette(2)).all(), "only within"


def patch_of(target, number):
    axes = new_figure(2, 2).add_subplot()
    draw_target(axes, torch.tensor(number), target)
    (text,) = axes.texts
    return text.get_bbox_patch()


def test_a_class_of_a_sample_stands_on_the_colour_of_its_pixels():
    assert patch_of(PRESENT, 0) is None
    with one_colour_a_class([PRESENT, ROOMS]):
        assert patch_of(PRESENT, 0).get_facecolor()[:3] == pytest.approx(palette(3, ROOMS.names)[2])
        assert patch_of(PRESENT, 1) is None, "no map shows it"


def test_colours_are_as_before_where_drawing_failed():
    with pytest.raises(ZeroDivisionError), one_colour_a_class([ROOMS, PRESENT]):
        raise ZeroDivisionError
    assert (palette(2, PRESENT.names) == palette(2)).all()


def test_more_names_than_classes_do_no_harm():
    assert palette(1, ("a", "b")).shape == (1, 3)
