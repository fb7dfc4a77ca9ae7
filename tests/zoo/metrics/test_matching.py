import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbed_zoo.metrics.matching import ContourMatcher
from tests.zoo.metrics import naive

few = settings(max_examples=80, deadline=None)


@st.composite
def pairs(draw):
    """Predicted and annotated pixels in any number, and a radius."""
    shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    shares = st.sampled_from([0.0, 0.1, 0.3, 1.0])
    predicted, contours = (generator.random(shape) < draw(shares) for _ in range(2))
    return predicted, contours, draw(st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 3.2, 20.0]))


@few
@given(pair=pairs())
def test_as_many_are_matched_as_by_an_assignment_with_outliers(pair):
    predicted, contours, radius = pair
    number, _ = naive.assign(naive.distances(predicted, contours), radius)
    assert ContourMatcher(contours, radius).count(predicted) == number


@few
@given(pair=pairs())
def test_the_pixels_matched_are_those_of_an_assignment_of_least_distances(pair):
    predicted, contours, radius = pair
    between = naive.distances(predicted, contours)
    matched = ContourMatcher(contours, radius).matched(predicted)
    assert matched.shape == (predicted.sum(),)
    assert naive.assign(between[matched], radius) == pytest.approx(naive.assign(between, radius))
    assert matched.sum() == naive.assign(between, radius)[0]


@few
@given(pair=pairs())
def test_matching_is_symmetric(pair):
    predicted, contours, radius = pair
    there = ContourMatcher(contours, radius).count(predicted)
    assert ContourMatcher(predicted, radius).count(contours) == there


@pytest.mark.parametrize(("radius", "number"), [(4.9, 0), (5.0, 1), (5.1, 1)])
def test_a_distance_of_the_radius_is_near_enough(radius, number):
    predicted, contours = np.zeros((2, 6, 7), dtype=bool)
    predicted[0, 1] = contours[3, 5] = True
    matcher = ContourMatcher(contours, radius)
    assert matcher.count(predicted) == matcher.matched(predicted).sum() == number


def test_the_other_side_of_the_image_is_not_near():
    predicted, contours = np.zeros((2, 4, 6), dtype=bool)
    predicted[1, 5] = contours[2, 0] = True
    assert ContourMatcher(contours, 2).count(predicted) == 0


def test_pixels_give_way_so_that_all_are_matched():
    """Each has a near pixel to its right and one farther left; the last one has that alone."""
    predicted, contours = np.zeros((2, 1, 30), dtype=bool)
    predicted[0, 1::3] = contours[0, 2:-1:3] = True
    contours[0, 0] = True
    assert predicted.sum() == contours.sum() == 10
    assert ContourMatcher(contours, 2).count(predicted) == 10


def test_of_two_lines_the_nearer_one_is_matched():
    predicted, contours = np.zeros((2, 9, 12), dtype=bool)
    predicted[[3, 7]] = contours[4] = True
    matched = ContourMatcher(contours, 3).matched(predicted)
    assert matched.tolist() == [True] * 12 + [False] * 12
