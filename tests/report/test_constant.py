"""The constant predictor against what statistics says it must be."""

import math

import numpy as np
import pytest
import torch

from benchbed.contracts.dataset import Target
from benchbed.discovery.catalogue import find_protocol
from benchbed.engine.data import Split
from benchbed.report.constant import Constant, _best, constants, least_gains
from benchbed_zoo.datasets.digits import Digits
from benchbed_zoo.tasks.depth import Depth
from benchbed_zoo.tasks.edges import Edges
from benchbed_zoo.tasks.regression import Regression
from benchbed_zoo.tasks.saliency import Saliency
from tests.engine.test_evaluation import CPU
from tests.fakes import record, scaled


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


def maps_of(values):
    x = np.zeros((len(values), 3, *values.shape[-2:]), dtype=np.float32)
    return Split({"input": x, "a": values}, {"a": "a"}, CPU)


def test_the_best_constant_depth_is_the_median_of_the_valid_pixels():
    generator = np.random.default_rng(0)
    train, test = (generator.gamma(3.0, 1.0, (n, 8, 10)).astype(np.float32) for n in (12, 6))
    for values in (train, test):
        values[generator.random(values.shape) < 0.2] = 0.0
    best = _best(Depth("a", Target("value", (8, 10))), maps_of(train), maps_of(test))
    valid = test[test > 0]
    assert best.output[0] == pytest.approx(np.median(train[train > 0]), rel=1e-2)
    assert best.score == pytest.approx(np.abs(valid - best.output[0]).mean(), rel=1e-5)


def test_the_best_constant_saliency_is_all_salient():
    generator = np.random.default_rng(1)
    train, test = ((generator.random((n, 8, 10)) < 0.3).astype(np.uint8) for n in (12, 6))
    task = Saliency("a", Target("class", (8, 10), classes=2, ignore=255))
    best = _best(task, maps_of(train), maps_of(test))
    assert best.score == pytest.approx(test.mean(axis=(1, 2)).mean(), rel=1e-6)


def test_a_metric_of_the_end_alone_has_a_best_constant_too():
    train, test = (np.zeros((n, 12, 12), dtype=np.uint8) for n in (4, 2))
    train[:, 6], test[:, 6] = 1, 1
    task = Edges("a", Target("class", (12, 12), classes=2, ignore=255), matching=True)
    best = _best(task, maps_of(train), maps_of(test))
    assert (best.metric, best.higher_is_better) == ("odsF", True)
    marked = [task.predict(torch.full((1, 1, 12, 12), logit)) for logit in (-9.0, 9.0)]
    scores = []
    for prediction in marked:
        metric = task.metrics()["odsF"]
        metric.update(prediction.expand(2, -1, -1, -1), torch.from_numpy(test))
        scores.append(float(metric.compute()))
    assert best.score == pytest.approx(np.nanmax(scores))


def test_the_least_gain_names_the_worst_record_of_each_task():
    found = {
        "seg": Constant("seg", "miou", True, (0.0,), 0.25),
        "depth": Constant("depth", "abs", False, (0.0,), 0.4),
        "parts": Constant("parts", "miou", True, (0.0,), 0.2),
    }
    good, bad = record("hps+equal", 0), record("hps+dwa", 1, scaled(0.5))
    least = least_gains(found, [good, bad])
    for task, constant in found.items():
        gains = {r.key: constant.gain(r.test[task][constant.metric]) for r in (good, bad)}
        assert least[task][0] == min(gains.values())
        assert least[task][1].key == min(gains, key=gains.get)
