import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from benchbed import EpochInfo, WeightingContext
from benchbed.discovery.method import resolve_weighting
from benchbed.engine.strategy import build_strategy
from benchbed.testing import WeightingContract
from benchbed_zoo.weightings.dwa import DynamicWeightAverage
from tests.zoo.weightings.at_loss_level import positive
from tests.zoo.weightings.small import ABC, losses_from, weights_of


class TestDwa(WeightingContract):
    id = "dwa"
    options = {"T": 0.5}


def dwa_by_formula(before, last, temperature):
    """S. Liu, E. Johns, A. Davison, CVPR 2019, eq. 7."""
    ratios = np.array(last) / np.array(before)
    return len(ratios) * softmax(ratios / temperature)


@given(
    before=st.lists(positive, min_size=3, max_size=3),
    share=st.lists(st.floats(0.1, 3), min_size=3, max_size=3),
    temperature=st.floats(0.5, 10),
    earlier=st.lists(positive, max_size=3),
)
def test_dwa_follows_the_papers_formula(before, share, temperature, earlier):
    last = [b * s for b, s in zip(before, share, strict=True)]
    strategy = DynamicWeightAverage(ABC, T=temperature)
    history = {t: [*earlier, b, v] for t, b, v in zip("abc", before, last, strict=True)}
    strategy.epoch(EpochInfo(2 + len(earlier), 99, history))
    weights = weights_of(strategy)
    assert weights == pytest.approx(dwa_by_formula(before, last, temperature), rel=1e-5)
    assert sum(weights) == pytest.approx(3, rel=1e-6)


@pytest.mark.parametrize("epoch", [0, 1])
def test_dwas_weights_are_equal_in_the_first_two_epochs(epoch):
    strategy = DynamicWeightAverage(ABC)
    strategy.epoch(EpochInfo(epoch, 9, {t: [3.0 + i] * epoch for i, t in enumerate("abc")}))
    assert weights_of(strategy) == [1.0, 1.0, 1.0]


def test_dwa_favours_the_task_whose_loss_falls_most_slowly():
    strategy = DynamicWeightAverage(ABC)
    strategy.epoch(EpochInfo(2, 9, {"a": [1.0, 0.9], "b": [1.0, 0.1], "c": [100.0, 50.0]}))
    a, b, c = weights_of(strategy)
    assert a > c > b


def test_dwas_temperature_is_two_as_in_the_paper(registry):
    components = resolve_weighting("dwa", registry, ["a", "b"])
    assert build_strategy(components, ABC).last.temperature == 2.0


@pytest.mark.parametrize("last", [0.0, 2.0])
def test_dwa_takes_a_loss_that_was_zero_as_unchanged(last):
    strategy = DynamicWeightAverage(WeightingContext("ab"))
    strategy.epoch(EpochInfo(2, 9, {"a": [0.0, last], "b": [1.0, 1.0]}))
    losses = losses_from([1.0, 1.0], "ab")
    strategy.combine(losses).backward()
    assert [float(loss.grad) for loss in losses.values()] == [1.0, 1.0]


def test_dwas_weights_are_part_of_its_state():
    strategy, other = DynamicWeightAverage(ABC), DynamicWeightAverage(ABC)
    strategy.epoch(EpochInfo(2, 9, {"a": [1.0, 0.9], "b": [1.0, 0.1], "c": [100.0, 50.0]}))
    other.load_state_dict(strategy.state_dict())
    assert weights_of(other) == weights_of(strategy) != [1.0, 1.0, 1.0]
