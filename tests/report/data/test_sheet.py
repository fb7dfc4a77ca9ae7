"""Contact sheets of a data set."""

from __future__ import annotations

import math

import matplotlib as mpl
import numpy as np
import pytest

from benchbed import Input, Target
from benchbed.contracts.drawing import DPI, GREY, palette, to_png
from benchbed.report.data.sheet import LARGEST, draw_sheet

SIZE = (2, 3)
IMAGE = Input((3, *SIZE))
GREY_RGB = [float(GREY)] * 3


def sheet(values, target, *, name="t", described=IMAGE):
    """The sheet of samples of one target."""
    values = np.asarray(values)
    samples = {"input": np.zeros((len(values), *described.shape), np.float32), name: values}
    figure = draw_sheet(samples, range(len(values)), described, {name: target}, "title")
    to_png(figure)
    return figure


def panels(figure, count):
    """The axes of the target's panels; those of the inputs stand first."""
    return figure.axes[count : 2 * count]


def shown_rgb(axes):
    """The colours that stand on the screen, whatever way they are drawn."""
    (image,) = axes.images
    array = image.get_array()
    rgba = array if array.ndim == 3 else image.to_rgba(array)
    return np.asarray(rgba)[..., :3]


def legend_texts(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_a_row_holds_the_input_and_each_target_under_its_name():
    targets = {
        "seg": Target("class", SIZE, classes=3, names=("a", "b", "c")),
        "depth": Target("value", SIZE),
        "kind": Target("class", classes=2, names=("cat", "dog")),
    }
    samples = {
        "input": np.zeros((2, 3, *SIZE), np.float32),
        "seg": np.zeros((2, *SIZE), np.uint8),
        "depth": np.ones((2, *SIZE), np.float32),
        "kind": np.array([0, 1]),
    }
    figure = draw_sheet(samples, [4, 9], IMAGE, targets, "8 of 9")
    by_title = {axes.get_title(): axes for axes in figure.axes if axes.get_title()}
    assert list(by_title) == ["input", "seg", "depth", "kind"]
    rows = [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()]
    assert rows == ["sample 4", "sample 9"]
    words = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert [word for word in words if word in {"cat", "dog"}] == ["cat", "dog"]
    assert figure.get_suptitle() == "8 of 9"


def test_a_map_of_classes_has_fixed_colours_told_below_for_those_that_are_there():
    target = Target("class", SIZE, classes=4, names=("sky", "road", "car", "tree"), ignore=255)
    figure = sheet(np.array([[[0, 2, 2], [255, 0, 2]]], np.uint8), target)
    (panel,) = panels(figure, 1)
    colours = palette(4)
    wanted = [[colours[0], colours[2], colours[2]], [GREY_RGB, colours[0], colours[2]]]
    assert np.allclose(shown_rgb(panel), wanted)
    legend = figure.axes[-1]
    assert legend_texts(legend) == ["sky", "car", "not annotated"]
    patches = legend.get_legend().get_patches()
    assert [patch.get_facecolor()[:3] for patch in patches] == [
        tuple(colours[0]),
        tuple(colours[2]),
        tuple(GREY_RGB),
    ]


def test_a_legend_does_not_speak_of_what_is_not_there():
    figure = sheet(np.ones((1, *SIZE), np.uint8), Target("class", SIZE, classes=3, ignore=255))
    assert legend_texts(figure.axes[-1]) == ["1"]


def test_two_classes_are_black_and_white_and_grey_where_ignored():
    target = Target("class", SIZE, classes=2, names=("none", "edge"), ignore=255)
    figure = sheet(np.array([[[0, 1, 255], [1, 1, 0]]], np.uint8), target)
    black, white = [0.0] * 3, [1.0] * 3
    wanted = [[black, white, GREY_RGB], [white, white, black]]
    assert np.allclose(shown_rgb(panels(figure, 1)[0]), wanted, atol=0.01)
    assert legend_texts(figure.axes[-1]) == ["none", "edge", "not annotated"]


def test_of_several_annotators_the_share_that_marked_a_pixel_is_drawn():
    """One of three is absent; a pixel that nobody looked at is grey."""
    annotators = np.array([[[0, 1, 1], [0, 0, 255]], [[0, 0, 1], [1, 0, 255]]], np.uint8)
    absent = np.full((1, *SIZE), 255, np.uint8)
    values = np.concatenate([annotators, absent])[None]
    figure = sheet(values, Target("class", (3, *SIZE), classes=2, ignore=255))
    (image,) = panels(figure, 1)[0].images
    assert image.get_clim() == (0, 1)
    wanted = [[0, 0.5, 1], [0.5, 0, math.nan]]
    assert np.array_equal(image.get_array().filled(math.nan), wanted, equal_nan=True)
    assert np.allclose(shown_rgb(panels(figure, 1)[0])[1, 2], GREY_RGB)


def test_depth_has_one_colour_scale_for_all_samples_and_grey_where_it_is_invalid():
    values = np.array([[[1, 2, 0], [3, 4, math.nan]], [[5, 6, 7], [8, 9, 0]]], np.float32)
    figure = sheet(values, Target("value", SIZE))
    first, second = panels(figure, 2)
    assert first.images[0].get_clim() == second.images[0].get_clim() == (1, 9)
    assert first.images[0].get_cmap().name == "viridis"
    assert np.allclose(shown_rgb(first)[:, 2], GREY_RGB)
    viridis = mpl.colormaps["viridis"]
    assert np.allclose(shown_rgb(first)[0, 0], viridis(0.0)[:3])
    assert np.allclose(shown_rgb(second)[1, 1], viridis(1.0)[:3])
    bar = figure.axes[-1]
    assert bar.get_xlim() == (1, 9)


def test_where_numbers_are_negative_zero_is_one_of_them():
    figure = sheet(np.array([[[-1, 0, 1], [0, 0, 0]]], np.float32), Target("value", SIZE))
    assert not np.allclose(shown_rgb(panels(figure, 1)[0])[0, 1], GREY_RGB)


@pytest.mark.parametrize("value", [0.0, math.nan])
def test_a_map_without_a_valid_number_is_all_grey(value):
    figure = sheet(np.full((1, *SIZE), value, np.float32), Target("value", SIZE))
    assert np.allclose(shown_rgb(panels(figure, 1)[0]), GREY_RGB)


def test_normals_are_rgb_and_the_zero_vector_is_grey():
    """(0.5, −0.5, 0) has the sum 0 and is no zero vector."""
    values = np.zeros((1, 3, *SIZE), np.float32)
    values[0, 2, 0] = -1.0
    values[0, :, 1, 0] = [0.5, -0.5, 0]
    figure = sheet(values, Target("value", (3, *SIZE)))
    image = shown_rgb(panels(figure, 1)[0])
    assert np.allclose(image[0], [0.5, 0.5, 0.0])
    assert np.allclose(image[1, 0], [0.75, 0.25, 0.5])
    assert np.allclose(image[1, 1:], GREY_RGB)


def test_colours_are_rgb_with_black_where_they_are_zero_and_grey_where_one_is_missing():
    values = np.zeros((1, 3, *SIZE), np.float32)
    values[0, 0, 0, 0] = 1.0
    values[0, 1, 0, 1] = math.nan
    image = shown_rgb(panels(sheet(values, Target("value", (3, *SIZE))), 1)[0])
    assert np.allclose(image[0], [[1, 0, 0], GREY_RGB, [0, 0, 0]])


def test_what_has_no_picture_is_bars_or_a_shape():
    vector = sheet(np.ones((1, 5), np.float32), Target("value", (5,)))
    assert len(panels(vector, 1)[0].patches) == 1
    other = sheet(np.ones((1, 2, 2, 2), np.float32), Target("value", (2, 2, 2)))
    assert panels(other, 1)[0].texts[0].get_text() == "2 × 2 × 2"


@pytest.mark.parametrize(("samples", "count"), [(1, 60), (40, 1)])
def test_many_targets_and_many_tall_samples_stay_within_a_bound(samples, count):
    targets = {f"target_{i}": Target("class", classes=2) for i in range(count)}
    described = Input((3, 20, 4))
    values = {name: np.zeros(samples, np.int64) for name in targets}
    values["input"] = np.zeros((samples, *described.shape), np.float32)
    figure = draw_sheet(values, range(samples), described, targets, "title")
    limits = [1.25 * size for size in LARGEST]
    assert all(figure.get_size_inches() < limits)
    assert max(limits) * DPI < 2**16, "the most pixels that matplotlib draws"


@pytest.mark.parametrize("name", ["a_rather_long_name_of_a_target", "$x_1$"])
def test_names_are_drawn_as_they_are_and_stay_inside_the_figure(name):
    target = Target("class", SIZE, classes=3, names=("$5", "b_$2", "c"), ignore=255)
    figure = sheet(np.zeros((1, *SIZE), np.uint8), target, name=name)
    for axes in figure.axes:
        box = axes.get_tightbbox()
        if box is not None and box.width:
            assert box.x0 >= -1
            assert box.x1 <= figure.bbox.x1 + 1
    titles = [axes.get_title().replace("\n", "") for axes in figure.axes]
    assert name in titles
