"""The figure of training curves."""

from __future__ import annotations

import math

import msgspec
import pytest

from benchbed.contracts.drawing import to_png
from benchbed.records.record import MetricInfo
from benchbed.report.inspect.drawing.training_curves import draw_curves, draw_curves_of_several
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


def test_auxiliary_losses_are_drawn_and_the_one_of_no_task_is_named(trained):
    record = read_record(trained["hps/mgda"])
    more = {"auxiliary/digit": [3.0, 2.0, 1.0], "auxiliary": [0.3, 0.2, 0.1]}
    axes = draw_curves(with_curves(record, **more), "title").axes
    (drawn,) = [place for place in axes if place.get_title() == "auxiliary losses"]
    labels = [text.get_text() for text in drawn.get_legend().get_texts()]
    assert labels == ["digit", "of no task"]
    assert [list(line.get_ydata()) for line in drawn.lines[:2]] == list(more.values())


def phase_lines(axes) -> list[float]:
    return [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == ":"]


def test_where_a_phase_begins_is_marked_in_every_plot(trained):
    record = with_curves(read_record(trained["hps/mgda"]), phase=[1, 2, 3])
    figure = draw_curves(record, "title")
    assert [phase_lines(axes) for axes in figure.axes] == [[1.5, 2.5]] * len(figure.axes)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["training", "validation", "selected: epoch 3", "a phase begins"]
    assert "phase" not in {axes.get_title() for axes in figure.axes}


def seeds(record, name, *curves):
    return [
        msgspec.structs.replace(with_curves(record, **{name: list(curve)}), seed=seed)
        for seed, curve in enumerate(curves)
    ]


def test_several_seeds_are_their_mean_with_a_band_from_the_smallest_to_the_largest(trained):
    record = read_record(trained["hps/mgda"])
    name = "validation/digit/loss"
    methods = {
        "one": seeds(record, name, [1.0, 2.0, 3.0], [3.0, 2.0, None], [5.0, 5.0, 1.0]),
        "two": seeds(record, name, [0.5, 0.25, 0.125]),
    }
    figure = draw_curves_of_several(methods, "title")
    (axes,) = [a for a in figure.axes if a.get_title() == "digit: validation loss"]
    assert list(axes.lines[0].get_ydata()) == [3.0, 3.0, 2.0]
    assert list(axes.lines[1].get_ydata()) == [0.5, 0.25, 0.125]
    (band,) = axes.collections
    corners = {tuple(corner) for corner in band.get_paths()[0].vertices}
    assert corners == {(1, 1), (2, 2), (3, 1), (1, 5), (2, 5), (3, 3)}
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "two"]
    assert figure.axes[0].lines[0].get_color() != figure.axes[0].lines[1].get_color()


def test_a_method_that_trains_one_task_at_a_time_has_its_line_in_each_tasks_plots(trained):
    names = [f"single-task/{task}" for task in ("digit", "holes", "parity")]
    single = [read_record(trained[name]) for name in names]
    together = read_record(trained["hps/mgda"])
    figure = draw_curves_of_several({"single-task": single, "hps+mgda": [together]}, "title")
    headings = [axes.get_title() for axes in figure.axes]
    for task, record in zip(("digit", "holes", "parity"), single, strict=True):
        axes = figure.axes[headings.index(f"{task}: training loss")]
        drawn = [list(line.get_ydata()) for line in axes.lines]
        name = f"train/{task}/loss"
        assert drawn == [record.curves[name], together.curves[name]]
    assert headings[-2:] == ["learning rate", "task weights"]
    assert [line.get_label() for line in figure.axes[-2].lines] == ["single-task", "hps+mgda"]
    assert figure.axes[-1].lines[0].get_label() == "hps+mgda · digit"


def test_percent_and_direction_stand_in_the_titles():
    record = fakes.record()
    infos = {"miou": MetricInfo(True), "rmse": MetricInfo(False, True, False)}
    record = msgspec.structs.replace(record, tasks=["seg"], metrics={"seg": infos}, curves={})
    titles = [axes.get_title() for axes in draw_curves(record, "t").axes]
    assert titles == ["seg: loss", "seg: rmse ↓", "seg: miou ↑"]
