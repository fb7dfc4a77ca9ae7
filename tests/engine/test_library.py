import numpy as np
import pytest
import torch
from torch import nn

from benchbed import BenchbedError, EpochInfo, aggregate, backward, make_weighting
from benchbed.engine.gradients import Backward
from tests.engine.helpers import full_gradients, gradients, losses_of, random_wired


@pytest.fixture(autouse=True)
def toys_installed(monkeypatch, registry):
    monkeypatch.setattr("benchbed.engine.library.discover", lambda: registry)


JACOBIAN = torch.tensor([[1.0, 0.0, 2.0], [-1.0, 1.0, 0.0]])


def test_aggregate_at_gramian_level_is_the_weighted_sum_of_the_rows():
    # G = [[5, -1], [-1, 2]]: the shortest w·G·w has w = (2+1, 5+1) / (5+2+2)
    weights = torch.tensor([1 / 3, 2 / 3])
    direction, found = aggregate("mgda", JACOBIAN, return_weights=True)
    assert torch.allclose(found, weights)
    assert torch.allclose(direction, weights @ JACOBIAN)
    assert torch.equal(aggregate("mgda", JACOBIAN), direction)


def test_aggregate_projects_conflicting_rows_by_pcgrad():
    # g1·g2 = -1: g1 + g2/2 and g2 + g1/5, whatever the order
    expected = (1 + 1 / 5) * JACOBIAN[0] + (1 + 1 / 2) * JACOBIAN[1]
    assert torch.allclose(aggregate("pcgrad", JACOBIAN), expected)


def test_aggregate_gives_norm_balances_weights():
    expected = 2 / torch.tensor([5**0.5, 2**0.5])
    expected /= sum([5**-0.5, 2**-0.5])
    _, weights = aggregate("norm-balance", JACOBIAN, return_weights=True)
    assert torch.allclose(weights, expected)


