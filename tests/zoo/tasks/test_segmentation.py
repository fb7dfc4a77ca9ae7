import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from benchbed import Target
from benchbed.basics.errors import DataError, MethodError
from benchbed.contracts.task import check_loss, check_metrics
from benchbed.testing import TaskContract
from benchbed_zoo.tasks.segmentation import Segmentation, dice_loss
from tests.zoo.tasks.feeding import scores, shared_scores, splits

NAMES = ("sky", "road", "car", "tree", "sign")
few = settings(max_examples=30, deadline=None)


class TestSegmentation(TaskContract):
    id = "segmentation"
    target = Target("class", (6, 8), classes=4, names=NAMES[:4], ignore=255)
    options = {"weights": "1 2 0.5 0.25", "absent": "zero", "per_class": True}


class TestSegmentationWithDiceAlone(TestSegmentation):
    options = {"loss": "dice"}


class TestSegmentationWithDiceAdded(TestSegmentation):
    options = {"loss": "ce-dice", "weights": "1 2 0.5 0.25"}


def make(ignore=255, classes=5, names=NAMES, shape=(2, 3), **options):
    target = Target("class", shape, classes=classes, names=names, ignore=ignore)
    return Segmentation("t", target, **options)


@st.composite
def maps(draw, ignore=255):
    """Logits and targets of five classes of which some may be absent, some pixels ignored."""
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4)))
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    known = draw(st.sets(st.integers(0, 4), min_size=1))
    target = generator.choice(sorted(known), shape)
    target[generator.random(shape) < draw(st.sampled_from([0.0, 0.3, 0.9, 1.0]))] = ignore
    logits = 2 * generator.normal(size=(shape[0], 5, *shape[1:]))
    logits[:, sorted(draw(st.sets(st.integers(0, 4), max_size=4)))] -= 30  # never predicted
    dtype = torch.uint8 if ignore == 255 else torch.int64
    return torch.from_numpy(logits).float(), torch.from_numpy(target).to(dtype)


def as_lists(logits, target, ignore=255):
    """The valid pixels' logits ``(P, 5)`` in float64 and classes ``(P,)``."""
    logits = np.moveaxis(logits.double().numpy(), 1, -1).reshape(-1, 5)
    target = target.numpy().astype(int).reshape(-1)
    return logits[target != ignore], target[target != ignore]


def softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def dice_by_numpy(probabilities, classes):
    losses = []
    for k in set(classes.tolist()):
        p, g = probabilities[:, k], classes == k
        losses.append(1 - 2 * (p * g).sum() / ((p**2).sum() + (g**2).sum()))
    return np.mean(losses) if losses else 0.0


def scores_by_numpy(logits, classes, absent):
    """Class by class, in loops."""
    predicted = logits.argmax(axis=1)
    ious, recalls = [], []
    for k in range(5):
        hits = ((predicted == k) & (classes == k)).sum()
        union, known = ((predicted == k) | (classes == k)).sum(), (classes == k).sum()
        missing = math.nan if absent == "skip" or not len(classes) else 0.0
        ious.append(hits / union if union else missing)
        recalls.append(hits / known if known else missing)
    seen = len(classes) > 0
    return {
        "mIoU": np.nanmean(ious) if seen else math.nan,
        "pixel_accuracy": (predicted == classes).mean() if seen else math.nan,
        "mean_accuracy": np.nanmean(recalls) if seen else math.nan,
        **{f"IoU[{name}]": iou for name, iou in zip(NAMES, ious, strict=True)},
    }


@pytest.mark.parametrize("ignore", [255, -1])
@pytest.mark.parametrize("weights", ["equal", "1 2 0 0.25 3"])
@few
@given(data=st.data())
def test_cross_entropy_is_that_of_numpy(ignore, weights, data):
    logits, target = data.draw(maps(ignore))
    task = make(ignore, weights=weights)
    total, number = check_loss(task, task.loss(logits, target))
    valid_logits, classes = as_lists(logits, target, ignore)
    weight = np.ones(5) if weights == "equal" else np.array(weights.split(), dtype=float)
    chosen = softmax(valid_logits)[np.arange(len(classes)), classes]
    expected = -(weight[classes] * np.log(np.maximum(chosen, 1e-300))).sum()
    assert float(total) == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert float(number) == pytest.approx(weight[classes].sum())


@few
@given(data=maps())
def test_a_weighted_mean_is_that_of_torch(data):
    logits, target = data
    weights = torch.tensor([1.0, 2.0, 0.5, 0.25, 3.0])
    total, number = make(weights="1 2 0.5 0.25 3").loss(logits, target)
    expected = torch.nn.functional.cross_entropy(logits, target.long(), weights, ignore_index=255)
    assert float(total / number) == pytest.approx(float(expected), rel=1e-5, nan_ok=True)


