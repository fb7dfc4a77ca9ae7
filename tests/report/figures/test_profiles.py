"""The figure of performance profiles: what it holds, and that it can be rendered."""

from __future__ import annotations

import numpy as np

from benchbed.contracts.drawing import to_png
from benchbed.report.figures.profiles import draw_profiles
from benchbed.report.statistics.protocols import Profiles, performance_profiles


def test_a_profile_falls_after_the_threshold_that_its_runs_just_reach():
    profiles = Profiles((-1.0, 0.0, 2.0), {"a": (1.0, 1.0, 0.25), "b": (1.0, 0.5, 0.0)})
    figure = draw_profiles(profiles)
    first, second, baseline = figure.axes[0].lines
    assert (first.get_label(), second.get_label()) == ("a", "b")
    assert first.get_drawstyle() == "steps-pre"
    assert np.array_equal(first.get_xdata(), [-1, -1, 0, 2, 2])
    assert np.array_equal(first.get_ydata(), [1, 1, 1, 0.25, 0])
    assert np.array_equal(second.get_ydata(), [1, 1, 0.5, 0, 0])
    assert np.array_equal(baseline.get_xdata(), [0, 0])


def test_no_two_of_many_profiles_look_alike():
    runs = {f"m{i}": [[float(i), 2.0 * i]] for i in range(25)}
    figure = draw_profiles(performance_profiles(runs))
    drawn = {(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines[:25]}
    assert len(drawn) == 25
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(runs)
    assert to_png(figure).startswith(b"\x89PNG")


def test_a_single_value_can_be_drawn():
    assert to_png(draw_profiles(performance_profiles({"a": [[1.0]]}))).startswith(b"\x89PNG")
