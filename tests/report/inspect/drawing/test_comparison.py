"""The figure of several runs' samples."""

from __future__ import annotations

import itertools

import pytest
import torch
from matplotlib.figure import Figure

from benchbed import Input, Target
from benchbed.contracts.drawing import to_png
from benchbed.report.inspect.drawing.comparison import draw_comparison
from benchbed.report.inspect.predictions.sample import Sample
from benchbed.report.layout.panel_size import panel_height
from tests.report.inspect.helpers import Dense


def comparison(columns, cls=Dense, **options) -> Figure:
    """Two tasks ``t`` and ``u`` of 2×2 maps of numbers; columns are their predictions."""
    target = Target("value", (2, 2))
    truth = {"t": torch.tensor([[1.0, 2.0], [3.0, 4.0]]), "u": torch.zeros(2, 2)}
    samples = {
        name: [Sample(index, torch.rand(3, 6, 8), truth, found) for index in (0, 9)]
        for name, found in columns.items()
    }
    tasks = {name: cls(name, target) for name in truth}
    return draw_comparison(samples, tasks, Input((3, 6, 8)), "title", **options)


def words(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_a_comparison_has_a_row_a_sample_and_task_and_a_column_a_method():
    low, high = torch.full((2, 2), -1.0), torch.full((2, 2), 7.0)
    columns = {"hps+equal": {"t": low, "u": high}, "mtan:backbone=segnet+dwa": {"t": high}}
    figure = comparison(columns)
    # A row of t: the input, three maps, their scale; a row of u: three panels, their scale.
    assert len(figure.axes) == 2 * (1 + 3 + 1 + 3 + 1)
    assert [axes.get_title() for axes in figure.axes[:4]] == [
        "input",
        "target",
        "hps+equal",
        "mtan:\nbackbone=segnet+\ndwa",
    ]
    assert [axes.get_ylabel() for axes in figure.axes[::9]] == ["sample 0", "sample 9"]
    assert [words(axes) for axes in figure.axes[1:4]] == [["t"], [], []]
    assert [words(axes) for axes in figure.axes[5:8]] == [["u"], [], ["no record"]]
    assert (figure.axes[2].images[0].get_array() == -1).all()
    assert (figure.axes[3].images[0].get_array() == 7).all()
    places = [axes.get_subplotspec() for axes in figure.axes[:4]]
    assert [(place.rowspan.start, place.colspan.start) for place in places] == [
        (0, 0),
        (0, 1),
        (0, 2),
        (0, 3),
    ]


def test_a_row_of_a_comparison_has_one_colour_scale():
    columns = {"a": {"t": torch.full((2, 2), -1.0)}, "b": {"t": torch.full((2, 2), 7.0)}}
    figure = comparison(columns)
    assert [axes.images[0].get_clim() for axes in figure.axes[1:4]] == [(-1, 7)] * 3


def test_a_record_without_weights_is_not_called_no_record():
    figure = comparison({"a": {"t": torch.ones(2, 2)}}, lost={("a", "u")})
    assert words(figure.axes[5]) == ["no weights"]


def test_a_comparison_of_seven_methods_with_long_names_stays_inside_the_figure():
    name = "pad-net:type=ati,backbone=segnet,backbone.width=0.25+dwa:T="
    found = {"t": torch.ones(2, 2), "u": torch.ones(2, 2)}
    figure = comparison({f"{name}{i}": found for i in range(7)})
    to_png(figure)
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    assert min(box.x0 for box in boxes) >= 0
    assert max(box.x1 for box in boxes) <= figure.bbox.x1
    assert max(box.y1 for box in boxes) <= figure._suptitle.get_window_extent().y0
    titles = sorted(axes.title.get_window_extent().extents.tolist() for axes in figure.axes[:9])
    assert all(left[2] < right[0] for left, right in itertools.pairwise(titles))
    height = panel_height(Input((3, 6, 8))) * figure.dpi
    assert figure.axes[1].get_window_extent().height == pytest.approx(height, rel=0.1)


def test_classes_of_maps_are_told_below_a_comparison():
    target = Target("class", (6, 8), classes=2, names=("no", "yes"))
    value = torch.zeros(6, 8, dtype=torch.long)
    sample = Sample(0, torch.rand(3, 6, 8), {"t": value}, {"t": value})
    tasks = {"t": Dense("t", target)}
    figure = draw_comparison({"a": [sample]}, tasks, Input((3, 6, 8)), "title")
    name, legend = figure.axes[-2:]
    assert words(name) == ["t"]
    labels = [text.get_text() for text in legend.get_legend().get_texts()]
    assert labels == ["no", "yes", "not annotated"]


def test_a_narrow_column_grows_with_the_longest_word_of_its_heading():
    target = Target("class", classes=2)
    sample = Sample(0, torch.rand(3, 6, 8), {"t": torch.tensor(1)}, {"t": torch.tensor(1)})
    tasks, columns = {"t": Dense("t", target)}, {"hps+uncertainty_of_tasks": [sample]}
    figure = draw_comparison(columns, tasks, Input((3, 6, 8)), "title")
    to_png(figure)
    assert figure.axes[2].get_title() == "hps+\nuncertainty_of_tasks"
    cells = figure.axes[2].get_subplotspec().get_gridspec().get_width_ratios()
    width = figure.axes[2].title.get_window_extent().width / figure.dpi
    assert width < cells[2]