@few
@given(data=maps())
def test_dice_is_that_of_numpy_and_is_added_to_the_mean_cross_entropy(data):
    logits, target = data
    valid_logits, classes = as_lists(logits, target)
    expected = dice_by_numpy(softmax(valid_logits), classes)
    alone, number = make(loss="dice").loss(logits, target)
    assert float(alone) == pytest.approx(expected * float(number), rel=1e-5, abs=1e-6)
    for weights in ("equal", "1 2 0 0.25 3"):
        entropy, _ = make(weights=weights).loss(logits, target)
        both, number = make(loss="ce-dice", weights=weights).loss(logits, target)
        added = float(entropy) + expected * float(number)
        assert float(both) == pytest.approx(added, rel=1e-5, abs=1e-5)


@few
@given(data=maps())
def test_dice_does_not_see_the_classes_of_pixels_that_are_not_valid(data):
    logits, target = data
    valid = target != 255
    probabilities = logits.softmax(dim=1)
    expected = float(dice_loss(probabilities, target.long(), valid))
    for other in range(5):
        filled = target.long().where(valid, torch.tensor(other))
        assert float(dice_loss(probabilities, filled, valid)) == expected


def test_dice_runs_from_0_for_a_perfect_to_1_for_a_disjoint_prediction():
    target = torch.tensor([[[0, 1, 2], [2, 1, 0]]])
    valid = torch.ones_like(target, dtype=torch.bool)
    perfect = torch.nn.functional.one_hot(target, 3).movedim(-1, 1).double()
    assert float(dice_loss(perfect, target, valid)) == 0.0
    assert float(dice_loss(perfect.roll(1, dims=1), target, valid)) == 1.0


