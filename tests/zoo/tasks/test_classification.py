import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, f1_score

from benchbed import Target
from benchbed.basics.errors import DataError
from benchbed.contracts.task import check_metrics
from benchbed.testing import TaskContract
from benchbed_zoo.tasks.classification import Classification
from tests.zoo.tasks import feeding, scoring

CLASSES = 4
NAMES = ("bus", "metro", "street/traffic", "park")
DEVICES = ("a", "s1", "s2")
few = settings(max_examples=40, deadline=None)


class TestClassificationWithAllMetrics(TaskContract):
    id = "classification"
    target = Target("class", classes=CLASSES, ignore=255, groups={"device": ("a", "b")})
    options = {"f1": True, "per_class": True, "confusion": True, "group": "device"}

    def make_target(self, task, count, seed):
        return torch.arange(count) % CLASSES


def make(names=(), ignore=255, groups=(), **options):
    grouped = {"device": groups} if groups else {}
    target = Target("class", classes=CLASSES, names=names, ignore=ignore, groups=grouped)
    return Classification("scene", target, **options)


def labelled(seed, count=12, missing=0.3):
    """Logits, labels and groups; the third class never occurs, some samples have no label."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(count, CLASSES)).astype(np.float32)
    labels = generator.choice([0, 1, 3], count)
    labels[generator.random(count) < missing] = 255
    groups = generator.integers(0, len(DEVICES), count)
    return tuple(torch.from_numpy(x) for x in (logits, labels, groups))


def known(logits, labels):
    """Predictions and labels of the samples that have one."""
    has_label = labels.numpy() != 255
    return logits.numpy().argmax(axis=1)[has_label], labels.numpy()[has_label]


@few
@given(seed=scoring.SEEDS, missing=st.sampled_from([0.0, 0.3]), processes=feeding.splits(12))
def test_f1_recall_and_confusion_are_scikit_learns_whatever_the_batches_and_processes(
    seed, missing, processes
):
    logits, labels, _ = labelled(seed, missing=missing)
    task = make(f1=True, per_class=True, confusion=True)
    found = feeding.scores(task, logits, labels, processes)
    predicted, true = known(logits, labels)
    matrix = confusion_matrix(true, predicted, labels=range(CLASSES))
    expected = {f"confusion[{i},{j}]": matrix[i, j] for i in range(CLASSES) for j in range(CLASSES)}
    with np.errstate(invalid="ignore"):
        recalls = matrix.diagonal() / matrix.sum(axis=1)
    expected |= {f"accuracy[{k}]": recalls[k] for k in range(CLASSES)}
    seen = np.union1d(true, predicted)
    expected["macro_f1"] = (
        f1_score(true, predicted, labels=seen, average="macro", zero_division=0)
        if len(seen)
        else math.nan
    )
    expected |= feeding.scores(make(), logits, labels)
    assert found == pytest.approx(expected, nan_ok=True, abs=1e-6)


@few
@given(seed=scoring.SEEDS, processes=feeding.splits(12))
def test_a_groups_accuracy_is_that_of_its_labelled_samples(seed, processes):
    logits, labels, groups = labelled(seed)
    task = make(groups=DEVICES, group="device")
    gathered = [task.metrics() for _ in processes]
    for metrics, batches in zip(gathered, processes, strict=True):
        for batch in batches:
            at = torch.tensor(batch)
            for metric in metrics.values():
                third = [groups[at]] if getattr(metric, "group", None) == "device" else []
                metric.update(task.predict(logits[at]), labels[at], *third)
    first, *others = gathered
    for other in others:
        for name, metric in first.items():
            metric.merge_state(other[name])
    right = logits.numpy().argmax(axis=1) == labels.numpy()
    for place, device in enumerate(DEVICES):
        of_group = right[(groups.numpy() == place) & (labels.numpy() != 255)]
        expected = of_group.mean() if of_group.size else math.nan
        found = float(first[f"accuracy[{device}]"].compute())
        assert found == pytest.approx(expected, nan_ok=True)


def test_metrics_that_share_the_matrix_are_the_same_as_alone():
    logits, labels, _ = labelled(1)
    task = make(f1=True, per_class=True, confusion=True)
    assert scoring.shared_scores(task, logits, labels) == pytest.approx(
        feeding.scores(task, logits, labels), nan_ok=True, abs=0
    )


def test_every_sample_counts_where_there_is_no_ignored_class():
    logits = torch.eye(CLASSES)
    found = feeding.scores(make(ignore=None, confusion=True), logits, torch.arange(CLASSES))
    assert sum(found[f"confusion[{k},{k}]"] for k in range(CLASSES)) == CLASSES


def test_by_default_there_are_accuracy_and_its_mean_over_classes_alone():
    assert list(make(groups=DEVICES).metrics()) == ["accuracy", "macro_accuracy"]


def test_metrics_are_named_by_classes_and_groups_and_never_hold_a_stroke():
    found = check_metrics(make(NAMES, groups=DEVICES, per_class=True, group="device"))
    classes = ["accuracy[bus]", "accuracy[metro]", "accuracy[street-traffic]", "accuracy[park]"]
    groups = ["accuracy[a]", "accuracy[s1]", "accuracy[s2]"]
    assert list(found) == ["accuracy", "macro_accuracy", *classes, *groups]


def test_shares_are_percentages_and_mistakes_are_better_the_fewer():
    task = make(NAMES, groups=DEVICES, f1=True, per_class=True, confusion=True, group="device")
    metrics = check_metrics(task)
    assert task.percent == {name for name in metrics if not name.startswith("confusion")}
    assert task.details == {name for name in metrics if name.endswith("]")}
    falling = {name for name, metric in metrics.items() if not metric.higher_is_better}
    assert len(falling) == CLASSES * (CLASSES - 1)
    assert "confusion[bus,metro]" in falling
    assert "confusion[bus,bus]" not in falling


def test_without_any_label_the_chosen_metrics_are_nan():
    task = make(f1=True, per_class=True)
    found = feeding.scores(task, torch.ones(3, CLASSES), torch.full((3,), 255))
    chosen = {name: score for name, score in found.items() if name.endswith(("]", "f1"))}
    assert len(chosen) == CLASSES + 1
    assert all(math.isnan(score) for score in chosen.values())


@pytest.mark.parametrize(
    ("groups", "group", "message"),
    [
        (DEVICES, "devices", "'scene': its target has no groups 'devices'. Did you mean 'device'?"),
        ((), "device", "'scene': its target has no groups 'device'. It has none."),
    ],
)
def test_an_unknown_grouping_is_refused_by_a_sentence(groups, group, message):
    with pytest.raises(DataError) as refused:
        make(groups=groups, group=group)
    assert str(refused.value) == f"Task {message}"


def test_a_class_and_a_group_of_one_name_are_refused():
    with pytest.raises(DataError, match="under one name, '1'; leave out"):
        make(groups=("0", "1"), group="device", per_class=True, names=("1", "2", "3", "4"))


def test_other_targets_are_refused():
    with pytest.raises(DataError, match=r"of kind 'class' and shape \(\), not"):
        Classification("scene", Target("value"))
