import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbed_zoo.metrics.edges import THRESHOLDS, ContourScore, MatchedScore, PixelScore
from benchbed_zoo.metrics.matching import ContourMatcher
from tests.zoo.metrics import naive

SCORES = ("odsF", "oisF", "AP")
LEVELS = np.array([0.0, 0.001, 0.005, 0.01, 0.3, 0.5, 0.995, 0.999, 1.0], dtype=np.float32)
"""On thresholds and between them; in single precision, as a network's are."""
few = settings(max_examples=30, deadline=None)


def pixel(score, thresholds=99, **options):
    return PixelScore(score, thresholds, ignore=255, **options)


def matched(score="odsF", thresholds=99, max_dist=0.15, **options):
    return MatchedScore(score, thresholds, max_dist, ignore=255, **options)


def score(make, probability, target, **options):
    """Of one batch, by name; images of H × W."""
    found = {}
    for name in SCORES:
        metric = make(name, **options)
        metric.update(
            torch.as_tensor(probability, dtype=torch.float32).unsqueeze(1),
            torch.as_tensor(target, dtype=torch.uint8),
        )
        found[name] = float(metric.compute())
    return found


@st.composite
def images(draw, annotators=None):
    """Probabilities and targets; some without contours, without annotation, with it in part."""
    count = draw(st.integers(1, 3))
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    shape = (count, 7, 9) if annotators is None else (count, annotators, 7, 9)
    target = np.empty(shape, dtype=np.uint8)
    for one in target.reshape(-1, 7, 9):
        one[:] = generator.random((7, 9)) < draw(st.sampled_from([0.0, 0.2, 0.5]))
        one[generator.random((7, 9)) < draw(st.sampled_from([0.0, 0.3, 1.0]))] = 255
    known = generator.choice(LEVELS, draw(st.integers(1, 4)), replace=False)
    return generator.choice(known, (count, 7, 9)), target


def at_thresholds(image, thresholds, count):
    """What is counted of each mask, but once of equal ones."""
    known = {}
    masks = [image >= threshold for threshold in np.float32(thresholds)]
    for mask in masks:
        if mask.tobytes() not in known:
            known[mask.tobytes()] = count(naive.thin(mask))
    return [known[mask.tobytes()] for mask in masks]


def counts_by_matching(probability, target, thresholds, max_dist):
    """Of each image: (found, annotated, right, predicted) by threshold, for one annotator."""
    found = []
    for image, labels in zip(probability, target, strict=True):
        if (labels == 255).all():
            continue
        contours = naive.thin(labels == 1)

        def count(predicted, contours=contours):
            between = naive.distances(predicted, contours)
            pairs, _ = naive.assign(between, max_dist * math.hypot(7, 9))
            return pairs, contours.sum(), pairs, predicted.sum()

        found.append(at_thresholds(np.where(labels != 255, image, -1), thresholds, count))
    return found


def counts_by_pixel(probability, target, thresholds):
    found = []
    for image, labels in zip(probability, target, strict=True):
        counts = []
        for threshold in np.float32(thresholds):
            predicted = (image >= threshold) & (labels != 255)
            right = (predicted & (labels == 1)).sum()
            counts.append((right, (labels == 1).sum(), right, predicted.sum()))
        found.append(counts)
    return found


@pytest.mark.parametrize("thresholds", [99, 101])
@few
@given(drawn=images(), max_dist=st.sampled_from([0.0, 0.09, 0.2]))
def test_matched_scores_agree_with_loops_and_dense_assignments(thresholds, drawn, max_dist):
    expected = naive.scores(counts_by_matching(*drawn, THRESHOLDS[thresholds], max_dist))
    found = score(matched, *drawn, thresholds=thresholds, max_dist=max_dist)
    assert found == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("thresholds", [99, 101])
@few
@given(drawn=images())
def test_pixel_scores_agree_with_loops(thresholds, drawn):
    expected = naive.scores(counts_by_pixel(*drawn, THRESHOLDS[thresholds]))
    assert score(pixel, *drawn, thresholds=thresholds) == pytest.approx(expected, nan_ok=True)


