import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from benchbed import EpochInfo, WeightingContext
from benchbed.engine.optim import build_optimizer
from benchbed.engine.strategy import build_strategy
from benchbed.method import resolve_weighting
from benchbed.protocol import Optimizer
from benchbed.weighting import check_weighting
from benchbed_zoo.weightings.dwa import DynamicWeightAverage
from benchbed_zoo.weightings.equal import Equal
from benchbed_zoo.weightings.fixed import Fixed
from benchbed_zoo.weightings.mgda import Mgda
from benchbed_zoo.weightings.pcgrad import PcGrad
from benchbed_zoo.weightings.uncertainty import Uncertainty

ALL = [Equal, Fixed, Uncertainty, DynamicWeightAverage, Mgda, PcGrad]
LOSS_LEVEL = ALL[:4]
ABC = WeightingContext(("a", "b", "c"), frozenset("b"))
positive = st.floats(1e-3, 1e3)


def losses_from(values, names="abc"):
    return {n: torch.tensor(v, requires_grad=True) for n, v in zip(names, values, strict=True)}


def weights_of(strategy, values=(1.0, 2.0, 3.0)):
    """The factors that a loss-level strategy puts before the losses: its derivatives."""
    losses = losses_from(values)
    strategy.combine(losses).backward()
    return [float(loss.grad) for loss in losses.values()]


@pytest.mark.parametrize("cls", ALL)
def test_every_weighting_keeps_its_contract(cls):
    check_weighting(cls)


@pytest.mark.parametrize("cls", LOSS_LEVEL)
def test_the_sum_of_the_terms_is_what_is_differentiated(cls):
    strategy = cls(ABC)
    losses = losses_from([1.0, 2.0, 3.0])
    terms = strategy.transform(losses)
    assert list(terms) == ["a", "b", "c"]
    assert torch.allclose(strategy.combine(losses), sum(terms.values()))


@pytest.mark.parametrize("cls", LOSS_LEVEL)
def test_a_tasks_term_depends_on_its_own_loss_alone(cls):
    strategy = cls(ABC)
    losses = losses_from([1.0, 2.0, 3.0])
    alone = strategy.transform({"b": losses["b"]})
    assert list(alone) == ["b"]
    assert torch.equal(alone["b"], strategy.transform(losses)["b"])


@pytest.mark.parametrize("cls", LOSS_LEVEL)
def test_permuting_the_tasks_permutes_the_terms(cls):
    values = {"a": 1.0, "b": 2.0, "c": 5.0}
    history = {"a": [4.0, 2.0], "b": [3.0, 2.9], "c": [1.0, 1.5]}

    def terms(order):
        strategy = cls(WeightingContext(tuple(order), frozenset("b")))
        strategy.epoch(EpochInfo(2, 9, {t: history[t] for t in order}))
        found = strategy.transform({t: torch.tensor(values[t]) for t in order})
        return {t: float(found[t].detach()) for t in "abc"}

    assert terms("cab") == pytest.approx(terms("abc"), rel=1e-6)


# --- equal and fixed


def test_equal_weights_are_one():
    assert weights_of(Equal(ABC)) == [1.0, 1.0, 1.0]


def test_fixed_weights_are_those_given_and_one_elsewhere():
    assert weights_of(Fixed(ABC, a=5.0, c=0.25)) == [5.0, 1.0, 0.25]


def test_fixed_takes_its_weights_from_the_methods_name(registry):
    components = resolve_weighting("fixed:a=5,c=0.25", registry, ["a", "b", "c"])
    assert weights_of(build_strategy(components, ABC).last) == [5.0, 1.0, 0.25]


# --- DWA


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


# --- uncertainty


