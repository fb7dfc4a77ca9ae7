from benchbed.discovery.method import resolve_weighting
from benchbed.engine.strategy import build_strategy
from benchbed.testing import WeightingContract
from benchbed_zoo.weightings.fixed import Fixed
from tests.zoo.weightings.small import ABC, weights_of


class TestFixed(WeightingContract):
    id = "fixed"
    options = {"a": 5, "b": 0.5}


def test_fixed_weights_are_those_given_and_one_elsewhere():
    assert weights_of(Fixed(ABC, a=5.0, c=0.25)) == [5.0, 1.0, 0.25]


def test_fixed_takes_its_weights_from_the_methods_name(registry):
    components = resolve_weighting("fixed:a=5,c=0.25", registry, ["a", "b", "c"])
    assert weights_of(build_strategy(components, ABC).last) == [5.0, 1.0, 0.25]
