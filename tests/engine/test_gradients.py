import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from benchbed import EpochInfo, Weighting, WeightingContext
from benchbed.basics.errors import ContractError
from benchbed.engine.combination import gramian
from benchbed.engine.gradients import Backward
from benchbed_zoo.weightings.dwa import DynamicWeightAverage
from benchbed_zoo.weightings.equal import Equal
from benchbed_zoo.weightings.fixed import Fixed
from benchbed_zoo.weightings.mgda import Mgda
from benchbed_zoo.weightings.pcgrad import PcGrad
from benchbed_zoo.weightings.uncertainty import Uncertainty
from tests.engine.helpers import (
    Wired,
    full_gradients,
    gradients,
    losses_of,
    random_wired,
    strategy_of,
)
from tests.toys import NormBalance, ToyAverage

seeds = st.integers(0, 10**6)
few = settings(max_examples=20, deadline=None)


class Ramp(Weighting):
    """Weights −1, 0.5, 2, …, so that an order mixed up shows."""

    level = "gramian"

    def weights(self, gramian, losses):
        return 1.5 * torch.arange(len(losses), dtype=torch.float64) - 1


class WeightedRamp(Ramp):
    heads = "weighted"


class Agreeing(Weighting):
    """The sum of the rows in each entry where their signs agree, else 0."""

    level = "jacobian"

    def direction(self, rows, losses):
        return {
            name: row.sum(0) * ((row > 0).all(0) | (row < 0).all(0)) for name, row in rows.items()
        }


class Seen(Weighting):
    """Keeps what it is given."""

    level = "jacobian"

    def direction(self, rows, losses):
        self.seen = {name: row.clone() for name, row in rows.items()}
        self.losses = dict(losses)
        return {name: row.sum(0) for name, row in rows.items()}


class SeenGramian(Weighting):
    """Keeps what it is given."""

    level = "gramian"

    def weights(self, gramian, losses):
        self.seen, self.losses = gramian.clone(), dict(losses)
        return torch.ones(len(losses))


def run(strategy, net, losses, *, seed=7):
    torch.manual_seed(seed)
    returned = Backward(strategy, net)(losses)
    return returned, gradients(net)


def full_jacobian(net, losses):
    """Which parameters two tasks reach, J (T, d) over them, and all gradients of each task."""
    found = full_gradients(losses, dict(net.named_parameters()))
    shared = [
        name
        for name, _ in net.named_parameters()
        if sum(rows[name] is not None for rows in found.values()) > 1
    ]
    parameters = dict(net.named_parameters())

    def flat(rows):
        parts = [torch.zeros_like(parameters[n]) if rows[n] is None else rows[n] for n in shared]
        return torch.cat([part.flatten() for part in parts])

    return shared, torch.stack([flat(rows) for rows in found.values()]), found


def flat_shared(grads, shared):
    return torch.cat([grads[name].flatten() for name in shared])


def assert_near(found, expected, relative=1e-6):
    """Within ``relative`` of the expected vector's length."""
    assert found.shape == expected.shape
    assert float((found - expected).norm()) <= relative * float(expected.norm()) + 1e-300


def assert_heads(net, grads, found, shared, factors):
    """A task's own parameters hold its gradient times its factor; what none reaches holds none."""
    for name, _ in net.named_parameters():
        if name in shared:
            continue
        reaching = [(t, rows[name]) for t, rows in found.items() if rows[name] is not None]
        if not reaching:
            assert grads[name] is None
        else:
            ((task, expected),) = reaching
            assert_near(grads[name], factors[task] * expected)


LOSS_LEVEL = {
    "equal": lambda tasks: [Equal],
    "fixed": lambda tasks: [
        Fixed(WeightingContext(tasks), **{t: i + 0.5 for i, t in enumerate(tasks)})
    ],
    "uncertainty": lambda tasks: [Uncertainty(WeightingContext(tasks, frozenset("a")), init=0.7)],
    "dwa": lambda tasks: [fed_dwa(tasks)],
    "fixed.uncertainty": lambda tasks: [
        Fixed(WeightingContext(tasks), a=3.0),
        Uncertainty(WeightingContext(tasks)),
    ],
}


def fed_dwa(tasks):
    strategy = DynamicWeightAverage(WeightingContext(tasks))
    history = {task: [1.0, 0.9 - 0.2 * i] for i, task in enumerate(tasks)}
    strategy.epoch(EpochInfo(2, 5, history))
    return strategy