def counts_by_annotators(image, annotations, max_dist):
    """Each annotation matched by itself."""
    present = [labels for labels in annotations if (labels != 255).any()]
    if not present:
        return np.zeros((99, 4))
    contours = [naive.thin(labels == 1) for labels in present]
    valid = np.any([labels != 255 for labels in present], axis=0)

    def count(predicted):
        radius = max_dist * math.hypot(7, 9)
        found = [ContourMatcher(one, radius).matched(predicted) for one in contours]
        right = np.any(found, axis=0).sum()
        return np.sum(found), np.sum(contours), right, predicted.sum()

    return at_thresholds(np.where(valid, image, -1), THRESHOLDS[99], count)


@few
@given(drawn=images(annotators=3))
def test_several_annotators_are_matched_one_by_one(drawn):
    expected = naive.scores(
        [counts_by_annotators(*image, 0.15) for image in zip(*drawn, strict=True)]
    )
    assert score(matched, *drawn) == pytest.approx(expected, nan_ok=True)


@few
@given(drawn=images(annotators=3))
def test_several_annotators_count_by_themselves_pixel_by_pixel(drawn):
    probability, target = drawn
    images = [
        np.sum(
            counts_by_pixel([image] * 3, annotations, THRESHOLDS[99]),
            axis=0,
        )
        for image, annotations in zip(probability, target, strict=True)
    ]
    assert score(pixel, *drawn) == pytest.approx(naive.scores(images), nan_ok=True)


@few
@given(drawn=images())
def test_one_annotator_scores_the_same_beside_absent_ones(drawn):
    probability, target = drawn
    absent = np.full_like(target, 255)
    several = np.stack([absent, target, absent], axis=1)
    alone = score(matched, probability, target)
    assert score(matched, probability, several) == pytest.approx(alone, nan_ok=True)


def line(column, shape=(1, 20, 24)):
    mask = np.zeros(shape)
    mask[..., column] = 1
    return mask


@pytest.mark.parametrize("column", [9, 10, 13, 14])
def test_a_line_within_the_distance_is_found_wholly_and_beyond_it_not_at_all(column):
    max_dist = 3 / math.hypot(20, 24)
    found = score(matched, line(column), line(10), max_dist=max_dist * 1.0001)
    expected = float(abs(column - 10) <= 3)
    assert (found["odsF"], found["oisF"]) == (expected, expected)
    assert score(pixel, line(column), line(10))["odsF"] == float(column == 10)


def test_a_perfect_map_of_0_and_1_has_an_f_of_1_and_as_in_bsds_no_area():
    assert score(matched, line(5), line(5)) == {"odsF": 1.0, "oisF": 1.0, "AP": 0.0}


def test_precision_1_at_every_recall_is_an_area_of_1():
    """100 pixels in a row, of which one more is predicted at each threshold."""
    probability = (np.arange(100).clip(min=1) + 0.5).reshape(1, 1, 100) / 100
    perfect = {"odsF": 1.0, "oisF": 1.0, "AP": pytest.approx(1.0)}
    assert score(matched, probability, np.ones((1, 1, 100)), max_dist=0) == perfect
    assert score(pixel, probability, np.ones((1, 1, 100))) == perfect


def test_a_thick_prediction_is_thinned_first():
    thick = line(9) + line(10) + line(11)
    found = score(matched, thick, line(10), max_dist=0)
    assert 0.85 < found["odsF"] <= 1
    assert score(pixel, thick, line(10))["odsF"] == pytest.approx(0.5)


def test_two_lines_beside_one_that_two_annotators_drew_are_not_both_right():
    """Each annotator takes the nearer one; the farther one is wrong."""
    probability, target = line(9) + line(12), np.stack([line(10), line(10)], axis=1)
    found = score(matched, probability, target, max_dist=0.15)
    assert found["odsF"] == pytest.approx(2 * 0.5 * 1 / 1.5)


