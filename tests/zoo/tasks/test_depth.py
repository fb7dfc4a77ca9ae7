import math

import matplotlib as mpl
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbed import Target
from benchbed.basics.errors import DataError
from benchbed.contracts.drawing import new_figure
from benchbed.testing import TaskContract
from benchbed_zoo.metrics.depth import has_depth
from benchbed_zoo.tasks.depth import Depth
from tests.zoo.tasks import feeding, scoring

LOSSES = ["l1", "l2", "l1-sobel", "si-log"]
TARGET = Target("value", (6, 8))
few = settings(max_examples=30, deadline=None)


class TestDepth(TaskContract):
    id = "depth"
    target = TARGET
    invalid_target = 0.0
    options = {"loss": "l2", "rmse": "images"}


class TestDepthWithSobel(TestDepth):
    options = {"loss": "l1-sobel"}


class TestDepthScaleInvariant(TestDepth):
    options = {"loss": "si-log"}


def make(loss="l1", rmse="pixels"):
    return Depth("d", TARGET, loss=loss, rmse=rmse)


def maps(seed, count=4, invalid=0.3):
    """Outputs and depths in eighths, so that ratios of exactly 1.25 occur; some are invalid."""
    generator = np.random.default_rng(seed)
    outputs = generator.integers(-4, 40, (count, 1, 6, 8)).astype(np.float32) / 8
    targets = generator.integers(1, 40, (count, 6, 8)).astype(np.float32) / 8
    marks = generator.choice(np.float32([0, -1, np.nan, np.inf, -np.inf]), targets.shape)
    targets = np.where(generator.random(targets.shape) < invalid, marks, targets)
    targets[0, :4] = 1  # a region for Sobel derivatives
    targets[-1] = 0 if count > 1 else 1
    return torch.from_numpy(outputs), torch.from_numpy(targets)


def in_double(output, target):
    prediction, target = output[:, 0].double().numpy(), target.double().numpy()
    return prediction, target, np.isfinite(target) & (target > 0)


def by_numpy(output, target, rmse):
    prediction, target, valid = in_double(output, target)
    p, t = prediction[valid], target[valid]
    error = np.abs(p - t)
    with np.errstate(divide="ignore"):
        ratio = np.where(p > 0, np.maximum(p / t, t / p), np.inf)
    squares = [np.square(a - b)[v] for a, b, v in zip(prediction, target, valid, strict=True)]
    roots = [np.sqrt(square.mean()) for square in squares if square.size]
    return {
        "abs_err": error.mean(),
        "rel_err": (error / t).mean(),
        "rmse": np.mean(roots) if rmse == "images" else np.sqrt((error**2).mean()),
        **{f"delta_{n}": (ratio < 1.25**n).mean() for n in (1, 2, 3)},
    }


def sobel_by_loops(prediction, target, valid):
    kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    total = 0.0
    for image, y, x in np.ndindex(len(target), 4, 6):
        window = (image, slice(y, y + 3), slice(x, x + 3))
        if valid[window].all():
            total += sum(
                abs((k * prediction[window]).sum() - (k * target[window]).sum())
                for k in (kernel, kernel.T)
            )
    return total


def loss_by_numpy(loss, output, target):
    prediction, target, valid = in_double(output, target)
    error = prediction[valid] - target[valid]
    if loss == "si-log":
        images = []
        for log, t, v in zip(prediction, target, valid, strict=True):
            if v.any():
                d = log[v] - np.log(t[v])
                images.append((d**2).sum() / d.size - 0.5 * d.sum() ** 2 / d.size**2)
        return sum(images), len(images)
    total = (error**2).sum() if loss == "l2" else np.abs(error).sum()
    if loss == "l1-sobel":
        total += sobel_by_loops(prediction, target, valid)
    return total, error.size


@pytest.mark.parametrize("rmse", ["pixels", "images"])
@few
@given(seed=scoring.SEEDS, processes=feeding.splits(4))
def test_metrics_are_those_of_all_pixels_whatever_the_batches_and_processes(rmse, seed, processes):
    output, target = maps(seed)
    expected = by_numpy(output, target, rmse)
    task = make(rmse=rmse)
    assert feeding.scores(task, output, target, processes) == pytest.approx(expected, rel=1e-6)


def test_metrics_that_share_their_sums_are_the_same_as_alone():
    output, target = maps(1)
    alone = feeding.scores(make(), output, target)
    assert scoring.shared_scores(make(), output, target) == alone


@pytest.mark.parametrize("loss", LOSSES)
@few
@given(seed=scoring.SEEDS)
def test_losses_are_those_of_whole_arrays(loss, seed):
    output, target = maps(seed)
    assert scoring.loss_of(make(loss), output, target) == pytest.approx(
        loss_by_numpy(loss, output, target), rel=1e-5
    )


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_are_those_of_finite_differences(loss):
    output, target = maps(2, count=2)
    assert scoring.has_right_gradient(make(loss), output + 0.03, target)


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_never_look_at_values(loss):
    assert scoring.never_looks_at_values(make(loss), *maps(3))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(loss, dtype):
    output, target = maps(4)
    output, target = output.to(dtype), target.to(dtype)
    assert make(loss).loss(output, target)[0].dtype == torch.float32
    assert scoring.loss_of(make(loss), output, target) == scoring.loss_of(
        make(loss), output.float(), target.float()
    )
    assert make(loss).predict(output).dtype == torch.float32


