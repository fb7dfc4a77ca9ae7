from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbed import Target
from benchbed.contracts.task import check_loss, check_metrics
from benchbed_zoo.tasks.classification import Classification
from benchbed_zoo.tasks.regression import Regression

CLASSES = 4
few = settings(max_examples=60, deadline=None)


def make_classification(ignore=None):
    return Classification("t", Target("class", classes=CLASSES, ignore=ignore))


def make_regression(loss="l1"):
    return Regression("t", Target("value"), loss=loss)


@st.composite
def labelled(draw, ignore=None):
    """Logits, labels (some of them ``ignore``), and how they are cut into batches."""
    count = draw(st.integers(1, 25))
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    logits = generator.normal(size=(count, CLASSES)).astype(np.float32)
    labels = generator.integers(0, CLASSES, count)
    if ignore is not None:
        labels[generator.random(count) < draw(st.sampled_from([0.0, 0.3, 0.9]))] = ignore
    cuts = sorted(draw(st.sets(st.integers(1, count), max_size=5)) | {0, count})
    return logits, labels, cuts


def in_batches(task, outputs, targets, cuts):
    """Sum, count and metrics over batches, as training and evaluation gather them."""
    metrics = task.metrics()
    total, count = 0.0, 0
    for start, stop in pairwise(cuts):
        output, target = (
            torch.from_numpy(outputs[start:stop]),
            torch.from_numpy(targets[start:stop]),
        )
        batch_total, batch_count = check_loss(task, task.loss(output, target))
        total += float(batch_total)
        count += int(batch_count)
        prediction = task.predict(output)
        for metric in metrics.values():
            metric.update(prediction, target)
    return total, count, {name: float(metric.compute()) for name, metric in metrics.items()}


def classification_by_numpy(logits, labels, ignore):
    """Summed cross-entropy, number of labelled samples, and both accuracies.

    A class counts in the macro mean where it is some sample's label or prediction.
    """
    valid = labels != ignore if ignore is not None else np.full(len(labels), True)
    logits, labels = logits[valid].astype(np.float64), labels[valid]
    chosen = logits[np.arange(len(labels)), labels]
    total = (np.log(np.exp(logits).sum(axis=1)) - chosen).sum()
    predicted = logits.argmax(axis=1)
    recalls = [
        ((predicted == k) & (labels == k)).sum() / max((labels == k).sum(), 1)
        for k in range(CLASSES)
        if k in labels or k in predicted
    ]
    micro = (predicted == labels).mean() if len(labels) else 0.0
    return total, len(labels), {"accuracy": micro, "macro_accuracy": np.mean(recalls or [0.0])}


@pytest.mark.parametrize("ignore", [None, 255, -1])
@few
@given(data=st.data())
def test_classification_agrees_with_numpy_however_it_is_cut_into_batches(ignore, data):
    logits, labels, cuts = data.draw(labelled(ignore))
    total, count, scores = in_batches(make_classification(ignore), logits, labels, cuts)
    expected_total, expected_count, expected_scores = classification_by_numpy(
        logits, labels, ignore
    )
    assert total == pytest.approx(expected_total, rel=1e-5, abs=1e-5)
    assert count == expected_count
    assert scores == pytest.approx(expected_scores, abs=1e-6)


def test_samples_without_a_label_have_no_gradient():
    output = torch.randn(5, CLASSES, requires_grad=True)
    total, count = make_classification(255).loss(output, torch.tensor([0, 255, 3, 255, 1]))
    total.backward()
    assert int(count) == 3
    assert output.grad.abs().sum(dim=1).ne(0).tolist() == [True, False, True, False, True]


def test_a_batch_without_any_label_sums_to_zero_and_counts_none():
    total, count = make_classification(255).loss(torch.randn(5, CLASSES), torch.full((5,), 255))
    assert (float(total), int(count)) == (0.0, 0)


def test_without_an_ignore_index_the_count_is_known_without_looking_at_the_data():
    _, count = make_classification().loss(
        torch.randn(5, CLASSES), torch.zeros(5, dtype=torch.int64)
    )
    assert type(count) is int
    assert count == 5


def test_the_loss_is_a_sum_so_that_two_halves_make_the_whole():
    task, output = make_classification(), torch.randn(6, CLASSES)
    target = torch.arange(6) % CLASSES
    whole, halves = (
        task.loss(output, target),
        [task.loss(output[s], target[s]) for s in ([0, 1, 2], [3, 4, 5])],
    )
    assert float(whole[0]) == pytest.approx(sum(float(total) for total, _ in halves), rel=1e-6)


def test_classification_predicts_the_largest_logit():
    output = torch.tensor([[0.1, 0.9, 0.3, 0.0], [-1.0, -2.0, -3.0, -0.5]])
    assert make_classification().predict(output).tolist() == [1, 3]


def test_macro_accuracy_weighs_classes_and_accuracy_samples():
    labels = np.array([0, 0, 0, 1, 2, 3])
    logits = np.eye(CLASSES, dtype=np.float32)[[0, 0, 0, 0, 2, 2]]
    _, _, scores = in_batches(make_classification(), logits, labels, [0, 6])
    assert scores == pytest.approx({"accuracy": 4 / 6, "macro_accuracy": (1 + 0 + 1 + 0) / 4})


@pytest.mark.parametrize("loss", ["l1", "l2"])
@few
@given(data=st.data())
def test_regression_agrees_with_numpy_however_it_is_cut_into_batches(loss, data):
    logits, _, cuts = data.draw(labelled())
    outputs, targets = logits[:, :1].copy(), 10 * logits[:, 1]
    total, count, scores = in_batches(make_regression(loss), outputs, targets, cuts)
    error = outputs[:, 0].astype(np.float64) - targets
    expected = np.abs(error).sum() if loss == "l1" else (error**2).sum()
    assert total == pytest.approx(expected, rel=1e-5)
    assert count == len(targets)
    assert scores == pytest.approx(
        {"mae": np.abs(error).mean(), "rmse": np.sqrt((error**2).mean())}, rel=1e-5
    )


def test_regression_compares_each_output_with_its_own_target_alone():
    """(N, 1) against (N,) would broadcast to (N, N)."""
    target = torch.tensor([1.0, 2.0, 3.0])
    total, count = make_regression().loss(target[:, None], target)
    assert (float(total), count) == (0.0, 3)
    assert make_regression().predict(target[:, None]).shape == (3,)


@pytest.mark.parametrize(
    ("task", "channels", "primary", "directions"),
    [
        (make_classification(), CLASSES, "accuracy", {"accuracy": True, "macro_accuracy": True}),
        (make_regression(), 1, "mae", {"mae": False, "rmse": False}),
    ],
)
def test_each_task_states_its_channels_primary_metric_and_directions(
    task, channels, primary, directions
):
    found = check_metrics(task)
    assert task.channels == channels
    assert task.primary == primary
    assert {name: metric.higher_is_better for name, metric in found.items()} == directions
    assert task.percent == {name for name in found if "accuracy" in name}


@pytest.mark.parametrize("task", [make_classification(), make_regression()])
def test_metrics_are_fresh_each_time(task):
    first, second = task.metrics(), task.metrics()
    assert all(first[name] is not second[name] for name in first)