def test_a_line_that_only_one_of_two_annotators_drew_is_right():
    target = np.stack([line(4), line(17)], axis=1)
    both = score(matched, line(4) + line(17), target, max_dist=0.05)
    one = score(matched, line(4), target, max_dist=0.05)
    assert (both["odsF"], one["odsF"]) == (1.0, pytest.approx(2 / 3))


@pytest.mark.parametrize("make", [pixel, matched])
def test_nothing_predicted_scores_0(make):
    assert score(make, 0 * line(5), line(5)) == dict.fromkeys(SCORES, 0.0)


@pytest.mark.parametrize("make", [pixel, matched])
@pytest.mark.parametrize("ignored", [0, 255])
def test_without_any_annotated_contour_nothing_is_defined(make, ignored):
    target = np.full((2, 6, 8), ignored)
    assert all(math.isnan(value) for value in score(make, line(3, (2, 6, 8)), target).values())


def test_before_any_image_nothing_is_defined():
    with pytest.warns(UserWarning, match="before the ``update``"):
        assert math.isnan(matched().compute())


@pytest.mark.parametrize("make", [pixel, matched])
def test_what_is_ignored_changes_nothing(make):
    """An image, and in another one the columns where the prediction is wrong."""
    probability = np.concatenate([line(5) + line(15), line(8)])
    target = np.concatenate([line(5), 0 * line(0)])
    target[0, :, 12:], target[1] = 255, 255
    assert score(make, probability, target)["odsF"] == 1.0


@pytest.mark.parametrize("make", [pixel, matched])
def test_an_image_without_contours_adds_what_is_wrongly_predicted(make):
    """At its own best threshold, the highest of those that are all worth nothing, it is nothing."""
    probability = np.concatenate([line(5), 0.5 * line(8)])
    target = np.concatenate([line(5), 0 * line(8)])
    found = score(make, probability, target)
    assert (found["odsF"], found["oisF"]) == (1.0, 1.0)
    found = score(make, np.concatenate([line(5), line(8)]), target)
    assert (found["odsF"], found["oisF"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3))


def test_each_image_may_have_its_own_best_threshold():
    """A faint right line beside nothing, and a strong one beside a fainter wrong one."""
    probability = np.concatenate([0.2 * line(5), 0.9 * line(5) + 0.4 * line(15)])
    target = np.concatenate([line(5), line(5)])
    found = score(matched, probability, target, max_dist=0.01)
    assert (found["odsF"], found["oisF"]) == (pytest.approx(0.8), 1.0)


class Counted(ContourScore):
    """Given counts instead of images: the prediction holds them, ``(N, 4, 99)``."""

    def count(self, prediction, target):
        return prediction.long()


def of_counts(counts, **options):
    """The scores by name from images' counts at 99 thresholds."""
    found = {}
    for name in SCORES:
        metric = Counted(name, 99, **options)
        metric.update(torch.as_tensor(np.asarray(counts)), torch.zeros(len(counts), 1, 1))
        found[name] = float(metric.compute())
    return found


def two_images():
    """One of 10 annotated pixels, and one without any; nothing is predicted at the last threshold.

    Found, annotated, right and predicted at thresholds 1 to 50, 51 to 98, and 99.
    """
    steps = [50, 48, 1]
    first = np.repeat([[8, 10, 8, 10], [4, 10, 4, 4], [0, 10, 0, 0]], steps, axis=0)
    second = np.repeat([[0, 0, 0, 6], [0, 0, 0, 2], [0, 0, 0, 0]], steps, axis=0)
    return np.stack([first.T, second.T])


