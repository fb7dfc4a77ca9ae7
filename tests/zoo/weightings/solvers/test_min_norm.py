import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize

from benchbed_zoo.weightings.solvers.min_norm import min_norm_weights

COUNTS = range(2, 11)
SEEDS = range(25)


def check_simplex(weights, count):
    assert weights.shape == (count,)
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1, abs=1e-12)


def gap(gramian, weights):
    """wᵀGw − min_i (Gw)_i: 0 at the optimum, and never less than half of wᵀGw's excess."""
    products = gramian @ weights
    return float(weights @ products - products.min())


def solve(jacobian, *, relative=1e-9):
    """Solve for a Jacobian and check the optimality conditions, relative to the largest ‖g‖²."""
    gramian = jacobian @ jacobian.T
    weights = min_norm_weights(gramian)
    check_simplex(weights, len(jacobian))
    assert gap(gramian, weights) <= relative * max(float(gramian.diagonal().max()), 1e-300)
    return weights


def random_rows(count, seed, columns=30):
    return np.random.default_rng([count, seed]).normal(size=(count, columns))


@pytest.mark.parametrize("count", COUNTS)
def test_random_gradients_are_combined_optimally(count):
    for seed in SEEDS:
        solve(random_rows(count, seed))


@pytest.mark.parametrize("count", COUNTS)
def test_the_optimum_is_scipys(count):
    for seed in range(4):
        jacobian = random_rows(count, seed, columns=count + 2) + 0.5
        gramian = jacobian @ jacobian.T
        best = minimize(
            lambda w, g=gramian: w @ g @ w,
            np.full(count, 1 / count),
            jac=lambda w, g=gramian: 2 * g @ w,
            bounds=[(0, 1)] * count,
            constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 500},
        )
        weights = solve(jacobian)
        assert weights == pytest.approx(best.x, abs=1e-5)
        assert weights @ gramian @ weights <= best.fun * (1 + 1e-9)


@pytest.mark.parametrize("count", COUNTS)
def test_the_scale_of_all_gradients_does_not_matter(count):
    for seed in SEEDS:
        jacobian = random_rows(count, seed)
        weights = solve(jacobian)
        for scale in (1e-6, 1e-3, 1e3, 1e6):
            assert solve(scale * jacobian) == pytest.approx(weights, abs=1e-9)


@pytest.mark.parametrize("count", COUNTS)
def test_linearly_dependent_gradients_are_combined_optimally(count):
    for seed in SEEDS:
        generator = np.random.default_rng([count, seed])
        rank = generator.integers(1, count)
        solve(generator.normal(size=(count, rank)) @ generator.normal(size=(rank, 20)))


@pytest.mark.parametrize("count", COUNTS)
def test_a_duplicated_task_changes_the_combination_not_at_all(count):
    for seed in SEEDS:
        jacobian = random_rows(count, seed)
        doubled = np.vstack([jacobian, jacobian[-1]])
        weights, expected = solve(doubled), solve(jacobian)
        assert weights @ doubled == pytest.approx(expected @ jacobian, abs=1e-8)


@pytest.mark.parametrize("count", COUNTS)
def test_a_task_with_a_zero_gradient_takes_all_the_weight(count):
    for seed in SEEDS:
        jacobian = random_rows(count, seed)
        jacobian[seed % count] = 0
        assert solve(jacobian).tolist() == np.eye(count)[seed % count].tolist()


def test_zero_gradients_alone_get_equal_weights():
    assert min_norm_weights(np.zeros((4, 4))).tolist() == [0.25] * 4


def test_one_task_has_weight_one():
    assert min_norm_weights(np.array([[3.0]])).tolist() == [1.0]


@pytest.mark.parametrize("count", COUNTS)
def test_gradients_around_the_origin_cancel(count):
    for seed in SEEDS:
        jacobian = random_rows(count, seed)
        jacobian -= jacobian.mean(axis=0)
        weights = solve(jacobian)
        assert np.linalg.norm(weights @ jacobian) <= 1e-6 * np.linalg.norm(jacobian)