@given(loss=positive, s=st.floats(-3, 3))
def test_uncertainty_follows_kendalls_formulas_of_both_kinds(loss, s):
    strategy = Uncertainty(WeightingContext(("depth", "seg"), frozenset({"depth"})), init=s)
    sigma = math.exp(s / 2)
    terms = strategy.transform({"depth": torch.tensor(loss), "seg": torch.tensor(loss)})
    regression = loss / (2 * sigma**2) + math.log(sigma)
    classification = loss / sigma**2 + math.log(sigma)
    assert float(terms["depth"].detach()) == pytest.approx(regression, rel=1e-5, abs=1e-5)
    assert float(terms["seg"].detach()) == pytest.approx(classification, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize(("task", "loss"), [("depth", 0.3), ("seg", 0.3), ("depth", 8.0)])
def test_uncertainty_settles_where_its_formula_is_least(task, loss):
    """σ² = L for regression and 2·L for classification, where the derivative is 0."""
    strategy = Uncertainty(WeightingContext((task,), frozenset({"depth"})))
    optimizer = build_optimizer(
        Optimizer("sgd", lr=0.5, weight_decay=0.9),
        [torch.nn.Parameter(torch.ones(1))],
        strategy.parameters(),
    )
    for _ in range(300):
        optimizer.zero_grad()
        strategy.combine({task: torch.tensor(loss)}).backward()
        optimizer.step()
    variance = math.exp(float(strategy.log_variance[task].detach()))
    assert variance == pytest.approx(loss if task == "depth" else 2 * loss, rel=1e-4)


def test_uncertainty_learns_one_number_a_task_starting_at_the_option():
    strategy = Uncertainty(ABC, init=-1.5)
    found = {name: float(p.detach()) for name, p in strategy.named_parameters()}
    assert found == {f"log_variance.{t}": -1.5 for t in "abc"}


# --- PCGrad


def pcgrad_by_hand(jacobian, orders, *, own=False):
    """T. Yu et al., NeurIPS 2020, algorithm 1, on the vectors themselves."""
    total = np.zeros(jacobian.shape[1])
    for i, order in enumerate(orders):
        gradient = jacobian[i].copy()
        for j in order:
            if j == i and not own:
                continue
            product = gradient @ jacobian[j]
            if product < 0:
                gradient -= product / (jacobian[j] @ jacobian[j]) * jacobian[j]
        total += gradient
    return total


def random_jacobian(count, seed, columns=None):
    return np.random.default_rng([count, seed]).normal(size=(count, columns or count + 2))


def orders_of(count, seed):
    torch.manual_seed(seed)
    return [torch.randperm(count).tolist() for _ in range(count)]


def direction_of(cls, jacobian, seed=0):
    strategy = cls(WeightingContext(tuple(map(str, range(len(jacobian))))))
    torch.manual_seed(seed)
    weights = strategy.weights(torch.from_numpy(jacobian @ jacobian.T), {})
    assert weights.dtype == torch.float64
    return weights.numpy() @ jacobian


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 8), st.integers(0, 10**6))
def test_pcgrad_equals_the_papers_algorithm_on_vectors_in_the_same_order(count, seed):
    jacobian = random_jacobian(count, seed, columns=3)
    found = direction_of(PcGrad, jacobian, seed)
    expected = pcgrad_by_hand(jacobian, orders_of(count, seed))
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_pcgrad_never_projects_a_gradient_on_itself():
    """After other projections its product with itself can be negative: with three tasks, say."""
    telling = 0
    for seed in range(300):
        jacobian = random_jacobian(4, seed, columns=2)
        orders = orders_of(4, seed)
        without, with_own = (pcgrad_by_hand(jacobian, orders, own=own) for own in (False, True))
        if np.abs(without - with_own).max() > 1e-3:
            telling += 1
            assert direction_of(PcGrad, jacobian, seed) == pytest.approx(without, abs=1e-9)
    assert telling > 0


def test_pcgrad_projects_in_an_order_that_is_drawn_anew():
    jacobian = random_jacobian(5, 3, columns=3)
    found = {tuple(direction_of(PcGrad, jacobian, seed).round(9)) for seed in range(20)}
    assert len(found) > 5


def test_pcgrad_leaves_gradients_alone_that_do_not_conflict():
    jacobian = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [1.0, 1.0, 0.0]])
    assert direction_of(PcGrad, jacobian) == pytest.approx(jacobian.sum(axis=0))


def test_pcgrad_of_two_conflicting_tasks_conflicts_with_neither():
    for seed in range(20):
        jacobian = random_jacobian(2, seed)
        jacobian[1] -= 2 * jacobian[0]
        assert (jacobian @ direction_of(PcGrad, jacobian) >= -1e-12).all()


def test_pcgrad_does_not_divide_by_a_zero_gradient():
    jacobian = np.array([[1.0, 0.0], [0.0, 0.0], [-1.0, 1.0]])
    found = direction_of(PcGrad, jacobian)
    # g1 + ½·g3 and g3 + 1·g1, whatever the order; the zero gradient adds nothing
    assert found == pytest.approx(2 * jacobian[0] + 1.5 * jacobian[2])


# --- MGDA


@pytest.mark.parametrize("count", range(2, 7))
def test_mgdas_direction_conflicts_with_no_task(count):
    for seed in range(20):
        jacobian = random_jacobian(count, seed, columns=4)
        direction = direction_of(Mgda, jacobian)
        tolerance = 1e-9 * (jacobian**2).sum(axis=1).max()
        assert (jacobian @ direction >= direction @ direction - tolerance).all()


@pytest.mark.parametrize("count", range(2, 7))
def test_permuting_the_tasks_permutes_mgdas_weights(count):
    strategy = Mgda(WeightingContext(tuple("abcdef"[:count])))
    for seed in range(10):
        jacobian = torch.from_numpy(random_jacobian(count, seed, columns=12))
        order = torch.from_numpy(np.random.default_rng(seed).permutation(count))
        plain = strategy.weights(jacobian @ jacobian.T, {})
        permuted = strategy.weights(jacobian[order] @ jacobian[order].T, {})
        assert torch.allclose(permuted, plain[order], atol=1e-9)


def test_mgda_stands_still_where_a_task_has_no_gradient():
    jacobian = random_jacobian(4, 0)
    jacobian[2] = 0
    assert direction_of(Mgda, jacobian).tolist() == [0.0] * 6


def test_what_the_weights_sum_to_is_as_stated():
    gramian = torch.from_numpy(np.cov(random_jacobian(3, 0, columns=9)))
    assert float(Mgda(ABC).weights(gramian, {}).sum()) == pytest.approx(1)
    assert (Mgda.sums_to, Equal.sums_to, DynamicWeightAverage.sums_to) == ("1", "T", "T")
    assert sum(weights_of(Equal(ABC))) == 3


def test_mgdas_weights_change_continuously_on_the_way_from_conflict_to_agreement():
    weights = []
    for cosine in np.linspace(-1, 1, 41):
        gramian = torch.tensor([[1.0, 2 * cosine], [2 * cosine, 4.0]], dtype=torch.float64)
        weights.append(float(Mgda(WeightingContext("ab")).weights(gramian, {})[0]))
    assert weights[0] == pytest.approx(2 / 3)
    assert weights[-1] == 1.0
    assert all(0 <= later - earlier < 0.05 for earlier, later in pairwise(weights))