@pytest.mark.parametrize("loss", ["ce", "dice", "ce-dice"])
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_gradients_are_those_of_finite_differences(loss, share):
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(2, 5, 2, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    target = torch.randint(4, (2, 2, 3), generator=generator)
    target[torch.rand(2, 2, 3, generator=generator) < share] = 255
    weights = "equal" if loss == "dice" else "1 2 0.5 0.25 3"
    task = make(loss=loss, weights=weights)
    assert torch.autograd.gradcheck(lambda x: task.loss(x, target)[0], logits)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("loss", ["ce", "dice", "ce-dice"])
def test_half_precision_is_computed_in_single(dtype, loss):
    logits = torch.randn(2, 5, 200, 200, generator=torch.Generator().manual_seed(0)).to(dtype)
    target = torch.randint(5, (2, 200, 200), generator=torch.Generator().manual_seed(1))
    task = make(loss=loss)
    total, number = task.loss(logits, target)
    expected, _ = task.loss(logits.float(), target)
    assert total.dtype == torch.float32
    assert (float(total), int(number)) == (float(expected), 80_000)


def test_without_an_ignore_index_all_pixels_count():
    logits, target = torch.randn(2, 5, 2, 3), torch.full((2, 2, 3), 4, dtype=torch.uint8)
    assert int(make(ignore=None).loss(logits, target)[1]) == 12
    unpredicted = logits.index_fill(1, torch.tensor([4]), -100.0)
    assert scores(make(ignore=None), unpredicted, target)["pixel_accuracy"] == 0.0


@pytest.mark.parametrize("absent", ["skip", "zero"])
@few
@given(data=st.data())
def test_metrics_are_those_of_numpy_in_any_order_batches_and_processes(absent, data):
    logits, target = data.draw(maps())
    task = make(absent=absent, per_class=True)
    found = scores(task, logits, target, data.draw(splits(len(target))))
    assert found == pytest.approx(
        scores_by_numpy(*as_lists(logits, target), absent), rel=1e-12, nan_ok=True
    )


@few
@given(data=maps())
def test_metrics_are_those_of_scikit_learn(data):
    logits, target = data
    valid_logits, classes = as_lists(logits, target)
    if not len(classes):
        return
    predicted = valid_logits.argmax(axis=1)
    every, known = range(5), np.unique(classes)
    seen = np.unique([classes, predicted])
    jaccard = sklearn_metrics.jaccard_score
    zero, skip = scores(make(absent="zero"), logits, target), scores(make(), logits, target)
    assert zero["mIoU"] == pytest.approx(
        jaccard(classes, predicted, labels=every, average="macro", zero_division=0.0)
    )
    assert skip["mIoU"] == pytest.approx(jaccard(classes, predicted, labels=seen, average="macro"))
    assert skip["pixel_accuracy"] == sklearn_metrics.accuracy_score(classes, predicted)
    assert skip["mean_accuracy"] == pytest.approx(
        sklearn_metrics.recall_score(classes, predicted, labels=known, average="macro")
    )
    metric = make().metrics()["mIoU"]
    metric.update(make().predict(logits), target)
    expected = sklearn_metrics.confusion_matrix(classes, predicted, labels=every)
    assert metric.confusion.numpy().tolist() == expected.tolist()


def test_a_class_never_seen_is_skipped_or_counts_0_and_one_only_predicted_has_iou_0():
    target = torch.tensor([[[0, 0, 0, 1]]])
    logits = torch.nn.functional.one_hot(torch.tensor([[[0, 0, 2, 1]]]), 5).movedim(-1, 1).float()
    skip = scores(make(per_class=True), logits, target)
    zero = scores(make(per_class=True, absent="zero"), logits, target)
    assert skip["mIoU"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert zero["mIoU"] == pytest.approx((2 / 3 + 1 + 0) / 5)
    assert skip["mean_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert zero["mean_accuracy"] == pytest.approx((2 / 3 + 1) / 5)
    assert (skip["IoU[car]"], zero["IoU[car]"]) == (0.0, 0.0)
    assert math.isnan(skip["IoU[tree]"])
    assert zero["IoU[tree]"] == 0.0


@pytest.mark.parametrize("absent", ["skip", "zero"])
def test_without_a_valid_pixel_every_metric_is_nan(absent):
    task = make(absent=absent, per_class=True)
    found = scores(task, torch.randn(2, 5, 2, 3), torch.full((2, 2, 3), 255, dtype=torch.uint8))
    assert all(math.isnan(score) for score in found.values())


def test_metrics_that_share_their_state_can_take_it_from_one_another():
    logits, target = torch.randn(3, 5, 2, 3), torch.randint(5, (3, 2, 3))
    task = make(per_class=True)
    metrics = task.metrics().values()
    assert len({(type(metric), metric.state_key) for metric in metrics}) == 1
    found = shared_scores(task, logits, target)
    assert found == pytest.approx(scores(task, logits, target), nan_ok=True)
    keys = {make(**other).metrics()["mIoU"].state_key for other in ({}, {"ignore": -1})}
    assert len(keys) == 2


def test_metrics_can_be_sent_to_another_process():
    metric = make(per_class=True).metrics()["IoU[car]"]
    metric.update(torch.tensor([[[2, 0]]]), torch.tensor([[[2, 2]]]))
    assert float(pickle.loads(pickle.dumps(metric)).compute()) == 0.5


@pytest.mark.parametrize(("names", "expected"), [(NAMES, "IoU[road]"), ((), "IoU[1]")])
def test_metrics_state_their_direction_and_are_shown_in_percent(names, expected):
    task = make(names=names, per_class=True)
    found = check_metrics(task)
    assert task.percent == set(found)
    assert expected in found
    assert all(metric.higher_is_better for metric in found.values())
    assert set(make().metrics()) == {"mIoU", "pixel_accuracy", "mean_accuracy"}


def test_the_first_of_equal_logits_is_predicted():
    logits = torch.tensor([[0.0, 1.0, 1.0, 0.0, 0.0], [2.0, 2.0, 2.0, 2.0, 2.0]])
    assert make().predict(logits.T.reshape(1, 5, 1, 2)).tolist() == [[[1, 0]]]


@few
@given(data=maps(), crops=st.integers(1, 4))
def test_crops_are_averaged_by_their_probabilities(data, crops):
    logits = torch.stack([data[0].roll(shift, dims=1) for shift in range(crops)], dim=1)
    expected = logits.double().softmax(dim=2).mean(dim=1)
    averaged = make().average(logits)
    assert torch.allclose(averaged.double().exp(), expected, atol=1e-6)
    assert torch.isfinite(make().average(1000 * logits)).all()


def test_a_loss_of_the_batch_as_a_whole_says_so():
    found = {loss: make(loss=loss).batch_level for loss in ("ce", "dice", "ce-dice")}
    assert found == {"ce": False, "dice": True, "ce-dice": True}


@pytest.mark.parametrize(
    "weights", ["1 2", "1 2 3 4 5 6", "1 2 3 4 x", "1 2 3 4 -1", "1 2 3 4 inf", "0 0 0 0 0"]
)
def test_weights_that_do_not_fit_are_refused(weights):
    with pytest.raises(MethodError, match=f"5 numbers of at least 0.*'{weights}' is neither"):
        make(weights=weights)


def test_weights_without_a_cross_entropy_are_refused():
    with pytest.raises(MethodError, match="take loss 'ce-dice'"):
        make(weights="1 2 3 4 5", loss="dice")


@pytest.mark.parametrize("target", [Target("class", (), classes=5), Target("value", (2, 3))])
def test_a_target_that_is_no_map_of_classes_is_refused(target):
    with pytest.raises(DataError, match="'t' needs a target of kind 'class' and shape \\(H, W\\)"):
        Segmentation("t", target)
