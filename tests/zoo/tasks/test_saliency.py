import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from sklearn import metrics as sklearn_metrics

from benchbed import Target
from benchbed.basics.errors import DataError, MethodError
from benchbed.contracts.task import check_loss, check_metrics
from benchbed.testing import TaskContract
from benchbed_zoo.metrics.saliency import SaliencyScore
from benchbed_zoo.tasks.parts.balanced import balanced_bce
from benchbed_zoo.tasks.parts.binary_map import IGNORED
from benchbed_zoo.tasks.saliency import Saliency
from tests.zoo.tasks.feeding import scores, shared_scores, splits

NAMES = ("background", "salient")
THRESHOLDS = np.linspace(0.2, 0.9, 15)
few = settings(max_examples=30, deadline=None)


class TestSaliency(TaskContract):
    id = "saliency"
    target = Target("class", (6, 8), classes=2, names=NAMES, ignore=255)
    options = {"thresholds": 3, "lowest": 0.3, "highest": 0.6}


def make(ignore=255, **options):
    return Saliency("t", Target("class", (3, 4), 2, NAMES, ignore), **options)


@st.composite
def maps(draw, ignore=255):
    """Logits and targets; an image may have no salient, no predicted or no valid pixel."""
    count = draw(st.integers(1, 5))
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    logits = 2 * generator.normal(size=(count, 1, 3, 4))
    target = np.empty((count, 3, 4), dtype=np.int64)
    for i in range(count):
        target[i] = generator.random((3, 4)) < draw(st.sampled_from([0.0, 0.3, 1.0]))
        target[i][generator.random((3, 4)) < draw(st.sampled_from([0.0, 0.3, 1.0]))] = ignore
        logits[i] += draw(st.sampled_from([0, 0, -20, 20]))
    dtype = torch.uint8 if ignore == 255 else torch.int64
    return torch.from_numpy(logits).float(), torch.from_numpy(target).to(dtype)


def bce_by_numpy(logits, target, valid, weight):
    """Probabilities and logarithms of single pixels, in a loop."""
    logits, target, valid = (x.double().numpy().reshape(-1) for x in (logits, target, valid))
    number = int(valid.sum())
    if weight is None:
        weight = ((target == 0) & (valid == 1)).sum() / max(number, 1)
    total = 0.0
    for x, t in zip(logits[valid == 1], target[valid == 1], strict=True):
        total += weight * np.logaddexp(0, -x) if t == 1 else (1 - weight) * np.logaddexp(0, x)
    return total, number


def scores_by_numpy(probability, target, ignore=255):
    """Image by image and threshold by threshold, on whole arrays."""
    kept = [i for i in range(len(target)) if (target[i] != ignore).any()]
    if not kept:
        return dict.fromkeys(("mIoU", "maxF", "maxF_0.3"), math.nan)
    iou, precision, recall = np.zeros((3, len(kept), len(THRESHOLDS)))
    for row, i in enumerate(kept):
        valid = target[i] != ignore
        salient = target[i][valid] == 1
        for j, threshold in enumerate(THRESHOLDS.astype(np.float32)):
            predicted = probability[i, 0][valid] > threshold
            hits, union = (predicted & salient).sum(), (predicted | salient).sum()
            iou[row, j] = hits / union if union else 1.0
            precision[row, j] = hits / predicted.sum() if predicted.any() else 0.0
            recall[row, j] = hits / salient.sum() if salient.any() else 0.0
    p, r = precision.mean(axis=0), recall.mean(axis=0)

    def largest_f(beta_squared):
        weighted = beta_squared * p + r
        f = (1 + beta_squared) * p * r / np.where(weighted > 0, weighted, 1)
        return f.max()

    return {"mIoU": iou.mean(axis=0).max(), "maxF": largest_f(1.0), "maxF_0.3": largest_f(0.3)}


@pytest.mark.parametrize("weight", [None, 0.0, 0.95])
@few
@given(data=maps())
def test_balanced_cross_entropy_is_that_of_numpy(weight, data):
    logits, target = data[0].squeeze(1), data[1]
    total, number = balanced_bce(logits, target, target != 255, weight)
    expected, expected_number = bce_by_numpy(logits, target, target != 255, weight)
    assert float(total) == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert int(number) == expected_number


@pytest.mark.parametrize("ignore", [255, -1])
@few
@given(data=st.data())
def test_the_loss_weighs_positives_by_the_share_of_negatives_in_the_batch(ignore, data):
    logits, target = data.draw(maps(ignore))
    task = make(ignore)
    total, number = check_loss(task, task.loss(logits, target))
    expected, expected_number = bce_by_numpy(logits, target, target != ignore, None)
    assert float(total) == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert int(number) == expected_number
    assert task.batch_level