@pytest.mark.parametrize("cosine", [-0.9, -0.1, 0.0, 0.3, 0.9])
@pytest.mark.parametrize("ratio", [1e-6, 1e-3, 0.5, 1.0, 2.0, 1e3, 1e6])
def test_two_tasks_have_the_closed_form(cosine, ratio):
    """O. Sener and V. Koltun, NeurIPS 2018, algorithm 1."""
    gramian = np.array([[1.0, cosine * ratio], [cosine * ratio, ratio**2]])
    first = (ratio**2 - cosine * ratio) / (1 + ratio**2 - 2 * cosine * ratio)
    first = min(max(first, 0.0), 1.0)
    assert min_norm_weights(gramian) == pytest.approx([first, 1 - first], rel=1e-6, abs=1e-11)


@pytest.mark.parametrize("count", COUNTS)
def test_orthogonal_gradients_are_weighted_by_their_inverse_squares(count):
    squares = np.linspace(1, 5, count)
    assert min_norm_weights(np.diag(squares)) == pytest.approx(
        1 / squares / (1 / squares).sum(), rel=1e-9
    )


@pytest.mark.parametrize("large", [1e2, 1e4, 1e6, 1e8])
def test_one_large_gradient_does_not_blur_the_balance_of_the_small_ones(large):
    """Orthogonal gradients of lengths ``large``, 1 and 1: the small ones share the weight."""
    weights = min_norm_weights(np.diag([large**2, 1.0, 1.0]))
    assert weights[1:] == pytest.approx([0.5, 0.5], abs=1e-4)
    assert weights[0] == pytest.approx(0.5 / large**2, rel=1e-3)


@pytest.mark.parametrize("count", COUNTS)
def test_gradients_of_very_different_lengths_are_combined_optimally(count):
    """Lengths from 1e-2 to 1e2; the conditions hold relative to the shortest combination itself."""
    for seed in SEEDS:
        generator = np.random.default_rng([count, seed])
        lengths = 10 ** generator.uniform(-2, 2, size=(count, 1))
        jacobian = lengths * random_rows(count, seed)
        gramian = jacobian @ jacobian.T
        weights = min_norm_weights(gramian)
        check_simplex(weights, count)
        assert gap(gramian, weights) <= 1e-8 * float(weights @ gramian @ weights)


@pytest.mark.parametrize("count", COUNTS)
def test_permuting_the_tasks_permutes_the_weights(count):
    for seed in SEEDS:
        jacobian = random_rows(count, seed)
        order = np.random.default_rng(seed).permutation(count)
        gramian = jacobian @ jacobian.T
        permuted = min_norm_weights(gramian[np.ix_(order, order)])
        assert permuted == pytest.approx(min_norm_weights(gramian)[order], abs=1e-9)


@settings(max_examples=300, deadline=None)
@given(st.integers(2, 8).flatmap(lambda t: arrays(np.int64, (t, 4), elements=st.integers(-3, 3))))
def test_small_whole_numbers_with_all_their_coincidences_are_combined_optimally(jacobian):
    solve(jacobian.astype(float))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 8), st.integers(-10, -1))
def test_nearly_equal_gradients_are_combined_nearly_optimally(seed, count, power):
    jacobian = random_rows(count, seed)
    noise = np.random.default_rng(seed + 1).normal(size=30)
    jacobian[0] = jacobian[-1] + 10.0**power * noise
    solve(jacobian, relative=1e-7)  # G itself resolves differences of 1e-8 only


def test_a_gramian_in_single_precision_is_no_obstacle():
    for seed in SEEDS:
        jacobian = random_rows(6, seed).astype(np.float32)
        gramian = (jacobian @ jacobian.T).astype(np.float64)  # no longer quite symmetric in rank
        weights = min_norm_weights(gramian)
        check_simplex(weights, 6)
        assert gap(gramian, weights) <= 1e-9 * gramian.diagonal().max()


def test_the_gramian_is_left_as_it_was():
    jacobian = random_rows(5, 0)
    gramian = jacobian @ jacobian.T
    before = gramian.copy()
    min_norm_weights(gramian)
    assert (gramian == before).all()
