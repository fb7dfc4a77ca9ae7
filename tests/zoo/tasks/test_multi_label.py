import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.metrics import average_precision_score, f1_score

from benchbed import Target
from benchbed.basics.errors import DataError
from benchbed.contracts.drawing import new_figure
from benchbed.testing import TaskContract
from benchbed_zoo.tasks.multi_label import MultiLabel
from tests.zoo.tasks import feeding, scoring

LABELS = 5
TARGET = Target("class", (LABELS,), classes=2, ignore=255)
few = settings(max_examples=40, deadline=None)


class TestMultiLabel(TaskContract):
    id = "multi-label"
    target = TARGET


class TestMultiLabelOfAnnotatedSamples(TaskContract):
    id = "multi-label"
    target = Target("class", (LABELS,), classes=2)


def make():
    return MultiLabel("m", TARGET)


def labelled(seed, count=10, missing=0.3, dtype=torch.uint8):
    """Logits in halves, so that some are equal, and labels, of which some are not annotated."""
    generator = np.random.default_rng(seed)
    logits = generator.integers(-6, 7, (count, LABELS)).astype(np.float32) / 2
    labels = generator.random((count, LABELS)) < generator.choice([0, 0.2, 0.9], LABELS)
    labels = np.where(generator.random((count, LABELS)) < missing, 255, labels)
    return torch.from_numpy(logits), torch.from_numpy(labels).to(dtype)


def mean_over(values):
    """The mean of the labels that count, NaN where there is none."""
    counted = [value for value in values if value is not None]
    return np.mean(counted) if counted else math.nan


def by_scikit_learn(logits, labels):
    columns = []
    for logit, label in zip(logits.numpy().T, labels.numpy().T, strict=True):
        columns.append((logit[label != 255], label[label != 255]))
    return {
        "accuracy": mean_over(((x > 0) == y).mean() if len(y) else None for x, y in columns),
        "macro_f1": mean_over(
            f1_score(y, x > 0) if y.any() or (x > 0).any() else None for x, y in columns
        ),
        "map": mean_over(average_precision_score(y, x) if y.any() else None for x, y in columns),
    }


@few
@given(
    seed=scoring.SEEDS,
    missing=st.sampled_from([0.0, 0.3, 0.95]),
    dtype=st.sampled_from([torch.uint8, torch.int64]),
    processes=feeding.splits(10),
)
def test_metrics_are_scikit_learns_whatever_the_batches_and_processes(
    seed, missing, dtype, processes
):
    logits, labels = labelled(seed, missing=missing, dtype=dtype)
    assert feeding.scores(make(), logits, labels, processes) == pytest.approx(
        by_scikit_learn(logits, labels), abs=1e-6, nan_ok=True
    )


def test_metrics_that_share_their_counts_are_the_same_as_alone():
    logits, labels = labelled(1)
    alone = feeding.scores(make(), logits, labels)
    assert scoring.shared_scores(make(), logits, labels) == alone


def test_large_logits_keep_their_order_in_average_precision():
    """In single precision both have probability 1."""
    logits = torch.tensor([[18.0], [20.0]]).expand(2, LABELS)
    labels = torch.tensor([[0], [1]]).expand(2, LABELS)
    assert feeding.scores(make(), logits, labels)["map"] == 1


@few
@given(seed=scoring.SEEDS, dtype=st.sampled_from([torch.uint8, torch.int64]))
def test_the_loss_is_binary_cross_entropy_over_annotated_labels(seed, dtype):
    logits, labels = labelled(seed, dtype=dtype)
    known = labels.numpy() != 255
    probability = expit(logits.double().numpy())
    right = np.where(labels.numpy() == 1, probability, 1 - probability)
    expected = -np.log(right[known]).sum(), known.sum()
    assert scoring.loss_of(make(), logits, labels) == pytest.approx(expected, rel=1e-5)


def test_its_gradient_is_that_of_finite_differences_and_zero_where_not_annotated():
    logits, labels = labelled(2)
    assert scoring.has_right_gradient(make(), logits, labels)
    logits[labels == 255] = math.nan
    assert not scoring.gradient(make(), logits, labels)[labels == 255].any()


def test_the_loss_never_looks_at_values():
    assert scoring.never_looks_at_values(make(), *labelled(3))


def test_half_precision_is_computed_in_single():
    logits, labels = labelled(4)
    assert make().loss(logits.half(), labels)[0].dtype == torch.float32
    assert scoring.loss_of(make(), logits.half(), labels) == scoring.loss_of(make(), logits, labels)


def test_crops_are_averaged_as_probabilities_and_stay_finite():
    crops = torch.tensor([[-1.0, 3.0], [200.0, 100.0], [-200.0, -100.0]]).unsqueeze(2)
    averaged = make().average(crops)
    assert averaged.isfinite().all()
    expected = expit(crops.double().numpy()).mean(axis=1)
    assert make().predict(averaged).numpy() == pytest.approx(expected, rel=1e-6)


def test_where_nothing_is_annotated_every_metric_is_nan():
    found = feeding.scores(make(), torch.ones(3, LABELS), torch.full((3, LABELS), 255))
    assert all(math.isnan(score) for score in found.values())


def test_labels_are_drawn_as_bars_and_those_not_annotated_are_not():
    axes = new_figure(2, 2).subplots()
    make().draw(axes, torch.tensor([1, 0, 255, 1, 0], dtype=torch.uint8))
    (bars,) = axes.patches
    assert np.array_equal(bars.get_data().values, [1, 0, math.nan, 1, 0], equal_nan=True)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (Target("class", classes=2), r"of kind 'class' and shape \(K\), not"),
        (Target("class", (LABELS,), classes=3), "two classes, absent and present, not of 3"),
    ],
)
def test_other_targets_are_refused(target, message):
    with pytest.raises(DataError, match=message):
        MultiLabel("m", target)
