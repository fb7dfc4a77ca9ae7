import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchbed import WeightingContext
from benchbed.basics.errors import RunError
from benchbed.discovery.method import resolve_weighting
from benchbed.engine.gradients import Backward
from benchbed.engine.strategy import build_strategy
from benchbed.testing import WeightingContract
from tests.zoo.weightings import checks
from tests.zoo.weightings.checks import KINDS, every_count, every_kind
from tests.zoo.weightings.row_checks import assert_close, direction, some_losses


class TestDbMtl(WeightingContract):
    id = "db-mtl"
    options = {"beta": 0.5, "sigma": 0.5}


def equally_long(average):
    lengths = np.linalg.norm(average, axis=1)
    some = lengths > 0.0
    return (lengths.max() / lengths[some]) @ average[some]


@every_kind
@every_count
@pytest.mark.parametrize("sigma", [0.0, 0.5])
def test_it_is_the_papers_algorithm_on_the_vectors(kind, count, sigma):
    strategy, average = checks.make(f"db-mtl:beta=0.8,sigma={sigma}", count), 0.0
    for step in range(1, 5):
        jacobian, beta = KINDS[kind](count, step), 0.8 / step**sigma
        average = beta * average + (1 - beta) * jacobian
        assert_close(direction(strategy, jacobian), equally_long(average), 1e-10)


@every_kind
@every_count
def test_without_memory_each_gradient_has_the_length_of_the_longest(kind, count):
    jacobian = KINDS[kind](count)
    lengths = np.linalg.norm(jacobian, axis=1)
    units = jacobian / np.where(lengths > 0.0, lengths, 1.0)[:, None]
    expected = lengths.max() * units.sum(axis=0)
    assert_close(direction(checks.make("db-mtl:beta=0", count), jacobian), expected, 1e-10)


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_gradients_are_those_of_the_logarithm_whatever_the_losses_unit(loss, unit):
    strategy = checks.make("db-mtl", 2)
    x = torch.tensor(loss, dtype=torch.float64, requires_grad=True)
    found = strategy.transform({"t1": unit * x})
    assert list(found) == ["t1"]
    found["t1"].backward()
    assert float(found["t1"].detach()) == pytest.approx(np.log(loss * unit), abs=1e-9)
    assert float(x.grad) == pytest.approx(1 / loss)


def test_a_loss_of_zero_adds_nothing_and_a_negative_one_is_refused():
    strategy = checks.make("db-mtl", 2)
    x = torch.tensor(0.0, requires_grad=True)
    strategy.transform({"t0": x})["t0"].backward()
    assert x.grad == 0.0
    with pytest.raises(RunError, match="'t1' is -0.5"):
        strategy.transform({"t0": torch.tensor(1.0), "t1": torch.tensor(-0.5)})


def test_the_engine_steps_along_it_and_gives_heads_their_gradient_of_the_logarithm():
    torch.manual_seed(0)
    net = torch.nn.ModuleDict(
        {name: torch.nn.Linear(3, size) for name, size in (("trunk", 3), ("t0", 1), ("t1", 1))}
    ).double()
    x = torch.randn(5, 3, dtype=torch.float64)
    losses = {t: (100.0 * net[t](net["trunk"](x))).square().mean() for t in ("t0", "t1")}
    shared, heads = list(net["trunk"].parameters()), {t: list(net[t].parameters()) for t in losses}
    logs = {t: loss.log() for t, loss in losses.items()}
    rows = np.stack(
        [flat(torch.autograd.grad(v, shared, retain_graph=True)) for v in logs.values()]
    )
    own = {t: flat(torch.autograd.grad(v, heads[t], retain_graph=True)) for t, v in logs.items()}
    components = resolve_weighting("db-mtl:beta=0", checks.ZOO, list(losses))
    Backward(build_strategy(components, WeightingContext(tuple(losses))), net)(losses)
    assert_close(flat([p.grad for p in shared]), equally_long(rows), 1e-10)
    for task, expected in own.items():
        assert_close(flat([p.grad for p in heads[task]]), expected, 1e-10)


def flat(tensors):
    return torch.cat([t.flatten() for t in tensors]).numpy()


def test_an_absent_task_keeps_its_average_and_its_place_in_the_schedule():
    strategy = checks.make("db-mtl:beta=0.9,sigma=1", 3)
    one, two, three = (checks.random(3, seed) for seed in range(3))
    direction(strategy, one)
    found = direction(strategy, two[:2], some_losses([2, 0]))
    average = 0.1 * one
    average[[2, 0]] = 0.45 * average[[2, 0]] + 0.55 * two[:2]
    assert_close(found, equally_long(average[[2, 0]]), 1e-10)
    beta = np.array([[0.3], [0.45], [0.3]])
    assert_close(
        direction(strategy, three), equally_long(beta * average + (1 - beta) * three), 1e-10
    )


def test_a_task_without_any_gradient_so_far_adds_nothing():
    jacobian = checks.zero_row(3)
    found = direction(checks.make("db-mtl", 3), jacobian)
    assert_close(found, direction(checks.make("db-mtl", 2), jacobian[[0, 2]]), 1e-12)
    assert direction(checks.make("db-mtl", 3), 0.0 * jacobian).tolist() == [0.0] * 6


def test_a_factor_scales_the_direction_and_an_order_leaves_it():
    jacobian = checks.random(5)
    plain = direction(checks.make("db-mtl", 5), jacobian)
    assert_close(direction(checks.make("db-mtl", 5), 1e5 * jacobian), 1e5 * plain, 1e-12)
    assert_close(direction(checks.make("db-mtl", 5), jacobian[[2, 0, 4, 3, 1]]), plain, 1e-12)


def test_its_state_is_kept_by_name():
    strategy, other = checks.make("db-mtl", 3), checks.make("db-mtl", 3)
    direction(strategy, checks.random(3))
    other.load_state_dict(strategy.state_dict())
    jacobian = checks.random(3, 1)
    assert direction(other, jacobian).tolist() == direction(strategy, jacobian).tolist()
