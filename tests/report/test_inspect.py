"""``benchbed inspect``: what is drawn of a run, and what is said where it cannot be."""

from __future__ import annotations

import dataclasses
import io
import itertools
import json
import math
import shlex
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from benchbed import Input, Target, Task
from benchbed.basics.environment import now
from benchbed.basics.errors import (
    BenchbedError,
    PluginError,
    ProtocolError,
    RecordError,
    StoreError,
)
from benchbed.basics.texts import wrap
from benchbed.cli import cli, guarded
from benchbed.contracts.drawing import GREY, draw_input, draw_target, new_figure, palette, to_png
from benchbed.contracts.protocol import Selection, parse_protocol
from benchbed.discovery.method import Component
from benchbed.discovery.registry import discover
from benchbed.engine.selection import Selector
from benchbed.execution.plan import Settings, make_plan
from benchbed.execution.results import make_record, save_weights
from benchbed.execution.worker import execute
from benchbed.records.record import MetricInfo, run_key, seal
from benchbed.report import inspect
from benchbed.report import panels as figures
from benchbed.report.curves import draw_curves
from benchbed.report.inspect import (
    Request,
    compare_records,
    find_record,
    inspect_record,
    protocol_of,
    read_record,
)
from benchbed.report.layout import (
    HEADING_DENSITY,
    break_heading,
    heading_characters,
    leave_out_shared,
    panel_height,
)
from benchbed.report.panels import WRONG, Sample, draw_comparison, draw_panels
from benchbed.report.rebuild import predict, rebuild
from tests import fakes, regimes, toys
from tests.conftest import ROOT
from tests.engine.helpers import make_job, make_trainer

DIGITS = (ROOT / "plugins/benchbed_zoo/protocols/digits-1.toml").read_text()
SINGLE = ("single-task/digit", "single-task/parity")
SHORT = parse_protocol(DIGITS.replace("epochs = 20", "epochs = 3"), "short")


