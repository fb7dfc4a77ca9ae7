"""The figure of training curves."""

from __future__ import annotations

import math

import msgspec
import pytest

from benchbed.contracts.drawing import to_png
from benchbed.records.record import MetricInfo
from benchbed.report.inspect.drawing.training_curves import draw_curves
from benchbed.report.inspect.records import read_record
from tests import fakes


def selected_lines(axes) -> list[float]:
    return [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "--"]


def with_curves(record, **curves):
    return msgspec.structs.replace(record, curves={**record.curves, **curves})


def test_curves_have_axes_for_losses_metrics_and_what_tasks_share(trained):
    record = read_record(trained["hps/mgda"])
    figure = draw_curves(record, "title")
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [
        *(
            f"{task}: {what}"
            for task in ("digit", "holes", "parity")
            for what in ("loss", "accuracy % ↑", "macro_accuracy % ↑")
        ),
        "learning rate",
        "task weights",
    ]
    losses = figure.axes[0].lines
    assert list(losses[0].get_ydata()) == record.curves["train/digit/loss"]
    assert list(losses[1].get_ydata()) == record.curves["validation/digit/loss"]
    accuracy = [100 * value for value in record.curves["validation/digit/accuracy"]]
    assert list(figure.axes[1].lines[0].get_ydata()) == accuracy


def test_the_selected_epoch_is_marked_in_every_plot(trained):
    record = msgspec.structs.replace(read_record(trained["hps/mgda"]), selected_epoch=2)
    figure = draw_curves(record, "title")
    assert [selected_lines(axes) for axes in figure.axes] == [[2]] * len(figure.axes)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["training", "validation", "selected: epoch 2"]


def test_gradient_norms_and_cosines_are_drawn_where_they_were_logged(trained):
    record = read_record(trained["hps/mgda"])
    more = {"norm/digit": [1.0, 2.0, 3.0], "cosine/digit/holes": [0.1, -0.2, 0.3]}
    figure = draw_curves(with_curves(record, **more), "title")
    norms, cosines = figure.axes[-2:]
    assert norms.get_title() == "gradient norms"
    assert norms.get_yscale() == "log"
    assert cosines.get_title() == "cosines between gradients"
    assert [text.get_text() for text in cosines.get_legend().get_texts()] == ["digit · holes"]
    assert list(cosines.lines[0].get_ydata()) == [0.1, -0.2, 0.3]


def test_a_run_without_weights_of_tasks_has_no_plot_of_them(trained):
    figure = draw_curves(read_record(trained["single-task/digit"]), "title")
    assert [axes.get_title() for axes in figure.axes][-1] == "learning rate"
    assert len(figure.axes) == 1 + 2 + 1


@pytest.mark.parametrize("missing", [None, math.nan])
def test_what_was_not_logged_is_a_gap(trained, missing):
    record = read_record(trained["hps/mgda"])
    figure = draw_curves(with_curves(record, **{"weight/digit": [0.5, missing, 0.25]}), "title")
    drawn = figure.axes[-1].lines[0].get_ydata()
    assert [math.isnan(value) for value in drawn] == [False, True, False]
    assert to_png(figure).startswith(b"\x89PNG")


def test_a_curve_of_nothing_but_gaps_can_be_drawn(trained):
    record = with_curves(read_record(trained["hps/mgda"]), **{"norm/digit": [None] * 3})
    assert to_png(draw_curves(record, "title")).startswith(b"\x89PNG")


def test_zero_norms_are_drawn_on_a_linear_scale(trained):
    record = with_curves(read_record(trained["hps/mgda"]), **{"norm/digit": [0.0, 1.0, 2.0]})
    assert draw_curves(record, "title").axes[-1].get_yscale() == "linear"


def test_long_names_of_methods_stay_inside_the_figure(trained):
    name = "mtan:backbone=vit_small_patch16," + ",".join(f"option{i}=0.125" for i in range(20))
    record = read_record(trained["single-task/parity"])
    figure = draw_curves(record, f"{name}+dwa:T=2.5\nepoch 3")
    to_png(figure)
    box = figure._suptitle.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1
    assert box.y1 <= figure.bbox.y1
    assert figure.get_suptitle().replace("\n", "") == f"{name}+dwa:T=2.5epoch 3"
    top = max(axes.get_tightbbox().y1 for axes in figure.axes)
    assert top <= box.y0


def test_percent_and_direction_stand_in_the_titles():
    record = fakes.record()
    infos = {"miou": MetricInfo(True), "rmse": MetricInfo(False, True, False)}
    record = msgspec.structs.replace(record, tasks=["seg"], metrics={"seg": infos}, curves={})
    titles = [axes.get_title() for axes in draw_curves(record, "t").axes]
    assert titles == ["seg: loss", "seg: rmse ↓", "seg: miou ↑"]
