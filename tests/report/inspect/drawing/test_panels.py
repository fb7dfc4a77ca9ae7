"""The figure of one run's samples."""

from __future__ import annotations

import math

import matplotlib.image
import pytest
import torch

from benchbed import Input, Target
from benchbed.basics.errors import PluginError
from benchbed.report.inspect.drawing.panels import draw_panels
from benchbed.report.inspect.drawing.values import WRONG
from benchbed.report.inspect.predictions.predict import predict
from benchbed.report.inspect.predictions.rebuild import rebuild
from benchbed.report.inspect.predictions.sample import Sample
from benchbed.report.inspect.records import read_record
from tests.report.inspect.helpers import SHORT, Dense, everything


def test_panels_have_a_row_a_sample_and_two_axes_a_task_beside_the_input(trained):
    path = trained["hps/mgda"]
    record = read_record(path)
    session = rebuild(record, SHORT, everything(), path.with_suffix(".safetensors"), None)
    samples = predict(session, 4)
    figure = draw_panels(samples, session.tasks, session.dataset.input, "title")
    assert len(figure.axes) == 4 * (1 + 2 * 3)
    words = [axes.texts[0].get_text() for axes in figure.axes[:7] if axes.texts]
    digit = int(samples[0].targets["digit"])
    assert words[0] == str(digit)
    assert words[4] == ("odd" if digit % 2 else "even")
    assert len(figure.axes[0].images) == 1
    assert [axes.get_title() for axes in figure.axes[:3]] == [
        "input",
        "digit\ntarget",
        "digit\nprediction",
    ]


class Marked(Dense):
    def draw(self, axes, value):
        axes.text(0, 0, f"mine {tuple(value.shape)}")


class Failing(Dense):
    def draw(self, axes, value):
        raise ValueError("no such colour")


def panels(target: Target, truth, prediction, cls=Dense):
    sample = Sample(7, torch.rand(3, 6, 8), {"t": truth}, {"t": prediction})
    return draw_panels([sample], {"t": cls("t", target)}, Input((3, 6, 8)), "title")


def test_target_and_prediction_of_a_map_share_one_colour_scale_that_is_shown():
    target = Target("value", (2, 2))
    truth = torch.tensor([[1.0, 2.0], [math.nan, 4.0]])
    figure = panels(target, truth, torch.tensor([[[0.5, 2.0], [3.0, 3.0]]]))
    assert [axes.images[0].get_clim() for axes in figure.axes[1:3]] == [(0.5, 4.0)] * 2
    assert len(figure.axes) == 3 + 1


def test_vectors_are_bars_of_one_height():
    truth, guess = torch.tensor([1.0, 2.0]), torch.tensor([4.0, -1.0])
    figure = panels(Target("value", (2,)), truth, guess)
    heights = [axes.get_ylim() for axes in figure.axes[1:3]]
    assert heights[0] == heights[1]
    assert list(figure.axes[2].patches[0].get_data().values) == [4.0, -1.0]


@pytest.mark.parametrize(
    ("prediction", "truth", "framed"), [(1, 1, False), (0, 1, True), (0, -1, False)]
)
def test_a_wrong_class_has_a_red_frame(prediction, truth, framed):
    target = Target("class", classes=2, ignore=-1)
    axes = panels(target, torch.tensor(truth), torch.tensor(prediction)).axes[2]
    colours = {spine.get_edgecolor() for spine in axes.spines.values()}
    assert (colours == {matplotlib.colors.to_rgba(WRONG)}) == framed


def test_a_task_may_draw_itself_and_then_has_no_legend_of_default_colours():
    target = Target("class", (6, 8), classes=2, names=("no", "yes"))
    value = torch.zeros(6, 8, dtype=torch.long)
    figure = panels(target, value, value, Marked)
    assert [axes.texts[0].get_text() for axes in figure.axes[1:]] == ["mine (6, 8)"] * 2
    legend = panels(target, value, value).axes[-1].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["no", "yes", "not annotated"]


def test_a_task_that_fails_to_draw_is_named():
    with pytest.raises(PluginError, match=r"Failing\.draw raised ValueError: no such colour"):
        panels(Target("value"), torch.tensor(1.0), torch.tensor(1.0), Failing)
