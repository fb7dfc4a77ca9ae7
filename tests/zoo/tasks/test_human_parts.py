import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbed import Target
from benchbed.testing import TaskContract
from benchbed_zoo.tasks.human_parts import HumanParts
from benchbed_zoo.tasks.segmentation import Segmentation
from tests.zoo.tasks.feeding import scores, splits

PARTS = ("background", "head", "torso", "upper arm", "lower arm", "upper leg", "lower leg")
few = settings(max_examples=30, deadline=None)


class TestHumanParts(TaskContract):
    id = "human-parts"
    target = Target("class", (6, 8), classes=7, names=PARTS, ignore=255)
    options = {"absent": "zero", "per_class": True, "weights": "1 2 3 4 5 6 7"}


class TestHumanPartsWithDice(TestHumanParts):
    options = {"loss": "ce-dice"}


def make(cls=HumanParts, ignore=255, **options):
    target = Target("class", (4, 4), classes=7, names=PARTS, ignore=ignore)
    return cls("t", target, **options)


@st.composite
def pictures(draw):
    """Logits, targets and which pictures show a person; the others are background or ignored."""
    kinds = draw(st.lists(st.sampled_from(["parts", "background", "ignored", "both"]), min_size=1))
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    target = np.zeros((len(kinds), 4, 4), dtype=np.uint8)
    for i, kind in enumerate(kinds):
        if kind == "parts":
            target[i] = generator.choice([0, 1, 2, 5, 255], (4, 4))
            target[i, 0, 0] = draw(st.integers(1, 6))
        if kind == "ignored":
            target[i] = 255
        if kind == "both":
            target[i] = generator.choice([0, 255], (4, 4))
    logits = generator.normal(size=(len(kinds), 7, 4, 4)).astype(np.float32)
    person = torch.tensor([kind == "parts" for kind in kinds])
    return torch.from_numpy(logits), torch.from_numpy(target), person


@few
@given(data=st.data())
def test_it_is_segmentation_of_the_pictures_with_a_person(data):
    logits, target, person = data.draw(pictures())
    options = data.draw(
        st.sampled_from([{"absent": "zero"}, {"loss": "ce-dice"}, {"weights": "1 2 3 4 5 6 7"}])
    )
    task, plain = make(**options), make(Segmentation, **options)
    found, expected = task.loss(logits, target), plain.loss(logits[person], target[person])
    assert float(found[0]) == pytest.approx(float(expected[0]), rel=1e-5, abs=1e-6)
    assert float(found[1]) == pytest.approx(float(expected[1]))
    assert scores(task, logits, target, data.draw(splits(len(target)))) == pytest.approx(
        scores(plain, logits[person], target[person]), nan_ok=True
    )


@few
@given(data=pictures())
def test_pictures_without_a_person_get_no_gradient_and_targets_stay_as_they_are(data):
    logits, target, person = data
    logits.requires_grad_()
    before = target.clone()
    make(loss="ce-dice").loss(logits, target)[0].backward()
    assert not logits.grad[~person].any()
    assert logits.grad[person].flatten(1).any(dim=1).all()
    assert torch.equal(target, before)


@pytest.mark.parametrize("value", [0, 255])
def test_without_any_person_nothing_counts(value):
    logits, target = torch.randn(2, 7, 4, 4), torch.full((2, 4, 4), value, dtype=torch.uint8)
    total, number = make().loss(logits, target)
    assert (float(total), float(number)) == (0.0, 0.0)
    assert all(math.isnan(score) for score in scores(make(), logits, target).values())


def test_without_an_ignore_index_background_alone_does_not_count_either():
    logits, target = torch.randn(2, 7, 4, 4), torch.zeros(2, 4, 4, dtype=torch.uint8)
    target[0, 0, 0] = 6
    assert int(make(ignore=None).loss(logits, target)[1]) == 16
