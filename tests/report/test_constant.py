"""The constant predictor against what statistics says it must be."""

import math

import numpy as np
import pytest

from benchbed.catalogue import find_protocol
from benchbed.dataset import Target
from benchbed.engine.data import Split
from benchbed.report.constant import Constant, _best, constants
from benchbed_zoo.datasets.digits import Digits
from benchbed_zoo.tasks.regression import Regression
from tests.engine.test_evaluation import CPU


def test_the_best_constant_class_is_the_most_frequent_one(registry):
    found = constants(find_protocol("digits", registry), registry, None)
    assert list(found) == ["digit", "holes", "parity"]
    for task, best in found.items():
        train, test = (Digits().load(split, None)[task] for split in ("train", "test"))
        frequent = np.bincount(train).argmax()
        assert best.metric == "accuracy"
        assert best.score == pytest.approx((test == frequent).mean(), abs=1e-6)


def split_of(values):
    x = np.zeros((len(values), 1), dtype=np.float32)
    return Split({"input": x, "a": values}, {"a": "a"}, CPU)


def test_the_best_constant_number_is_the_median_whatever_the_loss():
    generator = np.random.default_rng(0)
    train, test = (generator.exponential(2.0, n).astype(np.float32) for n in (301, 150))
    for loss in ("l1", "l2"):
        best = _best(Regression("a", Target("value"), loss=loss), split_of(train), split_of(test))
        (output,) = best.output
        least = np.abs(train - np.median(train)).mean()
        assert np.abs(train - output).mean() == pytest.approx(least, rel=1e-3)
        assert best.score == pytest.approx(np.abs(test - output).mean(), rel=1e-5)


def test_gains_are_shares_of_the_constants_score_in_the_metrics_direction():
    higher = Constant("a", "m", True, (0.0,), 0.2)
    lower = Constant("a", "m", False, (0.0,), 2.0)
    assert higher.gain(0.3) == pytest.approx(0.5)
    assert lower.gain(1.5) == pytest.approx(0.25)
    assert lower.gain(2.5) == pytest.approx(-0.25)
    nothing = Constant("a", "m", True, (0.0,), 0.0)
    assert nothing.gain(0.1) == math.inf
    assert nothing.gain(0.0) == 0.0
