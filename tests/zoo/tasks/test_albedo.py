import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from benchbed import Target
from benchbed.basics.errors import DataError
from benchbed.contracts.drawing import new_figure
from benchbed.testing import TaskContract
from benchbed_zoo.tasks.albedo import Albedo
from tests.zoo.tasks import feeding, scoring

TARGET = Target("value", (3, 6, 8))
few = settings(max_examples=30, deadline=None)


class TestAlbedo(TaskContract):
    id = "albedo"
    target = TARGET
    invalid_target = math.nan
    options = {"rmse": "images"}


def make(rmse="pixels"):
    return Albedo("a", TARGET, rmse=rmse)


def maps(seed, count=4):
    """Outputs and albedos; NaN in one channel makes a pixel invalid, the last image has none."""
    generator = torch.Generator().manual_seed(seed)
    output, target = torch.rand(2, count, 3, 6, 8, generator=generator)
    target[torch.rand(count, 3, 6, 8, generator=generator) < 0.1] = math.nan
    target[-1, 1] = math.nan
    return output, target


def errors_by_numpy(output, target):
    """Of each image the errors of all channels of the valid pixels, in double precision."""
    difference = np.moveaxis((output.double() - target.double()).numpy(), 1, -1)
    return [image[~np.isnan(image).any(axis=-1)].ravel() for image in difference]


@pytest.mark.parametrize("rmse", ["pixels", "images"])
@few
@given(seed=scoring.SEEDS, processes=feeding.splits(4))
def test_the_rmse_is_that_of_all_pixels_whatever_the_batches_and_processes(rmse, seed, processes):
    output, target = maps(seed)
    errors = errors_by_numpy(output, target)
    roots = [np.sqrt((image**2).mean()) for image in errors if image.size]
    pooled = np.sqrt((np.concatenate(errors) ** 2).mean())
    expected = {"rmse": np.mean(roots) if rmse == "images" else pooled}
    found = feeding.scores(make(rmse), output, target, processes)
    assert found == pytest.approx(expected, rel=1e-6)


@few
@given(seed=scoring.SEEDS)
def test_the_loss_is_the_absolute_error_of_whole_arrays(seed):
    output, target = maps(seed)
    errors = np.abs(np.concatenate(errors_by_numpy(output, target)))
    assert scoring.loss_of(make(), output, target) == pytest.approx(
        (errors.sum(), errors.size), rel=1e-5
    )


def test_its_gradient_is_that_of_finite_differences_and_finite_at_invalid_pixels():
    output, target = maps(1, count=2)
    assert scoring.has_right_gradient(make(), output, target)
    output[target.isnan()] = math.nan
    found = scoring.gradient(make(), output, target)
    assert not found.movedim(1, -1)[target.isnan().any(dim=1)].any()
    assert found.isfinite().all()


def test_the_loss_never_looks_at_values():
    assert scoring.never_looks_at_values(make(), *maps(2))


def test_half_precision_is_computed_in_single():
    output, target = maps(3)
    total, number = make().loss(output.half(), target)
    assert total.dtype == torch.float32
    assert (float(total), float(number)) == scoring.loss_of(make(), output.half().float(), target)
    assert feeding.scores(make(), output.half(), target) == feeding.scores(
        make(), output.half().float(), target
    )


@pytest.mark.parametrize("rmse", ["pixels", "images"])
def test_where_nothing_is_valid_the_rmse_is_nan(rmse):
    target = torch.full((2, 3, 6, 8), math.nan)
    assert math.isnan(feeding.scores(make(rmse), torch.ones(2, 3, 6, 8), target)["rmse"])


def test_a_prediction_below_0_is_drawn_black_and_what_is_invalid_grey():
    axes = new_figure(2, 2).subplots()
    pixels = [[-0.5, 0.25, 2.0], [0.5, 0.5, math.nan]]
    make().draw(axes, torch.tensor(pixels).T.reshape(3, 1, 2))
    (image,) = axes.images
    assert image.get_array().tolist() == [[[0, 0.25, 1], [0.65, 0.65, 0.65]]]


def test_other_targets_are_refused():
    with pytest.raises(DataError, match=r"'value' and shape \(3, H, W\), not of kind 'class'"):
        Albedo("a", Target("class", (3, 6, 8), classes=2))