def test_aggregate_at_jacobian_level_is_the_strategys_direction():
    assert torch.equal(aggregate("toy-average", JACOBIAN), JACOBIAN.mean(dim=0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("name", ["mgda", "toy-average"])
def test_aggregate_keeps_the_gradients_precision(name, dtype):
    assert aggregate(name, JACOBIAN.to(dtype)).dtype == dtype


@pytest.mark.parametrize("name", ["mgda", "pcgrad", "norm-balance", "toy-average"])
def test_aggregate_of_one_gradient_is_that_gradient(name):
    assert torch.allclose(aggregate(name, JACOBIAN[:1]), JACOBIAN[0])


def test_aggregate_does_not_change_its_argument():
    before = JACOBIAN.clone()
    for name in ("mgda", "pcgrad", "toy-average"):
        aggregate(name, JACOBIAN)
    assert torch.equal(JACOBIAN, before)


@pytest.mark.parametrize(
    "jacobian",
    [
        torch.ones(3),
        torch.ones(2, 3, 4),
        torch.ones(2, 0),
        torch.ones(0, 3),
        torch.ones(2, 3, dtype=torch.int64),
        torch.ones(2, 3, dtype=torch.complex64),
    ],
    ids=["vector", "three dimensions", "no columns", "no rows", "integers", "complex"],
)
def test_aggregate_refuses_what_is_no_matrix_of_real_numbers(jacobian):
    with pytest.raises(BenchbedError, match=r"wants a \(T, d\) matrix of floating-point gradients"):
        aggregate("mgda", jacobian)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_aggregate_refuses_gradients_that_are_not_finite(value):
    jacobian = JACOBIAN.clone()
    jacobian[1, 2] = value
    with pytest.raises(BenchbedError, match="finite gradients; a row holds NaN or infinity"):
        aggregate("mgda", jacobian)


@pytest.mark.parametrize("name", ["equal", "fixed", "dwa", "uncertainty", "fixed.mgda"])
def test_aggregate_refuses_strategies_that_look_at_losses(name):
    with pytest.raises(BenchbedError, match=rf"'{name}' decides from losses, not from gradients"):
        aggregate(name, JACOBIAN)


def test_aggregate_has_no_weights_to_return_at_jacobian_level():
    with pytest.raises(BenchbedError, match="'toy-average' works on single entries and has no"):
        aggregate("toy-average", JACOBIAN, return_weights=True)


def test_an_unknown_strategy_is_refused_with_the_nearest_name():
    with pytest.raises(BenchbedError, match=r"no weighting 'mgdaa'\. Did you mean 'mgda'"):
        aggregate("mgdaa", JACOBIAN)


@pytest.mark.parametrize("name", ["equal", "fixed:a=2,b=0.5", "mgda", "pcgrad", "norm-balance"])
def test_backward_by_name_does_what_the_trainer_does(name):
    net, scales = random_wired(2)
    assert {"a", "b"} <= set(scales)
    torch.manual_seed(1)
    weights = backward(losses_of(net, scales), net, name)
    found = gradients(net)
    net.zero_grad()
    torch.manual_seed(1)
    strategy = make_weighting(name, list(scales))
    expected = Backward(strategy, net)(losses_of(net, scales))
    assert (weights is None) == (expected is None)
    assert weights is None or torch.equal(weights, expected)
    for key, value in gradients(net).items():
        assert (value is None and found[key] is None) or torch.equal(value, found[key])


def test_backward_with_equal_weights_is_backward_of_the_sum():
    net, scales = random_wired(4)
    sum(losses_of(net, scales).values()).backward()
    expected = gradients(net)
    net.zero_grad()
    assert backward(losses_of(net, scales), net, "equal") is None
    for key, value in gradients(net).items():
        assert (value is None and expected[key] is None) or torch.allclose(value, expected[key])


def test_backward_with_mgda_steps_along_what_aggregate_returns():
    net, scales = random_wired(2)
    rows = full_gradients(losses_of(net, scales), dict(net.trunk.named_parameters()))
    jacobian = torch.stack(
        [torch.cat([g.flatten() for g in row.values()]) for row in rows.values()]
    )
    trunk_alone = nn.Module()
    trunk_alone.trunk = net.trunk
    weights = backward(losses_of(net, scales), trunk_alone, "mgda")
    direction, expected = aggregate("mgda", jacobian, return_weights=True)
    assert torch.allclose(weights, expected)
    found = torch.cat([p.grad.flatten() for p in net.trunk.parameters()])
    assert torch.allclose(found, direction)


def test_backward_with_a_strategy_keeps_its_state_from_step_to_step():
    net, scales = random_wired(2)
    strategy = make_weighting("toy-average", list(scales))
    backward(losses_of(net, scales), net, strategy)
    first = net.trunk.weight.grad.clone()
    net.zero_grad()
    backward(losses_of(net, scales), net, strategy)
    assert torch.allclose(net.trunk.weight.grad, 1.1 * first)


def test_a_made_strategy_has_a_state_dict_parameters_and_epochs():
    strategy = make_weighting("uncertainty:init=0.5", ["a", "b"], regression=["b"])
    assert [float(p.detach()) for p in strategy.parameters()] == [0.5, 0.5]
    assert strategy.last.context.regression == {"b"}
    strategy = make_weighting("dwa:T=1", ["a", "b"])
    strategy.epoch(EpochInfo(2, 5, {"a": [1.0, 1.0], "b": [1.0, 0.5]}))
    ratios = np.exp([1.0, 0.5])
    assert strategy.state_dict()["members.0.current"].tolist() == pytest.approx(
        (2 * ratios / ratios.sum()).tolist()
    )


@pytest.mark.parametrize("name", ["uncertainty", "dwa", "toy-average", "uncertainty.mgda"])
def test_a_strategy_with_state_is_refused_by_name_with_what_to_write(name):
    net, scales = random_wired(2)
    expected = rf"make_weighting\('{name}', \['a', 'b'"
    with pytest.raises(BenchbedError, match=expected):
        backward(losses_of(net, scales), net, name)
    assert not any(p.grad is not None for p in net.parameters())


def test_a_detached_loss_is_refused_by_its_name():
    net, scales = random_wired(2)
    losses = losses_of(net, scales)
    losses["b"] = losses["b"].detach()
    with pytest.raises(BenchbedError, match="loss of 'b' is detached"):
        backward(losses, net, "equal")


@pytest.mark.parametrize("value", [torch.ones(2, requires_grad=True), 1.0, None])
def test_a_loss_that_is_no_scalar_tensor_is_refused_by_its_name(value):
    net, scales = random_wired(2)
    with pytest.raises(BenchbedError, match="loss of 'b' must be a scalar tensor"):
        backward(losses_of(net, scales) | {"b": value}, net, "equal")


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_refused_by_its_name(factor):
    net, scales = random_wired(2)
    losses = losses_of(net, scales)
    losses["b"] = losses["b"] * factor
    with pytest.raises(BenchbedError, match=f"loss of 'b' is {factor}"):
        backward(losses, net, "equal")


def test_no_losses_at_all_are_refused():
    net, _ = random_wired(2)
    with pytest.raises(BenchbedError, match="losses by task, of at least one task"):
        backward({}, net, "equal")


def test_a_model_whose_tasks_share_nothing_is_refused():
    model = nn.ModuleDict({task: nn.Linear(2, 1) for task in "ab"})
    losses = {task: model[task](torch.ones(1, 2)).sum() for task in "ab"}
    with pytest.raises(BenchbedError, match="No trainable parameter is shared"):
        backward(losses, model, "mgda")