@pytest.mark.parametrize("weight", [None, 0.95])
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_gradients_are_those_of_finite_differences(weight, share):
    generator = torch.Generator().manual_seed(5)
    logits = torch.randn(2, 3, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    target = torch.randint(2, (2, 3, 4), generator=generator)
    valid = torch.rand(2, 3, 4, generator=generator) >= share
    target[~valid] = 255
    assert torch.autograd.gradcheck(lambda x: balanced_bce(x, target, valid, weight)[0], logits)


def test_what_the_network_says_of_pixels_that_are_not_valid_reaches_nothing():
    logits = torch.tensor([math.nan, math.inf, 2.0, -1.0], requires_grad=True)
    valid = torch.tensor([False, False, True, True])
    total, _ = balanced_bce(logits, torch.tensor([1, 0, 1, 0]), valid, None)
    total.backward()
    assert bool(torch.isfinite(total))
    assert logits.grad[:2].tolist() == [0.0, 0.0]
    assert bool(torch.isfinite(logits.grad).all())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(dtype):
    logits = torch.randn(2, 1, 300, 300, generator=torch.Generator().manual_seed(0)).to(dtype)
    target = torch.randint(2, (2, 300, 300), generator=torch.Generator().manual_seed(1))
    total, _ = make().loss(logits, target)
    assert total.dtype == torch.float32
    assert float(total) == float(make().loss(logits.float(), target)[0])
    assert torch.equal(make().predict(logits), logits.float().sigmoid())


@few
@given(data=st.data())
def test_metrics_are_those_of_numpy_in_any_order_batches_and_processes(data):
    logits, target = data.draw(maps())
    found = scores(make(), logits, target, data.draw(splits(len(target))))
    probability = make().predict(logits).numpy()
    expected = scores_by_numpy(probability, target.numpy())
    assert found == pytest.approx(expected, rel=1e-12, nan_ok=True)


@few
@given(data=maps(), threshold=st.floats(0.1, 0.9), beta_squared=st.sampled_from([0.3, 1.0]))
def test_scores_of_one_image_at_one_threshold_are_those_of_scikit_learn(
    data, threshold, beta_squared
):
    logits, target = data[0][:1], data[1][:1]
    valid = target.reshape(-1) != 255
    if not bool(valid.any()):
        return
    probability = logits.sigmoid()
    truth = target.reshape(-1)[valid].numpy()
    predicted = (probability.reshape(-1)[valid] > torch.tensor(threshold)).long().numpy()
    iou, f_measure = (
        SaliencyScore([threshold], ignore=255),
        SaliencyScore([threshold], beta_squared, ignore=255),
    )
    for metric in (iou, f_measure):
        metric.update(probability, target)
    expected = sklearn_metrics.jaccard_score(truth, predicted, zero_division=1.0)
    assert float(iou.compute()) == pytest.approx(expected)
    assert float(f_measure.compute()) == pytest.approx(
        sklearn_metrics.fbeta_score(truth, predicted, beta=beta_squared**0.5, zero_division=0.0)
    )


def one_image(logits, target):
    return scores(
        make(), torch.tensor(logits).reshape(1, 1, 1, -1), torch.tensor(target).reshape(1, 1, -1)
    )


def test_no_salient_and_no_predicted_pixel_agree_but_have_neither_precision_nor_recall():
    assert one_image([-9.0, -9.0], [0, 0]) == {"mIoU": 1.0, "maxF": 0.0, "maxF_0.3": 0.0}
    assert one_image([9.0, -9.0], [0, 0]) == {"mIoU": 0.0, "maxF": 0.0, "maxF_0.3": 0.0}
    assert one_image([-9.0, -9.0], [1, 0]) == {"mIoU": 0.0, "maxF": 0.0, "maxF_0.3": 0.0}
    assert one_image([9.0, -9.0], [1, 0]) == {"mIoU": 1.0, "maxF": 1.0, "maxF_0.3": 1.0}


def test_the_f_measure_with_a_small_weight_counts_precision_more():
    found = one_image([9.0, -9.0, -9.0], [1, 1, 0])
    assert found["maxF"] == pytest.approx(2 / 3)
    assert found["maxF_0.3"] == pytest.approx(1.3 * 0.5 / (0.3 + 0.5))


def test_images_count_alike_and_one_without_a_valid_pixel_not_at_all():
    logits = torch.tensor([[9.0, -9.0, -9.0, -9.0], [9.0, 9.0, 9.0, 9.0], [9.0, 9.0, 9.0, 9.0]])
    target = torch.tensor([[1, 255, 255, 255], [1, 0, 0, 0], [255, 255, 255, 255]])
    found = scores(make(), logits.reshape(3, 1, 1, 4), target.reshape(3, 1, 4))
    assert found["mIoU"] == pytest.approx((1 + 1 / 4) / 2)
    assert found["maxF"] == pytest.approx(2 * (5 / 8) / (5 / 8 + 1))
    nothing = scores(make(), logits.reshape(3, 1, 1, 4), torch.full((3, 1, 4), 255))
    assert all(math.isnan(score) for score in nothing.values())


def test_a_pixel_is_predicted_above_the_threshold_and_the_best_threshold_is_of_the_set():
    metric = SaliencyScore([0.25, 0.5], ignore=255)
    probability = torch.tensor([[0.5, 0.25, 0.75], [0.5, 0.5, 0.125]]).reshape(2, 1, 1, 3)
    metric.update(probability, torch.tensor([[0, 0, 1], [1, 1, 0]]).reshape(2, 1, 3))
    assert metric.sums[0].tolist() == [1 / 2 + 1, 1 + 0]
    assert float(metric.compute()) == 1.5 / 2


def test_metrics_that_share_their_states_can_take_them_from_one_another():
    logits, target = torch.randn(3, 1, 3, 4), torch.randint(2, (3, 3, 4))
    metrics = make().metrics().values()
    assert len({(type(metric), metric.state_key) for metric in metrics}) == 1
    assert shared_scores(make(), logits, target) == pytest.approx(scores(make(), logits, target))
    different = ({}, {"ignore": -1}, {"thresholds": 3})
    assert len({make(**other).metrics()["mIoU"].state_key for other in different}) == 3


def test_metrics_can_be_sent_to_another_process():
    metric = make().metrics()["maxF"]
    metric.update(torch.tensor([[[[0.9, 0.1]]]]), torch.tensor([[[1, 1]]]))
    assert float(pickle.loads(pickle.dumps(metric)).compute()) == pytest.approx(2 / 3)


def test_metrics_state_their_direction_and_are_shown_in_percent():
    found = check_metrics(make())
    assert make().percent == set(found) == {"mIoU", "maxF", "maxF_0.3"}
    assert all(metric.higher_is_better for metric in found.values())


def test_thresholds_are_at_equal_distances():
    assert make().metrics()["mIoU"].thresholds.tolist() == pytest.approx(THRESHOLDS.tolist())
    few_thresholds = make(thresholds=3, lowest=0.0, highest=1.0).metrics()["maxF"].thresholds
    assert few_thresholds.tolist() == [0.0, 0.5, 1.0]


def test_a_lowest_threshold_above_the_highest_is_refused():
    with pytest.raises(MethodError, match="'lowest', 0.8, must not be above 'highest', 0.3"):
        make(lowest=0.8, highest=0.3)


def test_without_an_ignore_index_all_pixels_count():
    logits, target = torch.randn(1, 1, 3, 4), torch.zeros(1, 3, 4, dtype=torch.uint8)
    assert int(make(ignore=None).loss(logits, target)[1]) == 12


@few
@given(data=maps(), crops=st.integers(1, 4))
def test_crops_are_averaged_by_their_probabilities(data, crops):
    logits = torch.stack([data[0] + shift for shift in range(crops)], dim=1)
    averaged = make().average(logits)
    assert torch.allclose(averaged.double().sigmoid(), logits.double().sigmoid().mean(1), atol=1e-6)
    assert torch.isfinite(make().average(1000 * logits)).all()


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (Target("class", (), classes=2), "of kind 'class' and shape \\(H, W\\)"),
        (Target("class", (3, 4), classes=3), "of two classes, not of 3"),
    ],
)
def test_a_target_that_is_no_map_of_two_classes_is_refused(target, sentence):
    with pytest.raises(DataError, match=f"'t' needs a target {sentence}"):
        Saliency("t", target)


def drawn(value):
    axes = Figure().add_subplot()
    make().draw(axes, value)
    return axes.images[0]


def test_targets_and_probabilities_are_grey_on_one_scale_and_what_is_ignored_stands_out():
    target = torch.zeros(3, 4, dtype=torch.uint8)
    target[0, :2] = torch.tensor([1, 255])
    truth, prediction = drawn(target), drawn(torch.full((1, 3, 4), 0.5))
    assert truth.get_clim() == prediction.get_clim() == (0.0, 1.0)
    shown = truth.to_rgba(truth.get_array())[0, :3]
    assert shown.tolist() == [[1, 1, 1, 1], list(to_rgba(IGNORED)), [0, 0, 0, 1]]
    grey = prediction.to_rgba(prediction.get_array())[..., :3]
    assert np.ptp(grey) == 0.0
    assert 0.4 < grey[0, 0, 0] < 0.6