def everything():
    """The first-party plugins and the toy plugin."""
    found = discover({"BENCHBED_PLUGINS": "zoo"}, strict=True)
    found.add_plugin(toys, "toys", "toys", "1.0")
    return found


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Records of short trainings of two digits methods and one toy method, by method name.

    The toy method is trained with two seeds; its second record has ``/1`` behind the name.
    """
    folder = tmp_path_factory.mktemp("trained")
    toy = parse_protocol(toys.write_protocol(folder).read_text(), "toy")
    folder.joinpath("short.toml").write_text(DIGITS.replace("epochs = 20", "epochs = 3"))
    settings = Settings(folder / "results", device="cpu")
    paths = {}
    wanted = [(SHORT, ["hps+mgda", "single-task"], [0]), (toy, ["toy-net"], [0, 1])]
    for protocol, methods, seeds in wanted:
        for run in make_plan(protocol, methods, everything(), settings, seeds).runs:
            assert execute(run.job, lambda event: None) == 0
            place = run.job.place
            name = f"{place.architecture}/{place.weighting}" + "/1" * run.job.seed
            paths[name] = place.below(folder / "results/runs") / f"{run.job.key}.json"
    return paths


@pytest.fixture
def copy(trained, tmp_path):
    """Copy a trained record, with or without its weights, into a folder of its own."""

    def make(name: str, *, weights: bool = True) -> Path:
        source = trained[name]
        target = tmp_path / source.name
        target.write_bytes(source.read_bytes())
        if weights:
            target.with_suffix(".safetensors").write_bytes(
                source.with_suffix(".safetensors").read_bytes()
            )
        return target

    return make


def short_protocol(trained) -> str:
    """The file of the protocol of the digits records."""
    return str(trained["hps/mgda"].parents[6] / "short.toml")


def pixels(path: Path) -> np.ndarray:
    return matplotlib.image.imread(path)


def is_drawn(path: Path) -> bool:
    """Tell whether a file is an image with something on it."""
    image = pixels(path)
    return image.ndim == 3 and min(image.shape[:2]) > 100 and float(image.std()) > 0.01


def selected_lines(axes) -> list[float]:
    return [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "--"]


def with_curves(record, **curves):
    return msgspec.structs.replace(record, curves={**record.curves, **curves})


def test_both_figures_of_a_trained_run_are_images(trained, tmp_path):
    path = trained["hps/mgda"]
    request = Request(path, output=tmp_path / "out", protocol=short_protocol(trained))
    done = inspect_record(request, everything())
    assert (done.note, done.exit_code) == ("", 0)
    assert done.curves == tmp_path / "out" / "curves.png"
    assert done.panels == tmp_path / "out" / "panels.png"
    assert is_drawn(done.curves)
    assert is_drawn(done.panels)


def test_figures_go_below_the_results_folder_by_default(trained, tmp_path):
    path = trained["hps/mgda"]
    done = inspect_record(Request(path, tmp_path, protocol=short_protocol(trained)), everything())
    assert done.panels == tmp_path / "inspect" / path.stem / "panels.png"


def test_predictions_are_those_of_the_scored_network(trained, tmp_path):
    """All test samples drawn from, their accuracy must be the one in the record."""
    for name in ("hps/mgda", "single-task/digit"):
        record = read_record(trained[name])
        weights = trained[name].with_suffix(".safetensors")
        samples = predict(rebuild(record, SHORT, everything(), weights, None), 10_000)
        assert [sample.index for sample in samples] == list(range(450))
        for task in record.tasks:
            right = [bool(s.predictions[task] == s.targets[task]) for s in samples]
            assert sum(right) / len(right) == pytest.approx(record.test[task]["accuracy"])


@pytest.mark.parametrize("method", ["phased", "phased+three-batches"])
@pytest.mark.parametrize("best", [1, 2, 3, 4])
def test_a_network_is_rebuilt_in_the_phase_of_the_selected_epoch(
    toy_protocol, tmp_path, monkeypatch, method, best
):
    registry = everything()
    registry.add_plugin(regimes, "regimes", "regimes", "1.0")
    protocol = msgspec.structs.replace(
        toy_protocol, batch_size=4, selection=Selection("best-validation")
    )
    values = iter([float(n == best) for n in range(1, 5)])
    monkeypatch.setattr(Selector, "criterion", lambda self, evaluation: next(values))
    trainer = make_trainer(make_job(protocol, registry, method))
    outcome = trainer.run()
    record = make_record(trainer.session.job, trainer.session, outcome, now())
    assert record.selected_epoch == best
    weights = tmp_path / "weights.safetensors"
    save_weights(weights, outcome.weights)
    for task in record.tasks:
        samples = predict(rebuild(record, protocol, registry, weights, None), 99)
        errors = [abs(s.predictions[task] - s.targets[task]) for s in samples]
        expected = record.test[task]["mae"]
        assert float(sum(errors)) / len(errors) == pytest.approx(expected, rel=1e-5)


def test_samples_are_spread_evenly_over_the_split(trained):
    record, path = read_record(trained["toy-net/equal"]), trained["toy-net/equal"]
    protocol = protocol_of(record, everything(), str(path.parents[6] / "toy.toml"))
    session = rebuild(record, protocol, everything(), path.with_suffix(".safetensors"), None)
    assert [sample.index for sample in predict(session, 4)] == [0, 3, 6, 9]
    assert [sample.index for sample in predict(session, 1)] == [0]
    assert len(predict(session, 99)) == 10
    assert not session.network.training


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


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("hps+dwa", 20, ["hps+dwa"]),
        ("hps:backbone=mlp+dwa:T=3", 18, ["hps:backbone=mlp+", "dwa:T=3"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("living room with sofa", 12, ["living room", "with sofa"]),
    ],
)
def test_wrap_cuts_after_separators_and_loses_nothing(text, width, lines):
    assert wrap(text, width).split("\n") == lines


class Dense(Task):
    """A task of any target, for drawing."""

    kind = "regression"
    primary = "none"
    channels = 1

    def loss(self, output, target):
        raise NotImplementedError

    def metrics(self):
        raise NotImplementedError


class Marked(Dense):
    def draw(self, axes, value):
        axes.text(0, 0, f"mine {tuple(value.shape)}")


class Failing(Dense):
    def draw(self, axes, value):
        raise ValueError("no such colour")


def panels(target: Target, truth, prediction, cls=Dense):
    sample = Sample(7, torch.rand(3, 6, 8), {"t": truth}, {"t": prediction})
    return draw_panels([sample], {"t": cls("t", target)}, Input((3, 6, 8)), "title")


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


def test_target_and_prediction_of_a_map_share_one_colour_scale_that_is_shown():
    target = Target("value", (2, 2))
    truth = torch.tensor([[1.0, 2.0], [math.nan, 4.0]])
    figure = panels(target, truth, torch.tensor([[[0.5, 2.0], [3.0, 3.0]]]))
    assert [axes.images[0].get_clim() for axes in figure.axes[1:3]] == [(0.5, 4.0)] * 2
    assert len(figure.axes) == 3 + 1


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


def test_without_weights_curves_are_drawn_and_the_command_is_named(copy, trained, tmp_path):
    path = copy("hps/mgda", weights=False)
    request = Request(path, tmp_path, protocol=short_protocol(trained))
    done = inspect_record(request, everything())
    assert is_drawn(done.curves)
    assert done.panels is None
    assert done.exit_code == 0
    command = shlex.split(done.note.splitlines()[1])
    assert command[:5] == ["benchbed", "run", short_protocol(trained), "hps+mgda", "--seeds"]
    assert command[5] == "0,"
    assert f"the weights {path.with_suffix('.safetensors')} are not there" in done.note


def test_without_weights_and_protocol_the_command_says_which_file_is_wanted(copy, tmp_path):
    path = copy("hps/mgda", weights=False)
    note = inspect_record(Request(path, tmp_path), everything()).note
    assert "benchbed run FILE.toml hps+mgda --seeds 0, " in note
    assert f"FILE.toml is the file of digits@1, digest {SHORT.digest[:12]}." in note


def test_without_weights_a_protocol_of_another_digest_is_still_refused(copy, trained, tmp_path):
    path = copy("hps/mgda", weights=False)
    other = str(trained["hps/mgda"].parents[6] / "toy.toml")
    done = inspect_record(Request(path, tmp_path, protocol=other), everything())
    assert done.exit_code == 2
    assert "benchbed run" not in done.note


def test_a_registered_protocol_is_named_by_its_id(tmp_path, registry, monkeypatch):
    record = fakes.record()
    monkeypatch.setattr(inspect, "protocols", lambda registry: {fakes.TRIO.id: fakes.TRIO})
    path = tmp_path / f"{record.key}.json"
    path.write_bytes(msgspec.json.encode(record))
    note = inspect_record(Request(path, tmp_path), registry).note
    assert f"benchbed run trio@2 {record.method} --seeds {record.seed}, " in note
    assert "--protocol" not in note


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        (None, "digits@1 as installed has digest"),
        ("toy.toml", "toy.toml has digest"),
    ],
)
def test_a_protocol_of_another_digest_is_refused_with_the_curves_drawn(
    trained, tmp_path, protocol, message
):
    path = trained["hps/mgda"]
    given = str(path.parents[6] / protocol) if protocol else None
    done = inspect_record(Request(path, tmp_path, protocol=given), everything())
    assert done.exit_code == 2
    assert message in done.note
    assert "give the file of that one with --protocol FILE" in done.note
    assert done.panels is None
    assert is_drawn(done.curves)


def test_a_protocol_that_no_plugin_brings_must_be_given(trained, tmp_path):
    done = inspect_record(Request(trained["toy-net/equal"], tmp_path), everything())
    assert done.exit_code == 2
    assert "No installed plugin brings protocol toy@1" in done.note


def rewritten(path: Path, **changes) -> Path:
    """Write a record with other components or data under the run key that these give."""
    record = msgspec.structs.replace(read_record(path), **changes)
    key = run_key(
        record.protocol_digest,
        record.components,
        record.data_digest,
        record.seed,
        record.tasks,
        record.engine,
        record.pretrained,
    )
    target = path.with_name(f"{key}.json")
    target.write_bytes(msgspec.json.encode(seal(msgspec.structs.replace(record, key=key))))
    path.with_suffix(".safetensors").rename(target.with_suffix(".safetensors"))
    return target


def refusal(path: Path, trained, tmp_path) -> str:
    request = Request(path, tmp_path, protocol=short_protocol(trained))
    done = inspect_record(request, everything())
    assert done.exit_code == 2
    assert done.panels is None
    assert done.curves.exists()
    return done.note


def test_plugins_of_another_version_are_named(copy, trained, tmp_path):
    path = copy("hps/mgda")
    first, *rest = read_record(path).components
    older = msgspec.structs.replace(first, version="0.9")
    note = refusal(rewritten(path, components=[older, *rest]), trained, tmp_path)
    assert "What differs: architecture hps 0.9." in note


def test_other_data_than_the_records_is_refused(copy, trained, tmp_path):
    note = refusal(rewritten(copy("hps/mgda"), data_digest="other"), trained, tmp_path)
    assert "Data set 'digits' is not the one that the record was made on" in note


def test_damaged_weights_and_those_of_another_network_are_refused(copy, trained, tmp_path):
    path = copy("hps/mgda")
    weights = path.with_suffix(".safetensors")
    weights.write_bytes(weights.read_bytes()[:100])
    assert "are damaged" in refusal(path, trained, tmp_path)
    other = trained["single-task/digit"].with_suffix(".safetensors")
    weights.write_bytes(other.read_bytes())
    assert "are not those of the network" in refusal(path, trained, tmp_path)


def test_a_changed_source_is_noted_beside_the_panels(copy, trained, tmp_path):
    path = copy("hps/mgda")
    first, *rest = read_record(path).components
    path = rewritten(path, components=[msgspec.structs.replace(first, source="old"), *rest])
    request = Request(path, tmp_path, protocol=short_protocol(trained))
    done = inspect_record(request, everything())
    assert done.note.startswith("The source of architecture hps has changed")
    assert done.exit_code == 0
    assert is_drawn(done.panels)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (b'"seed": 0', b'"seed": 1', "altered"),
        (b"}", b"", "damaged"),
        (b'"benchbed.record/1"', b'"benchbed.record/9"', "of another schema"),
    ],
)
def test_a_tampered_record_is_not_drawn(copy, tmp_path, before, after, message):
    path = copy("hps/mgda")
    assert before in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(before, after, 1))
    with pytest.raises(RecordError, match=f"cannot be trusted: {message}"):
        inspect_record(Request(path, tmp_path / "out"), everything())
    assert not (tmp_path / "out").exists()


def test_records_are_found_by_path_key_and_prefix(trained):
    path = trained["hps/mgda"]
    results = path.parents[5]
    assert find_record(str(path), Path("nowhere")) == path
    assert find_record(path.stem, results) == path
    assert find_record(path.stem[:6], results) == path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ffffff", "No record in .* has a run key that begins with ffffff"),
        ("abcde", "at least the first 6"),
        ("hps+mgda", "'hps\\+mgda' names no record"),
        ("gone.json", "There is no record gone.json"),
    ],
)
def test_a_record_that_is_not_there_is_an_error(trained, text, message):
    with pytest.raises(StoreError, match=message):
        find_record(text, trained["hps/mgda"].parents[5])


def test_a_prefix_of_several_run_keys_is_ambiguous_and_superseded_records_do_not_count(tmp_path):
    folder = tmp_path / "runs" / "digits" / "1"
    folder.mkdir(parents=True)
    for name in ("aaaaaa11", "aaaaaa22", "bbbbbb11", "bbbbbb11.superseded-1"):
        (folder / f"{name}.json").write_text("{}")
    with pytest.raises(StoreError, match=r"aaaaaa11\.json, .*aaaaaa22\.json"):
        find_record("aaaaaa", tmp_path)
    assert find_record("bbbbbb", tmp_path).stem == "bbbbbb11"


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


def requests_for(paths, trained, folder: Path, protocol: str = "short.toml") -> list[Request]:
    file = str(trained["hps/mgda"].parents[6] / protocol)
    return [Request(path, folder, samples=2, protocol=file) for path in paths]


@pytest.fixture
def compared(monkeypatch):
    """What was last drawn: columns, tasks, the input, the title and what has no weights."""
    seen = []

    def draw(*arguments):
        seen[:] = arguments
        return draw_comparison(*arguments)

    monkeypatch.setattr(figures, "draw_comparison", draw)
    return seen


def test_records_of_single_tasks_share_a_column_of_their_own_predictions(
    trained, tmp_path, compared
):
    names = ["single-task/parity", "hps/mgda", "single-task/digit"]
    requests = requests_for([trained[name] for name in names], trained, tmp_path)
    done = compare_records(requests, everything())
    columns, tasks, _, title, lost = compared
    assert list(columns) == ["single-task", "hps+mgda"]
    assert list(tasks) == ["digit", "holes", "parity"]
    assert title == "digits@1 · seed 0\n2 samples of split 'test'"
    assert lost == set()
    for sample in columns["single-task"]:
        assert set(sample.predictions) == {"digit", "parity"}
    for request in requests:
        record = read_record(request.path)
        weights = request.path.with_suffix(".safetensors")
        alone = predict(rebuild(record, SHORT, everything(), weights, None), 2)
        for sample, joined in zip(alone, columns[record.method], strict=True):
            assert sample.index == joined.index
            for task in record.tasks:
                assert torch.equal(sample.predictions[task], joined.predictions[task])
                assert torch.equal(sample.targets[task], joined.targets[task])
    assert is_drawn(done.figure)
    assert done.figure.parents[1] == tmp_path / "inspect"
    assert done.notes == []


def test_seeds_are_columns_of_their_own(trained, tmp_path, compared):
    paths = [trained["toy-net/equal/1"], trained["toy-net/equal"]]
    compare_records(requests_for(paths, trained, tmp_path, "toy.toml"), everything())
    columns, _, _, title, _ = compared
    assert list(columns) == ["toy-net+equal\nseed 1", "toy-net+equal\nseed 0"]
    assert title.startswith("toy@1\n")
    first, second = columns.values()
    assert first[0].predictions["a"] != second[0].predictions["a"]


def test_records_of_two_protocols_are_not_compared(trained, tmp_path):
    requests = requests_for([trained["hps/mgda"], trained["toy-net/equal"]], trained, tmp_path)
    with pytest.raises(
        ProtocolError, match=r"under digits@1 of digest .* under toy@1 of"
    ) as caught:
        compare_records(requests, everything())
    assert caught.value.exit_code == 2


def test_a_run_given_twice_is_refused(trained, tmp_path):
    requests = requests_for([trained["single-task/digit"]] * 2, trained, tmp_path)
    with pytest.raises(BenchbedError, match=r"^single-task \(digit\), seed 0, is given twice"):
        compare_records(requests, everything())


def test_records_without_weights_are_left_out_with_one_note(copy, trained, tmp_path, compared):
    lost = [copy(name, weights=False) for name in ("hps/mgda", "single-task/holes")]
    requests = requests_for([*lost, trained["single-task/digit"]], trained, tmp_path)
    done = compare_records(requests, everything())
    columns, tasks, _, _, without = compared
    assert list(columns) == ["single-task"]
    assert list(tasks) == ["digit"]
    assert without == {("single-task", "holes")}
    assert is_drawn(done.figure)
    assert done.exit_code == 0
    (note,) = done.notes
    first, second = (path.with_suffix(".safetensors") for path in lost)
    assert note.startswith(
        f"These weights are not there: hps+mgda, seed 0 ({first}); "
        f"single-task (holes), seed 0 ({second}). This trains the runs again"
    )


def test_lost_weights_are_trained_once_a_method_and_drawn_by_one_command(copy, trained, tmp_path):
    names = ["single-task/holes", "hps/mgda", "single-task/parity"]
    lost = [copy(name, weights=False) for name in names]
    kept = trained["single-task/digit"]
    requests = requests_for([lost[0], kept, *lost[1:]], trained, tmp_path / "results")
    requests = [dataclasses.replace(r, output=tmp_path / "out") for r in requests]
    (note,) = compare_records(requests, everything()).notes
    *runs, look = (shlex.split(line) for line in note.splitlines()[1:])
    again = tmp_path / "results" / "inspect" / "again"
    protocol = short_protocol(trained)
    assert runs == [
        shlex.split(f"benchbed run {protocol} {method} --seeds 0, --no-measure --results {again}")
        for method in ("single-task", "hps+mgda")
    ]
    below = again / "runs/digits/1"
    holes, mgda, parity = (
        str(below / name / path.name) for name, path in zip(names, lost, strict=True)
    )
    assert look == [
        *("benchbed", "inspect", holes, str(kept), mgda, parity, "--protocol", protocol),
        *("--samples", "2", "--results", str(tmp_path / "results")),
        *("--output", str(tmp_path / "out")),
    ]


def test_files_that_runs_began_with_are_told_apart(registry, monkeypatch, tmp_path):
    monkeypatch.setattr(inspect, "protocols", lambda registry: {fakes.TRIO.id: fakes.TRIO})
    paths = []
    for seed, pretrained in enumerate(("1" * 64, "2" * 64, "1" * 64)):
        record = msgspec.structs.replace(fakes.record(), seed=seed, pretrained=pretrained)
        key = run_key(
            record.protocol_digest,
            record.components,
            record.data_digest,
            seed,
            record.tasks,
            record.engine,
            pretrained,
        )
        paths.append(tmp_path / f"{key}.json")
        sealed = seal(msgspec.structs.replace(record, key=key))
        paths[-1].write_bytes(msgspec.json.encode(sealed))
    (note,) = compare_records([Request(path, tmp_path) for path in paths], registry).notes
    runs = [shlex.split(line) for line in note.splitlines()[1:4]]
    assert [run[run.index("--pretrained") + 1] for run in runs] == [
        "FILE1.safetensors",
        "FILE2.safetensors",
        "FILE1.safetensors",
    ]
    assert "FILE1.safetensors is the file of SHA-256 111111111111 that training began" in note
    assert "FILE2.safetensors is the file of SHA-256 222222222222 that training began" in note


def test_without_any_weights_nothing_is_drawn_and_the_exit_code_is_2(
    copy, trained, tmp_path, capsys
):
    lost = [copy(name, weights=False) for name in ("hps/mgda", "single-task/holes")]
    arguments = ["inspect", *map(str, lost), "--results", str(tmp_path)]
    arguments += ["--protocol", short_protocol(trained)]
    assert guarded(lambda: cli.main(arguments, standalone_mode=False)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Error: Nothing was drawn. These weights are not there: hps+mgda, ")
    assert guarded(lambda: cli.main([*arguments, "--json"], standalone_mode=False)) == 2
    facts = json.loads(capsys.readouterr().out)
    assert facts["comparison"] is None
    assert [f"Error: {note}\n" for note in facts["notes"]] == [err]
    assert not (tmp_path / "inspect").exists()


def test_an_equal_note_of_several_columns_is_given_once(copy, trained, tmp_path):
    paths = []
    for name in ("hps/mgda", "single-task/digit", "single-task/parity"):
        path = copy(name)
        components = [
            msgspec.structs.replace(c, source="old") if c.kind == "dataset" else c
            for c in read_record(path).components
        ]
        paths.append(rewritten(path, components=components))
    (note,) = compare_records(requests_for(paths, trained, tmp_path), everything()).notes
    assert note.startswith("hps+mgda, single-task: The source of dataset digits has changed")


def test_equal_notes_of_seeds_name_them(copy, trained, tmp_path):
    paths = []
    for name in ("toy-net/equal", "toy-net/equal/1"):
        path = copy(name)
        first, *rest = read_record(path).components
        first = msgspec.structs.replace(first, source="old")
        paths.append(rewritten(path, components=[first, *rest]))
    done = compare_records(requests_for(paths, trained, tmp_path, "toy.toml"), everything())
    (note,) = done.notes
    assert note.startswith("toy-net+equal seed 0, toy-net+equal seed 1: The source of arch")


def test_a_changed_source_of_training_transforms_is_not_noted(trained, monkeypatch):
    record, path = read_record(trained["hps/mgda"]), trained["hps/mgda"]
    request = Request(path, samples=1, protocol=short_protocol(trained))
    session = rebuild(record, SHORT, everything(), request.weights, None)
    transform = Component("transform", "flip", "1", "x:Flip", source="new")
    for field, noted in (("transforms", False), ("evaluation_transforms", True)):
        job = msgspec.structs.replace(session.job, **{field: [transform]})
        shown = dataclasses.replace(session, job=job)
        monkeypatch.setattr("benchbed.report.rebuild.rebuild", lambda *_, s=shown: s)
        monkeypatch.setattr("benchbed.report.rebuild.predict", lambda *_: [])
        note = inspect._predict(record, everything(), request)[2]
        assert ("transform flip" in note) == noted
        assert bool(note) == noted


@pytest.mark.parametrize(("count", "words"), [(1, "1 sample of"), (2, "2 samples of")])
def test_the_title_counts_samples(trained, tmp_path, compared, count, words):
    requests = requests_for([trained[n] for n in SINGLE], trained, tmp_path)
    requests = [dataclasses.replace(request, samples=count) for request in requests]
    compare_records(requests, everything())
    assert compared[3] == f"digits@1 · seed 0\n{words} split 'test'"


def test_options_of_all_columns_stand_once_in_the_title():
    bone = "backbone=segnet,backbone.width=0.25"
    columns = [
        inspect._Column(method, seed)
        for method in (f"ati-net:type=x,{bone}+dwa:T=3", f"single-task:{bone}")
        for seed in (0, 1)
    ]
    headings, shared = inspect._headings(columns)
    assert list(headings) == columns
    assert list(headings.values()) == [
        "ati-net:type=x+dwa:T=3\nseed 0",
        "ati-net:type=x+dwa:T=3\nseed 1",
        "single-task\nseed 0",
        "single-task\nseed 1",
    ]
    assert shared == bone.split(",")
    assert inspect._headings(columns[:1]) == ({columns[0]: columns[0].method}, [])


def test_shared_options_are_in_the_title_of_the_figure(trained, tmp_path, compared, monkeypatch):
    requests = requests_for([trained[n] for n in SINGLE], trained, tmp_path)
    monkeypatch.setattr(inspect, "_headings", lambda columns: ({columns[0]: "m"}, ["a=1", "b=2"]))
    compare_records(requests, everything())
    assert list(compared[0]) == ["m"]
    assert compared[3].endswith("\nall: a=1, b=2")


@pytest.mark.parametrize(
    ("methods", "left", "shared"),
    [
        (["hps+equal", "mtan+dwa"], ["hps+equal", "mtan+dwa"], []),
        (["hps:a=1+dwa:T=3", "mtan:a=1,b=2+dwa:T=3"], ["hps+dwa", "mtan:b=2+dwa"], ["a=1", "T=3"]),
        (["hps:T=3+dwa", "hps+dwa:T=3"], ["hps:T=3+dwa", "hps+dwa:T=3"], []),
        (["hps:a=1+dwa", "hps:a=10+dwa"], ["hps:a=1+dwa", "hps:a=10+dwa"], []),
    ],
)
def test_options_are_shared_part_by_part(methods, left, shared):
    assert leave_out_shared(methods) == (left, shared)


@pytest.mark.parametrize(
    ("heading", "lines"),
    [
        ("hps+dwa\nseed 0", ["hps+dwa", "seed 0"]),
        ("hps+uncertainty\nseed 0", ["hps+", "uncertainty", "seed 0"]),
        (
            "ati-net:backbone=segnet,backbone.width=0.25+dwa",
            ["ati-net:", "backbone=segnet,", "backbone.width=0.25+", "dwa"],
        ),
        ("hps:" + "x" * 24 + ",y=1+dwa", ["hps:xxxxxxxxxxxxx", "xxxxxxxxxxx,y=1+dwa"]),
    ],
)
def test_headings_are_cut_after_punctuation_in_columns_as_wide_as_their_words(heading, lines):
    characters = heading_characters([heading], 1.0)
    assert characters >= HEADING_DENSITY
    assert break_heading(heading, characters).split("\n") == lines


@given(st.text("ab,:+\n.=", max_size=80), st.integers(1, 30))
def test_a_heading_loses_nothing_and_fits(heading, characters):
    lines = break_heading(heading, characters).split("\n")
    assert max(map(len, lines)) <= characters
    assert "".join(lines) == heading.replace("\n", "")


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


def test_the_command_compares_several_records(trained, tmp_path, capsys):
    paths = [trained["hps/mgda"], trained["single-task/digit"]]
    keys = [path.stem[:8] for path in paths]
    arguments = ["inspect", *keys, "--results", str(paths[0].parents[5]), "--samples", "1"]
    arguments += ["--protocol", short_protocol(trained), "--output", str(tmp_path)]
    figure = tmp_path / "comparison.png"
    cli.main(arguments, standalone_mode=False)
    assert capsys.readouterr().out.splitlines() == [str(figure)]
    assert sorted(tmp_path.iterdir()) == [figure]
    cli.main([*arguments, "--json"], standalone_mode=False)
    facts = json.loads(capsys.readouterr().out)
    assert list(facts) == ["comparison", "records", "notes"]
    assert facts["comparison"] == str(figure)
    assert [fact["key"] for fact in facts["records"]] == [path.stem for path in paths]
    assert "curves" not in facts["records"][0]


def test_without_matplotlib_one_sentence_names_the_remedy(trained, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(BenchbedError, match=r"pip install 'benchbed\[plots\]'") as caught:
        inspect_record(Request(trained["hps/mgda"], tmp_path), everything())
    assert caught.value.exit_code == 2


def test_pyplot_keeps_no_figure(trained, tmp_path):
    import matplotlib.pyplot

    request = Request(trained["hps/mgda"], tmp_path, protocol=short_protocol(trained))
    inspect_record(request, everything())
    assert matplotlib.pyplot.get_fignums() == []


def test_percent_and_direction_stand_in_the_titles():
    record = fakes.record()
    infos = {"miou": MetricInfo(True), "rmse": MetricInfo(False, True, False)}
    record = msgspec.structs.replace(record, tasks=["seg"], metrics={"seg": infos}, curves={})
    titles = [axes.get_title() for axes in draw_curves(record, "t").axes]
    assert titles == ["seg: loss", "seg: rmse ↓", "seg: miou ↑"]


def test_the_command_without_matplotlib_says_so(bench, plugin_folder):
    plugin_folder.path.joinpath("matplotlib.py").write_text("raise ImportError('simulated')\n")
    done = bench("inspect", "abcdef")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "Error: Drawing needs matplotlib, which is not installed: pip install 'benchbed[plots]'.\n"
    )


def test_help_of_the_command_loads_nothing_heavy():
    code = (
        "import sys; from benchbed.cli import cli\n"
        "cli.main(['inspect', '--help'], standalone_mode=False)\n"
        "print([m for m in ('numpy', 'torch', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_printed_commands_make_lost_weights_again(bench):
    assert bench("run", "toy.toml", "toy-net", "--seeds", "2,", "--no-measure").returncode == 0
    (path,) = bench.folder.glob("results/runs/toy/1/toy-net/*/*.json")
    path.with_suffix(".safetensors").unlink()

    lost = bench("inspect", path.stem[:8], "--protocol", "toy.toml", "--json")
    assert lost.returncode == 0, lost.stderr
    facts = json.loads(lost.stdout)
    assert facts["panels"] is None
    assert facts["seed"] == 2
    assert (bench.folder / facts["curves"]).exists()
    assert lost.stderr == f"Note: {facts['note']}\n"

    for line in facts["note"].splitlines()[1:]:
        done = bench(*shlex.split(line)[1:])
        assert done.returncode == 0, done.stderr
    figures = [bench.folder / line for line in done.stdout.splitlines()]
    assert [figure.name for figure in figures] == ["panels.png", "curves.png"]
    assert all(map(is_drawn, figures))


def test_the_printed_commands_make_a_lost_comparison_again(bench):
    assert bench("run", "toy.toml", "toy-net", "--seeds", "2", "--no-measure").returncode == 0
    paths = sorted(bench.folder.glob("results/runs/toy/1/toy-net/*/*.json"))
    keys = [path.stem for path in paths]
    for path in paths:
        path.with_suffix(".safetensors").unlink()

    lost = bench("inspect", *keys, "--protocol", "toy.toml", "--json")
    assert lost.returncode == 2
    for line in json.loads(lost.stdout)["notes"][0].splitlines()[1:]:
        done = bench(*shlex.split(line)[1:])
        assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert is_drawn(bench.folder / done.stdout.strip())


def test_the_command_ends_with_2_where_panels_need_something_else(trained, tmp_path, capsys):
    path = trained["hps/mgda"]
    arguments = ["inspect", path.stem[:6], "--results", str(path.parents[5])]
    arguments += ["--output", str(tmp_path / "out")]
    assert guarded(lambda: cli.main(arguments, standalone_mode=False)) == 2
    out, err = capsys.readouterr()
    assert out.splitlines() == [str(tmp_path / "out" / "curves.png")]
    assert err.startswith("Error: Protocol digits@1 as installed has digest")


def test_a_png_is_the_size_of_its_figure():
    image = matplotlib.image.imread(io.BytesIO(to_png(new_figure(2, 1))))
    assert image.shape == (120, 240, 4)