@pytest.mark.parametrize("name", LOSS_LEVEL)
@few
@given(seed=seeds)
def test_loss_level_is_torchs_backward_of_the_combined_loss(name, seed):
    net, scales = random_wired(seed)
    strategy = strategy_of(*LOSS_LEVEL[name](tuple(scales)), tasks=tuple(scales))
    losses = losses_of(net, scales)
    for member in strategy.members:
        losses = member.transform(losses)
    sum(losses.values()).backward()
    expected = gradients(net)
    expected_own = gradients(strategy)
    net.zero_grad()
    strategy.zero_grad()
    returned, found = run(strategy, net, losses_of(net, scales))
    assert returned is None
    for key, value in expected.items():
        assert (value is None) == (found[key] is None)
        assert value is None or torch.allclose(found[key], value, rtol=1e-12, atol=1e-15)
    for key, value in gradients(strategy).items():
        assert torch.allclose(value, expected_own[key], rtol=1e-12)


def test_fixed_weights_give_the_gradient_of_the_weighted_sum():
    net, scales = random_wired(1)
    tasks = tuple(scales)
    losses = losses_of(net, scales)
    weights = {task: i + 0.5 for i, task in enumerate(tasks)}
    sum(weights[t] * loss for t, loss in losses.items()).backward()
    expected = gradients(net)
    net.zero_grad()
    strategy = strategy_of(Fixed(WeightingContext(tasks), **weights), tasks=tasks)
    _, found = run(strategy, net, losses_of(net, scales))
    for name, value in expected.items():
        assert (value is None and found[name] is None) or torch.allclose(found[name], value)


@pytest.mark.parametrize("cls", [Ramp, WeightedRamp, Mgda, PcGrad, NormBalance])
@few
@given(seed=seeds)
def test_gramian_level_equals_full_gradients_combined_by_hand(cls, seed):
    net, scales = random_wired(seed)
    strategy = strategy_of(cls, tasks=tuple(scales))
    losses = losses_of(net, scales)
    shared, jacobian, found = full_jacobian(net, losses)
    torch.manual_seed(7)
    detached = {task: loss.detach() for task, loss in losses.items()}
    weights = strategy.last.weights(jacobian @ jacobian.T, detached)
    returned, grads = run(strategy, net, losses_of(net, scales))
    assert_near(returned, weights)
    assert_near(flat_shared(grads, shared), weights @ jacobian)
    weighted = cls.heads == "weighted"
    factors = {t: w if weighted else 1.0 for t, w in zip(scales, weights.tolist(), strict=True)}
    assert_heads(net, grads, found, shared, factors)


@pytest.mark.parametrize("cls", [Agreeing, ToyAverage])
@few
@given(seed=seeds)
def test_jacobian_level_equals_the_full_jacobian_combined_by_hand(cls, seed):
    net, scales = random_wired(seed)
    shared, jacobian, found = full_jacobian(net, losses_of(net, scales))
    context = WeightingContext(tuple(scales))
    expected = cls(context).direction({"all": jacobian}, {})["all"]
    returned, grads = run(strategy_of(cls, tasks=tuple(scales)), net, losses_of(net, scales))
    assert returned is None
    assert_near(flat_shared(grads, shared), expected)
    assert_heads(net, grads, found, shared, dict.fromkeys(scales, 1.0))


def test_heads_own_and_weighted_differ_in_the_heads_alone():
    grads = {}
    for cls in (Ramp, WeightedRamp):
        net, scales = random_wired(3)
        _, grads[cls] = run(strategy_of(cls, tasks=tuple(scales)), net, losses_of(net, scales))
    for name in grads[Ramp]:
        if name.startswith("heads."):
            index = list(scales).index(name.split(".")[1])
            assert torch.allclose(grads[WeightedRamp][name], grads[Ramp][name] * (1.5 * index - 1))
        elif name.startswith("trunk."):
            assert torch.equal(grads[WeightedRamp][name], grads[Ramp][name])


def mtan_like():
    """Trunk: all; middle 0: a and b; middle 1: c alone."""
    torch.manual_seed(0)
    return Wired({"a": [0], "b": [0], "c": [1]}, 2), {"a": 1.0, "b": 3.0, "c": 0.2}


