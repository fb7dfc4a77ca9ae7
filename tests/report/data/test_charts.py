"""Charts of what a split holds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchbed import Target
from benchbed.contracts.drawing import palette, to_png
from benchbed.report.data.charts import draw_statistics
from benchbed.report.data.statistics import describe
from tests.report.data.test_sheet import legend_texts, sheet

SIZE = (2, 3)


def charts(values, target, name="t"):
    columns = {name: np.asarray(values)}
    figure = draw_statistics(describe(columns, {name: target}), {name: target}, "title")
    to_png(figure)
    return figure.axes


def bars(axes):
    """Percentages by class, as drawn from the top."""
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    return dict(zip(names, [round(bar.get_width(), 6) for bar in axes.patches], strict=True))


def test_presence_and_area_stand_side_by_side_with_the_share_that_is_ignored():
    values = np.array([[[0, 0, 0], [0, 1, 255]], [[0, 0, 0], [0, 0, 0]]], np.uint8)
    target = Target("class", SIZE, classes=3, names=("wall", "floor", "lamp"), ignore=255)
    presence, area = charts(values, target, "seg")
    assert bars(presence) == {"wall": 100, "floor": 50, "lamp": 0}
    assert bars(area) == {"wall": round(1000 / 11, 6), "floor": round(100 / 11, 6), "lamp": 0}
    assert presence.get_title("left") == "seg: % of samples with the class"
    assert area.get_title("left") == "seg: % of annotated pixels; 8.3 % ignored"
    assert [text.get_text() for text in area.texts] == ["90.9", "9.1", "0"]


@pytest.mark.parametrize(
    ("marked", "text"), [(0, "0"), (1, "0.10"), (4, "0.40"), (10, "1.0"), (995, "99.5")]
)
def test_shares_are_told_with_the_digits_that_matter(marked, text):
    values = np.zeros((1, 1000, 1), np.uint8)
    values[0, :marked] = 1
    _, area = charts(values, Target("class", (1000, 1), classes=3))
    assert area.texts[1].get_text() == text


def test_the_bars_of_classes_have_the_colours_of_the_sheet():
    presence, _ = charts(np.zeros((1, *SIZE), np.uint8), Target("class", SIZE, classes=3))
    assert np.allclose([bar.get_facecolor()[:3] for bar in presence.patches], palette(3))


def test_classes_of_one_name_have_a_bar_each():
    target = Target("class", SIZE, classes=3, names=("a", "other", "other"))
    presence, _ = charts(np.full((1, *SIZE), 2, np.uint8), target)
    assert [bar.get_width() for bar in presence.patches] == [0, 0, 100]


def test_one_class_a_sample_has_one_chart():
    (axes,) = charts(np.array([0, 0, 1, -1]), Target("class", classes=2, ignore=-1))
    assert bars(axes) == {"0": 50, "1": 25}
    assert axes.get_title("left") == "t: % of samples; 25.0 % ignored"


def test_numbers_have_a_histogram_of_what_is_valid():
    (axes,) = charts(np.array([[[1, 2, 0], [2, 2, 4]]], np.float32), Target("value", SIZE), "depth")
    (stairs,) = axes.patches
    percent, edges, _ = stairs.get_data()
    assert sum(percent) == pytest.approx(100)
    assert percent[np.searchsorted(edges, 2, "right") - 1] == pytest.approx(60)
    assert axes.get_title("left") == "depth: % of valid values; 16.7 % invalid"


def test_three_channels_have_a_line_each():
    values = np.random.default_rng(0).uniform(-1, 1, (2, 3, *SIZE)).astype(np.float32)
    (axes,) = charts(values, Target("value", (3, *SIZE)))
    assert legend_texts(axes) == ["x", "y", "z"]
    assert len(axes.patches) == 3


@pytest.mark.parametrize(
    ("values", "target"),
    [
        (np.full((2, *SIZE), math.nan, np.float32), Target("value", SIZE)),
        (np.full((2, *SIZE), 3.0, np.float32), Target("value", SIZE)),
        (np.full((2, *SIZE), 255, np.uint8), Target("class", SIZE, classes=3, ignore=255)),
        (np.zeros(2, np.float32), Target("value")),
        (np.ones((2, 7), np.uint8), Target("class", (7,), classes=2)),
    ],
)
def test_what_is_constant_or_empty_can_be_drawn(values, target):
    assert charts(values, target)
    assert sheet(values, target).axes


def test_charts_of_all_targets_are_in_one_figure():
    columns = {
        "kind": np.zeros(2, np.int64),
        "depth": np.ones((2, *SIZE), np.float32),
        "seg": np.zeros((2, *SIZE), np.uint8),
    }
    targets = {
        "kind": Target("class", classes=2),
        "depth": Target("value", SIZE),
        "seg": Target("class", SIZE, classes=30),
    }
    figure = draw_statistics(describe(columns, targets), targets, "title")
    to_png(figure)
    names = [axes.get_title("left").partition(":")[0] for axes in figure.axes]
    assert names == ["seg", "seg", "kind", "depth"]
    for axes in figure.axes:
        box = axes.get_tightbbox()
        assert box.x0 >= -1
        assert box.x1 <= figure.bbox.x1 + 1
    heights = [axes.get_position().height * figure.bbox.height for axes in figure.axes]
    slots = [abs(np.subtract(*axes.get_ylim())) for axes in figure.axes[:3]]
    thick = [height / slot for height, slot in zip(heights, slots, strict=False)]
    assert thick == pytest.approx([thick[0]] * 3, rel=0.1), "bars are of one width"
