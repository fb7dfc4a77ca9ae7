import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from benchbed import Target
from benchbed.basics.errors import DataError
from benchbed.contracts.task import check_metrics
from benchbed.testing import TaskContract
from benchbed_zoo.metrics.edges import MatchedScore
from benchbed_zoo.tasks.edges import Edges
from benchbed_zoo.tasks.parts.binary_map import IGNORED
from tests.zoo.tasks import feeding, scoring

NAMES = ("other", "contour")
few = settings(max_examples=30, deadline=None)


def described(shape, ignore=255):
    return Target("class", shape, classes=2, names=NAMES, ignore=ignore)


class TestEdges(TaskContract):
    id = "edges"
    target = described((6, 8))
    options = {"matching": True, "thresholds": 101, "max_dist": 0.1}


class TestEdgesOfSeveralAnnotators(TestEdges):
    target = described((3, 6, 8))


class TestEdgesByMultipleInstances(TestEdges):
    options = {"annotators": "mil", "bag": 1, "matching": True}


class TestEdgesBySeveralAnnotatorsAndMultipleInstances(TestEdges):
    target = described((3, 6, 8))
    options = {"annotators": "mil", "bag": 0, "positive_weight": 0.8}


class TestBalancedEdges(TestEdges):
    options = {"positive_weight": 0, "annotators": "mil"}
    batch_level = True


def make(shape=(6, 8), ignore=255, **options):
    return Edges("e", described(shape, ignore), **options)