def test_a_module_that_two_of_three_tasks_share_has_a_zero_row_for_the_third():
    net, scales = mtan_like()
    strategy = strategy_of(Seen, tasks="abc")
    losses = losses_of(net, scales)
    _, jacobian, _ = full_jacobian(net, losses)
    run(strategy, net, losses)
    rows = strategy.last.seen
    assert list(rows) == ["trunk.weight", "trunk.bias", "middles.0.weight", "middles.0.bias"]
    assert rows["middles.0.weight"].shape == (3, 4, 4)
    assert not rows["middles.0.weight"][2].any()
    assert rows["middles.0.weight"][0].any()
    assert rows["middles.0.weight"][1].any()
    assert_near(torch.cat([row.flatten(1) for row in rows.values()], dim=1), jacobian)


def test_the_gramian_is_taken_over_all_parameters_that_any_two_tasks_share():
    net, scales = mtan_like()
    strategy = strategy_of(SeenGramian, tasks="abc")
    losses = losses_of(net, scales)
    _, jacobian, _ = full_jacobian(net, losses)
    run(strategy, net, losses)
    assert strategy.last.seen.dtype == torch.float64
    assert_near(strategy.last.seen, jacobian @ jacobian.T)
    assert {t: float(v) for t, v in strategy.last.losses.items()} == pytest.approx(
        {t: float(v.detach()) for t, v in losses.items()}
    )
    assert not any(value.requires_grad for value in strategy.last.losses.values())


@pytest.mark.parametrize("cls", [Equal, Ramp, WeightedRamp, Mgda, NormBalance, Agreeing])
def test_gradients_are_added_to_what_is_there(cls):
    net, scales = mtan_like()
    strategy = strategy_of(cls, tasks="abc")
    _, once = run(strategy, net, losses_of(net, scales))
    net.zero_grad()
    before = {name: torch.randn_like(p) for name, p in net.named_parameters()}
    for name, parameter in net.named_parameters():
        parameter.grad = before[name].clone()
    _, added = run(strategy, net, losses_of(net, scales))
    for name, value in once.items():
        assert torch.allclose(added[name], before[name] + value, rtol=1e-12)


class Biased(nn.Module):
    """A task's head with two biases, whose gradients torch returns as one and the same tensor."""

    def __init__(self):
        super().__init__()
        self.trunk = nn.Linear(3, 2)
        self.one = nn.Parameter(torch.zeros(2))
        self.two = nn.Parameter(torch.zeros(2))
        self.three = nn.Parameter(torch.zeros(2))
        self.double()

    def losses(self):
        features = self.trunk(torch.ones(4, 3, dtype=torch.float64))
        # three's gradient is a single 1, expanded
        return {
            "a": (features + (self.one + self.two)).pow(2).sum(),
            "b": features.sum() + self.three.sum(),
        }


@pytest.mark.parametrize("cls", [Ramp, WeightedRamp, Agreeing])
def test_gradients_that_torch_returns_as_one_tensor_still_accumulate_one_by_one(cls):
    torch.manual_seed(0)
    net = Biased()
    strategy = strategy_of(cls)
    _, once = run(strategy, net, net.losses())
    _, twice = run(strategy, net, net.losses())
    for name, value in once.items():
        assert torch.allclose(twice[name], 2 * value), name


def test_each_parameters_gradient_has_memory_of_its_own():
    torch.manual_seed(0)
    net = Biased()
    run(strategy_of(Ramp), net, net.losses())
    net.one.grad.zero_()
    assert net.two.grad.any()
    net.three.grad.add_(1)


@pytest.mark.parametrize("cls", [Ramp, WeightedRamp, Agreeing])
def test_tasks_need_no_parameters_of_their_own(cls):
    weight = nn.Parameter(torch.tensor([1.0, 2.0], dtype=torch.float64))
    model = nn.ParameterList([weight])
    losses = {"a": weight[0] ** 2, "b": weight[0] * weight[1]}
    Backward(strategy_of(cls), model)(losses)
    # gradients (2, 0) and (2, 1); Ramp weighs them -1 and 0.5, Agreeing adds the first entries
    assert weight.grad.tolist() == ([4.0, 0.0] if cls is Agreeing else [-1.0, 0.5])


def test_parameters_without_a_gradient_keep_none():
    net, scales = mtan_like()
    losses = losses_of(net, scales)
    del losses["c"]
    for cls in (Equal, Ramp, Agreeing):
        net.zero_grad()
        _, grads = run(
            strategy_of(cls, tasks="ab"), net, {t: losses_of(net, scales)[t] for t in "ab"}
        )
        assert [name for name, value in grads.items() if value is None] == [
            "middles.1.weight",
            "middles.1.bias",
            "heads.c.weight",
            "heads.c.bias",
        ]


