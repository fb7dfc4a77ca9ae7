from benchbed.testing import WeightingContract
from benchbed_zoo.weightings.equal import Equal
from tests.zoo.weightings.small import ABC, weights_of


class TestEqual(WeightingContract):
    id = "equal"


def test_equal_weights_are_one():
    assert weights_of(Equal(ABC)) == [1.0, 1.0, 1.0]