@st.composite
def maps(draw, annotators=0, ignore=255):
    """Logits and targets; the last image has no annotator, of the others some are absent."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10**6)))
    share = draw(st.sampled_from([0.0, 0.1, 0.5]))
    shape = (3, annotators, 6, 8) if annotators else (3, 6, 8)
    output = 2 * torch.randn(3, 1, 6, 8, generator=generator)
    target = (torch.rand(shape, generator=generator) < share).long()
    target[torch.rand(shape, generator=generator) < 0.2] = ignore
    if annotators:
        target[torch.rand(shape[:2], generator=generator) < 0.3] = ignore
    target[-1] = ignore
    return output, target.to(torch.uint8 if ignore == 255 else torch.int64)


def bce(logit, positive, weight):
    """Weighted cross-entropy of one number."""
    return weight * np.logaddexp(0, -logit) if positive else (1 - weight) * np.logaddexp(0, logit)


def summed(elements, weight):
    """Sum and number of pairs (logit, whether positive)."""
    if weight == 0:
        weight = sum(not positive for _, positive in elements) / max(len(elements), 1)
    return sum(bce(*element, weight) for element in elements), len(elements)


def consensus(output, target, agreement=0.5, ignore=255):
    """The elements of the loss, pixel by pixel."""
    elements = []
    for logits, annotations in zip(output[:, 0].double().numpy(), target.numpy(), strict=True):
        for place, logit in np.ndenumerate(logits):
            votes = [int(one[place]) for one in annotations if one[place] != ignore]
            if votes and sum(votes) > agreement * len(votes):
                elements.append((logit, True))
            elif votes and sum(votes) == 0:
                elements.append((logit, False))
    return elements


def bags(output, target, bag, ignore=255):
    """The elements of the loss, bag by bag and pixel by pixel."""
    elements = []
    for logits, annotations in zip(output[:, 0].double().numpy(), target.numpy(), strict=True):
        known = (annotations != ignore).any(axis=0)
        in_bag = np.zeros(known.shape, dtype=bool)
        for y, x in np.argwhere((annotations == 1).any(axis=0)):
            around = slice(max(y - bag, 0), y + bag + 1), slice(max(x - bag, 0), x + bag + 1)
            elements.append((logits[around][known[around]].max(), True))
            in_bag[around] = True
        elements += [(logit, False) for logit in logits[known & ~in_bag]]
    return elements


@pytest.mark.parametrize("weight", [0, 0.8, 0.95])
@pytest.mark.parametrize("ignore", [255, -1])
@few
@given(data=st.data())
def test_the_loss_of_one_annotator_is_balanced_cross_entropy(weight, ignore, data):
    output, target = data.draw(maps(ignore=ignore))
    found = scoring.loss_of(make(ignore=ignore, positive_weight=weight), output, target)
    elements = consensus(output, target[:, None], ignore=ignore)
    assert found == pytest.approx(summed(elements, weight), rel=1e-5)


@pytest.mark.parametrize("weight", [0, 0.95])
@few
@given(drawn=maps(annotators=4), agreement=st.sampled_from([0.0, 0.3, 0.5, 0.75]))
def test_annotators_who_disagree_leave_a_pixel_out(weight, drawn, agreement):
    task = make((4, 6, 8), positive_weight=weight, agreement=agreement)
    expected = summed(consensus(*drawn, agreement), weight)
    assert scoring.loss_of(task, *drawn) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("weight", [0, 0.95])
@pytest.mark.parametrize("bag", [0, 1, 2, 9])
@few
@given(drawn=maps(annotators=3))
def test_of_a_bag_the_largest_logit_counts(weight, bag, drawn):
    task = make((3, 6, 8), annotators="mil", bag=bag, positive_weight=weight)
    expected = summed(bags(*drawn, bag), weight)
    assert scoring.loss_of(task, *drawn) == pytest.approx(expected, rel=1e-5)


def test_only_balancing_within_the_batch_is_of_the_batch_as_a_whole():
    assert make(positive_weight=0).batch_level
    assert not make(positive_weight=1).batch_level


@few
@given(drawn=maps())
def test_bags_of_one_pixel_of_one_annotator_are_plain_cross_entropy(drawn):
    plain = scoring.loss_of(make(), *drawn)
    assert scoring.loss_of(make(annotators="mil", bag=0), *drawn) == plain


@pytest.mark.parametrize("annotators", ["consensus", "mil"])
@pytest.mark.parametrize("weight", [0, 0.95])
def test_gradients_are_those_of_finite_differences(annotators, weight):
    generator = torch.Generator().manual_seed(3)
    task = make((2, 4, 5), annotators=annotators, bag=1, positive_weight=weight)
    output = torch.randn(2, 1, 4, 5, generator=generator)
    target = (torch.rand(2, 2, 4, 5, generator=generator) < 0.15).long()
    target[:, :, 0] = 255
    assert scoring.has_right_gradient(task, output, target)


def test_in_a_bag_only_the_largest_logit_learns():
    output = torch.zeros(1, 1, 5, 5)
    output[0, 0, 1, 3] = 2.0
    target = torch.zeros(1, 5, 5)
    target[0, 2, 2] = 1
    gradient = scoring.gradient(make((5, 5), annotators="mil", bag=1), output, target)[0, 0]
    around = torch.zeros(5, 5, dtype=torch.bool)
    around[1:4, 1:4] = True
    assert gradient[1, 3] < 0
    assert gradient[around].count_nonzero() == 1
    assert (gradient[~around] > 0).all()


@pytest.mark.parametrize("annotators", ["consensus", "mil"])
def test_what_the_network_says_of_ignored_pixels_reaches_nothing(annotators):
    output = torch.randn(1, 1, 6, 8, generator=torch.Generator().manual_seed(0))
    target = torch.zeros(1, 6, 8, dtype=torch.uint8)
    target[0, 3, 3] = 1
    target[0, :, 4:] = 255
    task = make(annotators=annotators)
    clean = scoring.loss_of(task, output, target), scoring.gradient(task, output, target)
    output[..., 4] = math.nan
    output[..., 5] = math.inf
    assert scoring.loss_of(task, output, target) == clean[0]
    assert torch.equal(scoring.gradient(task, output, target), clean[1])


@pytest.mark.parametrize("annotators", ["consensus", "mil"])
def test_the_loss_needs_no_look_at_the_values(annotators):
    output, target = torch.zeros(2, 1, 6, 8), torch.zeros(2, 3, 6, 8, dtype=torch.uint8)
    task = make((3, 6, 8), annotators=annotators, positive_weight=0)
    assert scoring.never_looks_at_values(task, output, target)


@pytest.mark.parametrize("annotators", [0, 3])
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_no_batches_order_or_processes_change_a_score(annotators, data):
    output, target = data.draw(maps(annotators=annotators))
    shape = (3, 6, 8) if annotators else (6, 8)
    task = make(shape, matching=True, max_dist=0.1)
    whole = feeding.scores(task, output, target)
    split = feeding.scores(task, output, target, data.draw(feeding.splits(3)))
    assert set(whole) == {"pixel_F", "pixel_AP", "odsF", "oisF", "AP"}
    for name, value in whole.items():
        assert split[name] == value or (math.isnan(split[name]) and math.isnan(value))


@settings(max_examples=10, deadline=None)
@given(drawn=maps())
def test_metrics_that_share_states_need_but_one_update(drawn):
    task = make(matching=True)
    found, expected = scoring.shared_scores(task, *drawn), feeding.scores(task, *drawn)
    assert found == pytest.approx(expected, abs=0, nan_ok=True)


def test_matched_scores_are_computed_only_where_they_are_asked_for():
    plain, full = make(), make(matching=True)
    assert set(check_metrics(plain)) == {"pixel_F", "pixel_AP"} == plain.percent
    assert (plain.primary, plain.final) == ("pixel_F", frozenset())
    assert full.primary == "odsF"
    metrics = check_metrics(full)
    slow = {name for name, metric in metrics.items() if isinstance(metric, MatchedScore)}
    assert full.final == slow == {"odsF", "oisF", "AP"}
    assert full.percent == set(metrics)
    assert all(metric.higher_is_better for metric in metrics.values())


def test_options_reach_the_metrics():
    line, beside = torch.zeros(2, 1, 1, 40, 40)
    line[..., 10, :] = beside[..., 12, :] = 1
    logits = torch.logit(0.9995 * beside)
    for max_dist, expected in ((1.9 / math.hypot(40, 40), 0.0), (2.1 / math.hypot(40, 40), 1.0)):
        task = make((40, 40), matching=True, max_dist=max_dist)
        assert feeding.scores(task, logits, line[:, 0])["odsF"] == expected
    assert len(make(thresholds=101).metrics()["pixel_F"].thresholds) == 101


def test_ties_and_empty_are_as_papers_on_pascal_context_score():
    """A line found at all of 50 thresholds, and an image without a contour where one is seen."""
    line, beside = torch.zeros(2, 1, 1, 40, 40)
    line[..., 10, :], beside[..., 20, :] = 1, 1
    targets = torch.cat([line[:, 0], 0 * line[:, 0]])
    logits = torch.logit(torch.cat([0.505 * line, 0.305 * beside]))
    found = {
        name: feeding.scores(make((40, 40), matching=True, **options), logits, targets)
        for name, options in {
            "ours": {},
            "theirs": {"ties": "lowest", "empty": "one"},
            "explicit": {"ties": "highest", "empty": "zero"},
        }.items()
    }
    assert found["explicit"] == found["ours"]
    assert (found["ours"]["oisF"], found["theirs"]["oisF"]) == (1.0, pytest.approx(2 / 3, abs=0.02))
    assert found["ours"]["odsF"] == found["theirs"]["odsF"] == 1.0
    # points (R, P): (0, 0 or 1), and at R = 1 that of the lowest threshold, where both lines are
    assert found["theirs"]["AP"] - found["ours"]["AP"] == pytest.approx(0.505)
    assert found["theirs"]["pixel_AP"] - found["ours"]["pixel_AP"] == pytest.approx(0.505)


def test_ties_and_empty_leave_no_trace_at_their_defaults():
    spec = TestEdges().announced
    assert spec.resolve({"ties": "highest", "empty": "zero"}) == spec.resolve({})
    assert not {"ties", "empty"} & set(spec.resolve({}))
    assert spec.resolve({"ties": "lowest"})["ties"] == "lowest"


def test_predictions_are_probabilities_which_crops_average():
    outputs = torch.tensor([[[-1.0], [3.0]], [[80.0], [90.0]]])[..., None, None]
    task = make()
    expected = outputs.double().sigmoid().mean(dim=1)
    assert torch.allclose(task.predict(task.average(outputs)).double(), expected)
    assert task.predict(outputs[0].half()).dtype == torch.float32


@pytest.mark.parametrize(
    "target",
    [
        Target("value", (6, 8)),
        Target("class", (6, 8), classes=3),
        Target("class", (), classes=2),
        Target("class", (2, 3, 6, 8), classes=2),
    ],
)
def test_other_targets_are_refused(target):
    with pytest.raises(DataError, match="Task 'e' needs a target of"):
        Edges("e", target)


def drawn(task, value):
    """The numbers that an image shows and its axes."""
    axes = Figure().add_subplot()
    task.draw(axes, value)
    (image,) = axes.images
    assert image.get_clim() == (0, 1)
    assert image.cmap.get_bad() == pytest.approx(to_rgba(IGNORED))
    return image.get_array()


def test_probabilities_and_targets_are_drawn_on_one_scale():
    task = make((2, 3))
    target = torch.tensor([[0, 1, 255], [1, 0, 0]], dtype=torch.uint8)
    assert drawn(task, target).tolist() == [[0, 1, None], [1, 0, 0]]
    probabilities = torch.tensor([[[0.0, 0.25, 0.5], [0.75, 1.0, 0.0]]])
    assert drawn(task, probabilities).tolist() == probabilities[0].tolist()


def test_annotators_are_drawn_as_their_mean():
    target = torch.tensor([[[0, 1, 255, 255]], [[1, 1, 0, 255]]], dtype=torch.uint8)
    assert drawn(make((2, 1, 4)), target).tolist() == [[0.5, 1, 0, None]]