def test_a_task_left_out_is_in_neither_the_gramian_nor_the_update():
    net, scales = mtan_like()
    strategy = strategy_of(SeenGramian, tasks="abc")
    backward = Backward(strategy, net)
    assert backward(losses_of(net, scales)).shape == (3,)
    net.zero_grad()
    losses = losses_of(net, scales)
    _, jacobian, found = full_jacobian(net, {task: losses[task] for task in "ac"})
    assert backward({task: losses[task] for task in "ac"}).shape == (2,)
    assert list(strategy.last.losses) == ["a", "c"]
    assert_near(strategy.last.seen, jacobian @ jacobian.T)
    grads = gradients(net)
    assert grads["heads.b.weight"] is None
    assert_near(grads["middles.0.weight"], found["a"]["middles.0.weight"])


@pytest.mark.parametrize("cls", [Equal, Ramp, WeightedRamp, Mgda, PcGrad, NormBalance, Agreeing])
def test_one_active_task_is_trained_plainly(cls):
    net, scales = mtan_like()
    losses_of(net, scales)["b"].backward()
    expected = gradients(net)
    net.zero_grad()
    returned, found = run(strategy_of(cls, tasks="abc"), net, {"b": losses_of(net, scales)["b"]})
    assert returned is None
    for name, value in expected.items():
        assert (value is None and found[name] is None) or torch.equal(found[name], value)


@pytest.mark.parametrize("cls", [Equal, Ramp, Agreeing])
def test_no_active_task_leaves_every_gradient_alone(cls):
    net, _ = mtan_like()
    returned, grads = run(strategy_of(cls, tasks="abc"), net, {})
    assert returned is None
    assert not any(value is not None for value in grads.values())


@pytest.mark.parametrize("cls", [Mgda, PcGrad, Agreeing])
def test_tasks_that_share_nothing_are_refused_by_a_sentence(cls):
    nets = {task: nn.Linear(2, 1) for task in "ab"}
    net = nn.ModuleDict(nets)
    losses = {task: net[task](torch.ones(1, 2)).sum() for task in "ab"}
    with pytest.raises(
        ContractError, match=rf"shared by the losses of a, b, so {cls.__name__} has"
    ):
        run(strategy_of(cls), net, losses)


@pytest.mark.parametrize("cls", [Mgda, PcGrad, Agreeing])
def test_a_frozen_trunk_is_refused_by_a_sentence_that_says_to_unfreeze(cls):
    torch.manual_seed(0)
    net = Wired({"a": [], "b": []}, 0)
    net.trunk.requires_grad_(False)
    with pytest.raises(ContractError, match="or unfreeze the shared part"):
        run(strategy_of(cls), net, losses_of(net, {"a": 1.0, "b": 1.0}))


def test_a_frozen_trunk_trains_its_heads_under_loss_level():
    torch.manual_seed(0)
    net = Wired({"a": [], "b": []}, 0)
    net.trunk.requires_grad_(False)
    _, grads = run(strategy_of(Equal), net, losses_of(net, {"a": 1.0, "b": 1.0}))
    assert grads["trunk.weight"] is None
    assert grads["heads.a.weight"].any()


def test_uncertaintys_parameters_get_the_gradient_of_the_formula():
    net, scales = mtan_like()
    strategy = strategy_of(
        Uncertainty(WeightingContext("abc", frozenset("b")), init=0.4), tasks="abc"
    )
    losses = losses_of(net, scales)
    run(strategy, net, losses)
    s = torch.tensor(0.4).double()  # the parameter is made in float32
    for task, parameter in strategy.last.log_variance.items():
        factor = 0.5 if task == "b" else 1.0
        expected = 0.5 - factor * float(losses[task].detach()) * torch.exp(-s)
        assert float(parameter.grad) == pytest.approx(float(expected), rel=1e-6)


def test_a_step_of_one_task_leaves_the_other_tasks_uncertainty_alone():
    net, scales = mtan_like()
    strategy = strategy_of(Uncertainty, tasks="abc")
    run(strategy, net, {"a": losses_of(net, scales)["a"]})
    assert {t: p.grad is None for t, p in strategy.last.log_variance.items()} == {
        "a": False,
        "b": True,
        "c": True,
    }