@pytest.mark.parametrize(
    ("ties", "wrong"), [("highest", 0), ("lowest", 6)], ids=["highest", "lowest"]
)
def test_of_equally_good_thresholds_the_highest_or_the_lowest_counts(ties, wrong):
    """The image without annotated pixels has F = 0 at all; the other is best at 1 to 50."""
    found = of_counts(two_images(), ties=ties)
    precision, recall = 8 / (10 + wrong), 8 / 10
    assert found["oisF"] == pytest.approx(2 * precision * recall / (precision + recall))
    assert {**found, "oisF": 0} == {**of_counts(two_images()), "oisF": 0}


@pytest.mark.parametrize(("empty", "start"), [("zero", 0), ("one", 1)])
def test_the_precision_where_nothing_is_predicted_is_where_the_curve_begins(empty, start):
    """Points (R, P): (0, start), (0.4, 4/6), (0.8, 8/16); lines between, 0 beyond."""
    rising = [start + (4 / 6 - start) * k / 40 for k in range(41)]
    falling = [4 / 6 + (8 / 16 - 4 / 6) * k / 40 for k in range(1, 41)]
    found = of_counts(two_images(), empty=empty)
    assert found["AP"] == pytest.approx(sum(rising + falling) / 100)
    assert {**found, "AP": 0} == {**of_counts(two_images()), "AP": 0}


def test_the_defaults_are_the_highest_and_zero():
    assert of_counts(two_images()) == of_counts(two_images(), ties="highest", empty="zero")


@st.composite
def any_counts(draw):
    """Of one to four images; fewer pixels are predicted the higher the threshold."""
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    images = []
    for _ in range(draw(st.integers(1, 4))):
        predicted = np.sort(generator.integers(0, draw(st.sampled_from([1, 3, 30])), 99))[::-1]
        annotated = generator.integers(0, 12)
        right = np.minimum(generator.integers(0, 12, 99), np.minimum(predicted, annotated))
        images.append([right, np.full(99, annotated), right, predicted])
    return np.array(images)


@pytest.mark.parametrize("ties", ["highest", "lowest"])
@pytest.mark.parametrize("empty", ["zero", "one"])
@given(counts=any_counts())
def test_scores_of_counts_agree_with_loops_under_both_options(ties, empty, counts):
    expected = naive.scores([list(image.T) for image in counts], ties, empty)
    assert of_counts(counts, ties=ties, empty=empty) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("ties", ["highest", "lowest"])
@few
@given(drawn=images())
def test_both_options_reach_the_scores_of_images(ties, drawn):
    options = {"ties": ties, "empty": "one"}
    expected = naive.scores(counts_by_pixel(*drawn, THRESHOLDS[101]), **options)
    found = score(pixel, *drawn, thresholds=101, **options)
    assert found == pytest.approx(expected, nan_ok=True)
    expected = naive.scores(counts_by_matching(*drawn, THRESHOLDS[99], 0.15), **options)
    assert score(matched, *drawn, **options) == pytest.approx(expected, nan_ok=True)


def test_states_are_shared_only_where_best_thresholds_are_the_same():
    assert matched(ties="lowest").state_key != matched().state_key
    assert matched(empty="one").state_key == matched().state_key


def test_thresholds_that_leave_the_mask_as_it_is_are_skipped(monkeypatch):
    thinned = []

    def count(mask):
        thinned.append(mask)
        return naive.thin(mask)

    monkeypatch.setattr("benchbed_zoo.metrics.edges.thin", count)
    score(matched, 0.305 * line(5, (1, 6, 8)) + 0.505 * line(2, (1, 6, 8)), line(5, (1, 6, 8)))
    assert len(thinned) == len(SCORES) * (1 + 3)


def test_metrics_survive_pickling():
    metric = matched("oisF")
    metric.update(torch.from_numpy(line(5)).float()[None], torch.from_numpy(line(5)).long())
    again = pickle.loads(pickle.dumps(metric))
    assert float(again.compute()) == float(metric.compute()) == 1.0
    assert again.state_key == matched("AP").state_key != matched(max_dist=0.2).state_key
    assert len({matched().state_key, pixel("odsF").state_key, pixel("odsF", 101).state_key}) == 3
