import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics import MeanAbsoluteError, MeanSquaredError

from benchbed import Target
from benchbed.basics.errors import DataError
from benchbed.testing import TaskContract
from benchbed_zoo.tasks.regression import Regression
from tests.zoo.tasks import feeding, scoring

few = settings(max_examples=40, deadline=None)


class TestRegressionOfSomeSamples(TaskContract):
    id = "regression"
    options = {"loss": "l2"}
    invalid_target = math.nan


def make(loss="l1"):
    return Regression("r", Target("value"), loss=loss)


def numbers(seed, missing, count=12):
    generator = np.random.default_rng(seed)
    outputs, targets = generator.normal(size=(2, count)).astype(np.float32)
    targets[generator.random(count) < missing] = math.nan
    targets[0] = 1
    return torch.from_numpy(outputs).unsqueeze(1), torch.from_numpy(targets)


@pytest.mark.parametrize("loss", ["l1", "l2"])
@few
@given(seed=scoring.SEEDS, missing=st.sampled_from([0.0, 0.3, 0.9]), processes=feeding.splits(12))
def test_samples_without_a_target_do_not_count(loss, seed, missing, processes):
    output, target = numbers(seed, missing)
    error = (output[:, 0].double() - target.double()).numpy()
    error = error[~np.isnan(error)]
    expected = (np.abs(error) if loss == "l1" else error**2).sum(), error.size
    assert scoring.loss_of(make(loss), output, target) == pytest.approx(expected, rel=1e-5)
    assert feeding.scores(make(loss), output, target, processes) == pytest.approx(
        {"mae": np.abs(error).mean(), "rmse": np.sqrt((error**2).mean())}, rel=1e-5
    )


@given(seed=scoring.SEEDS)
@few
def test_where_all_samples_have_a_target_the_metrics_are_torchmetrics(seed):
    output, target = numbers(seed, missing=0, count=500)
    plain = {"mae": MeanAbsoluteError(), "rmse": MeanSquaredError(squared=False)}
    expected = {key: float(metric(output[:, 0], target)) for key, metric in plain.items()}
    assert feeding.scores(make(), output, target) == pytest.approx(expected, rel=1e-6)


def test_small_errors_are_not_lost_beside_large_ones():
    output = torch.ones(99, 1)
    output[0] = 2.0**24
    task = make()
    metrics = task.metrics()
    for i in range(99):
        for metric in metrics.values():
            metric.update(task.predict(output[i : i + 1]), torch.zeros(1))
    assert float(metrics["mae"].compute()) == (2.0**24 + 98) / 99
    squares = 2.0**48 + 98
    assert float(metrics["rmse"].compute()) == pytest.approx(math.sqrt(squares / 99), rel=1e-15)


def test_its_gradient_is_that_of_finite_differences_and_finite_without_a_target():
    output, target = numbers(1, missing=0.5)
    assert scoring.has_right_gradient(make("l2"), output, target)
    assert scoring.gradient(make(), output, target).isfinite().all()


def test_the_loss_never_looks_at_values():
    assert scoring.never_looks_at_values(make(), *numbers(2, missing=0.5))


def test_half_precision_is_computed_in_single():
    output, target = numbers(3, missing=0.5)
    total, number = make().loss(output.half(), target)
    assert total.dtype == torch.float32
    assert (float(total), float(number)) == scoring.loss_of(make(), output.half().float(), target)
    assert make().predict(output.half()).dtype == torch.float32


def test_without_any_target_both_metrics_are_nan():
    found = feeding.scores(make(), torch.ones(3, 1), torch.full((3,), math.nan))
    assert all(math.isnan(score) for score in found.values())


def test_other_targets_are_refused():
    with pytest.raises(DataError, match=r"of kind 'value' and shape \(\), not"):
        Regression("r", Target("value", (6, 8)))
