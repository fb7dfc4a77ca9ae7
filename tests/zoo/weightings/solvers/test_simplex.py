import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbed_zoo.weightings.solvers.simplex import TaskWeights, project_on_simplex

points = st.integers(1, 12).flatmap(
    lambda count: st.lists(st.floats(-1e9, 1e9), min_size=count, max_size=count)
)


@given(points, st.sampled_from([1e-9, 1e-3, 1.0, 1e3]))
def test_no_point_of_the_simplex_is_nearer(values, scale):
    """(v − w)·(e − w) ≤ 0 for every corner e, which only the projection w fulfils."""
    point = scale * np.array(values)
    found = project_on_simplex(point)
    assert (found >= 0.0).all()
    assert found.sum() == pytest.approx(1.0, abs=1e-12)
    shifted = point - point.max()
    away = shifted - found
    assert (away - away @ found <= 1e-12 * max(1.0, np.abs(away).max())).all()


@given(points, st.floats(-1e3, 1e3))
def test_a_point_of_the_simplex_stays_and_a_shift_changes_nothing(values, shift):
    inside = np.abs(values) + 1.0
    inside /= inside.sum()
    assert project_on_simplex(inside) == pytest.approx(inside, abs=1e-14)
    assert project_on_simplex(inside + shift) == pytest.approx(inside, abs=1e-12)


def test_numbers_so_large_that_one_vanishes_beside_them_are_projected_too():
    assert project_on_simplex(np.array([1e20, -1e20, 1e20])).tolist() == [0.5, 0.0, 0.5]


def test_absent_tasks_keep_their_weights():
    weights = TaskWeights("abcd")
    weights.keep("abcd", np.array([0.1, 0.2, 0.3, 0.4]))
    assert weights.of("ca") == pytest.approx([0.75, 0.25])
    weights.keep("ca", np.array([0.5, 0.5]))
    assert weights.of("abcd") == pytest.approx([0.2, 0.2, 0.2, 0.4])


def test_tasks_without_any_weight_share_equally_and_take_none_from_others():
    weights = TaskWeights("abc")
    weights.keep("abc", np.array([0.0, 0.0, 1.0]))
    assert weights.of("ab").tolist() == [0.5, 0.5]
    weights.keep("ab", np.array([1.0, 0.0]))
    assert weights.of("abc").tolist() == [0.0, 0.0, 1.0]


def test_weights_are_part_of_the_state():
    weights, other = TaskWeights("ab"), TaskWeights("ab")
    weights.keep("ab", np.array([0.3, 0.7]))
    other.load_state_dict(weights.state_dict())
    assert other.of("ab").tolist() == [0.3, 0.7]