@pytest.mark.parametrize("cls", [Ramp, Seen])
def test_a_composition_gives_the_last_member_the_transformed_losses_gradients(cls):
    net, scales = mtan_like()
    fixed = Fixed(WeightingContext("abc"), a=2.0, b=0.5, c=4.0)
    _, composed = run(strategy_of(fixed, cls, tasks="abc"), net, losses_of(net, scales))
    net.zero_grad()
    scaled = {"a": 2.0 * scales["a"], "b": 0.5 * scales["b"], "c": 4.0 * scales["c"]}
    _, direct = run(strategy_of(cls, tasks="abc"), net, losses_of(net, scaled))
    for name, value in direct.items():
        assert torch.allclose(composed[name], value, rtol=1e-10)


def test_uncertainty_before_a_gramian_strategy_still_learns():
    net, scales = mtan_like()
    strategy = strategy_of(Uncertainty, Mgda, tasks="abc")
    run(strategy, net, losses_of(net, scales))
    assert all(p.grad is not None and p.grad != 0 for p in strategy.parameters())


def wrong(level, value):
    """A strategy of a level that returns ``value(tasks, rows)``."""

    class Wrong(Weighting):
        def combine(self, losses):
            return value(losses, None)

        def weights(self, gramian, losses):
            return value(losses, gramian)

        def direction(self, rows, losses):
            return value(losses, rows)

    Wrong.level = level
    return Wrong


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda losses, _: torch.stack(list(losses.values())), r"scalar tensor, got \(3,\)"),
        (lambda losses, _: 1.0, "scalar tensor, got float"),
        (lambda losses, _: losses, "scalar tensor, got dict"),
    ],
)
def test_what_combine_returns_must_be_a_scalar_tensor(value, message):
    net, scales = mtan_like()
    with pytest.raises(ContractError, match=rf"Wrong\.combine must return a {message}"):
        run(strategy_of(wrong("loss", value), tasks="abc"), net, losses_of(net, scales))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda *_: torch.ones(2), r"must return a tensor of shape \(3,\), got \(2,\)"),
        (lambda *_: torch.ones(3, 1), r"must return a tensor of shape \(3,\), got \(3, 1\)"),
        (lambda *_: [1.0, 1.0, 1.0], r"must return a tensor of shape \(3,\), got list"),
        (lambda *_: torch.tensor([1.0, float("nan"), 1.0]), "a weight that is not finite"),
        (lambda *_: torch.tensor([1.0, float("inf"), 1.0]), "a weight that is not finite"),
    ],
)
def test_what_weights_returns_must_be_one_finite_weight_a_task(value, message):
    net, scales = mtan_like()
    with pytest.raises(ContractError, match=rf"Wrong\.weights .*{message}"):
        run(strategy_of(wrong("gramian", value), tasks="abc"), net, losses_of(net, scales))


def only_first(_, rows):
    name = next(iter(rows))
    return {name: rows[name].sum(0)}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda _, rows: list(rows.values()), "must return one tensor for each name in rows"),
        (only_first, "must return one tensor for each name in rows"),
        (
            lambda _, rows: (
                {name: row.sum(0) for name, row in rows.items()} | {"more": torch.ones(1)}
            ),
            "must return one tensor for each name in rows",
        ),
        (lambda _, rows: dict(rows), r"returned shape \(3, 4, 3\) for 'trunk.weight', which has"),
        (
            lambda _, rows: {name: row.sum(0).tolist() for name, row in rows.items()},
            "must return one tensor for each name in rows",
        ),
    ],
    ids=["list", "one missing", "one too many", "rows not combined", "no tensors"],
)
def test_what_direction_returns_must_be_one_tensor_of_its_shape_a_parameter(value, message):
    net, scales = mtan_like()
    with pytest.raises(ContractError, match=rf"Wrong\.direction {message}"):
        run(strategy_of(wrong("jacobian", value), tasks="abc"), net, losses_of(net, scales))


def rows_of(seed, dtype, tasks=4):
    generator = torch.Generator().manual_seed(seed)
    shapes = [(5, 3), (5,), (2, 5, 1)]
    return [
        [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in shapes]
        for _ in range(tasks)
    ]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@few
@given(seed=seeds)
def test_the_gramian_is_j_times_its_transpose_in_float64_for_every_precision(dtype, seed):
    rows = rows_of(seed, dtype)
    jacobian = torch.stack([torch.cat([g.flatten() for g in row]).double() for row in rows])
    found = gramian(rows)
    assert found.dtype == torch.float64
    norms = jacobian.norm(dim=1)
    assert float(((found - jacobian @ jacobian.T).abs() / torch.outer(norms, norms)).max()) <= 1e-6