@pytest.mark.parametrize("loss", LOSSES)
def test_what_is_put_out_at_invalid_pixels_does_not_matter(loss):
    output, target = maps(5)
    spoilt = torch.where(has_depth(target).unsqueeze(1), output, torch.nan)
    assert scoring.loss_of(make(loss), spoilt, target) == scoring.loss_of(
        make(loss), output, target
    )
    assert scoring.gradient(make(loss), spoilt, target).isfinite().all()


def test_the_scale_invariant_loss_forgives_half_of_a_wrong_scale():
    """With λ = ½ a depth that is everywhere e times too large has d = 1 and costs 1 − ½."""
    _, target = maps(6, count=1, invalid=0)
    task = make("si-log")
    output = target.log().unsqueeze(1)
    assert task.predict(output).numpy() == pytest.approx(target.numpy(), rel=1e-6)
    assert scoring.loss_of(task, output, target) == pytest.approx((0, 1), abs=1e-6)
    assert scoring.loss_of(task, output + 1, target) == pytest.approx((0.5, 1), rel=1e-5)


def test_the_sobel_term_sees_a_slope_but_no_shift():
    target = torch.ones(1, 6, 8)
    slope = torch.arange(8.0).expand(1, 1, 6, 8)
    absolute = scoring.loss_of(make("l1"), slope, target)[0]
    assert scoring.loss_of(make("l1-sobel"), slope, target)[0] == absolute + 4 * 6 * 8
    shifted = torch.full((1, 1, 6, 8), 3.0)
    assert scoring.loss_of(make("l1-sobel"), shifted, target) == (96, 48)


def test_the_sobel_term_is_zero_on_maps_that_are_smaller_than_its_window():
    task = Depth("d", Target("value", (2, 1)), loss="l1-sobel")
    assert scoring.loss_of(task, torch.zeros(1, 1, 2, 1), torch.ones(1, 2, 1)) == (2, 2)


def test_where_no_depth_is_known_every_metric_is_nan():
    found = feeding.scores(make(), torch.ones(2, 1, 6, 8), torch.zeros(2, 6, 8))
    assert all(math.isnan(score) for score in found.values())


@pytest.mark.parametrize("cut", [[[range(99)]], [[[sample] for sample in range(99)]]])
def test_small_errors_are_not_lost_beside_large_ones(cut):
    """Their sum, 2²⁴ − 1 + 98, is no float32."""
    output = torch.full((99, 1, 1, 1), 2.0)
    output[0] = 2**24
    task = Depth("d", Target("value", (1, 1)))
    found = feeding.scores(task, output, torch.ones(99, 1, 1), cut)
    assert found["abs_err"] == found["rel_err"] == (2**24 + 97) / 99


def test_directions_and_percentages():
    metrics = make().metrics()
    assert next(iter(metrics)) == make().primary == "abs_err"
    rising = {name for name, metric in metrics.items() if metric.higher_is_better}
    assert rising == make().percent == {"delta_1", "delta_2", "delta_3"}


def test_a_map_is_drawn_in_viridis_with_grey_where_there_is_no_depth():
    axes = new_figure(2, 2).subplots()
    make().draw(axes, torch.tensor([[1.0, 2.0], [0.0, math.inf]]))
    (image,) = axes.images
    assert image.get_array().mask.tolist() == [[False, False], [True, True]]
    colours = image.to_rgba(image.get_array())
    assert colours[0, 1] == pytest.approx(mpl.colormaps["viridis"](1.0))
    assert colours[1, 0] == pytest.approx([0.65, 0.65, 0.65, 1])


@pytest.mark.parametrize(
    "target", [Target("value"), Target("value", (3, 6, 8)), Target("class", (6, 8), classes=2)]
)
def test_other_targets_are_refused(target):
    with pytest.raises(DataError, match=r"Task 'd' needs a target of kind 'value' and shape \(H"):
        Depth("d", target)


@few
@given(value=st.floats(width=32), other=st.floats(0.125, 1e6, width=32))
def test_any_number_in_a_target_leaves_the_others_score_finite(value, other):
    target = torch.tensor([value, other]).expand(1, 6, 2).contiguous()
    task = Depth("d", Target("value", (6, 2)))
    output = torch.ones(1, 1, 6, 2)
    if not (math.isfinite(value) and value > 0):
        expected = {"abs_err": abs(1 - other), "rel_err": abs(1 - other) / other}
        found = feeding.scores(task, output, target)
        assert {key: found[key] for key in expected} == pytest.approx(expected, rel=1e-6)
