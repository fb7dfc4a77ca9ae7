"""``benchbed.backward`` and ``benchbed.aggregate`` as a loop of one's own uses them."""

import copy
import sys
import warnings
import weakref

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.checkpoint import checkpoint

import benchbed
from benchbed import (
    Architecture,
    BenchbedError,
    Input,
    Spec,
    Weighting,
    aggregate,
    backward,
    hookimpl,
    make_weighting,
)
from benchbed.contracts.architecture import BuildContext
from benchbed.engine.gradients import Backward
from tests import regimes
from tests.engine.helpers import full_gradients, losses_of, random_wired

TASKS = ("a", "b", "c")


class Asked(Weighting):
    """Gramian level: counts in its state how often it was asked."""

    level = "gramian"

    def __init__(self, context):
        super().__init__(context)
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def weights(self, gramian, losses):
        self.count += 1
        lengths = gramian.diag()
        return 3 - lengths / lengths.sum()


class ByLoss(Weighting):
    """Gramian level: each task's weight is its loss."""

    level = "gramian"

    def weights(self, gramian, losses):
        return torch.stack([losses[task] for task in losses]).double()


class Agreeing(Weighting):
    """Jacobian level: the sum of the rows where all signs agree, half the first one elsewhere."""

    level = "jacobian"

    def direction(self, rows, losses):
        return {
            name: torch.where((row > 0).all(0) | (row < 0).all(0), row.sum(0), 0.5 * row[0])
            for name, row in rows.items()
        }


@hookimpl
def benchbed_weightings():
    made = {"asked": Asked, "by-loss": ByLoss, "agreeing": Agreeing}
    return [
        Spec(
            name,
            "1.0",
            f"tests.engine.test_library_loop:{cls.__name__}",
            traits=frozenset({cls.level}),
        )
        for name, cls in made.items()
    ]


@pytest.fixture(autouse=True)
def installed(monkeypatch, registry):
    """The toys' and the regimes' weightings can be named, and so can those of this file."""
    registry.add_plugin(regimes, "regimes", "regimes", "1.0")
    registry.add_plugin(sys.modules[__name__], "loop", "loop", "1.0")
    monkeypatch.setattr("benchbed.engine.library.discover", lambda: registry)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


class Net(Architecture):
    """A trunk of two layers, the last one shared by all, and a linear head a task."""

    def __init__(self, width=16, tasks=TASKS):
        super().__init__(BuildContext({}, Input((8,))))
        self.trunk = nn.Sequential(nn.Linear(8, width), nn.Tanh(), nn.Linear(width, width))
        self.heads = nn.ModuleDict({task: nn.Linear(width, 2) for task in tasks})

    def forward(self, x, tasks=None):
        self.kept = self.trunk(x)
        features = torch.tanh(self.kept)
        return {t: head(features) for t, head in self.heads.items() if tasks is None or t in tasks}

    def representation(self):
        return self.kept

    def last_shared(self):
        return self.trunk[2].parameters()


def batch(count=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 8, generator=generator)
    return x, torch.randn(count, 2, generator=generator)


def losses_on(net, x, y, *, dtype=None):
    """Each task's loss, on another scale each; under autocast to ``dtype``."""
    with torch.autocast("cpu", dtype=dtype or torch.bfloat16, enabled=dtype is not None):
        outputs = net(x)
    return {
        task: 3**i * (output.float() - (i + 1) * y).square().mean()
        for i, (task, output) in enumerate(outputs.items())
    }


def gradient(*modules):
    """``.grad`` of all parameters of modules as one vector; zeros where there is none."""
    parts = [
        torch.zeros(p.numel()) if p.grad is None else p.grad.flatten().float()
        for module in modules
        for p in module.parameters()
    ]
    return torch.cat(parts)


def assert_near(found, expected, relative=1e-6):
    assert bool(torch.isfinite(found).all())
    assert float((found - expected).norm()) <= relative * float(expected.norm())


def no_gradient(net):
    """Tell whether nothing is to be stepped along: zeros may stand where something waits."""
    return all(p.grad is None or not p.grad.any() for p in net.parameters())


def shared_jacobian(net, losses):
    """The tasks' gradients of the trunk, ``(T, d)``."""
    rows = full_gradients(losses, dict(net.trunk.named_parameters()))
    return torch.stack([torch.cat([g.flatten() for g in row.values()]) for row in rows.values()])


LEVELS = ["equal", "geometric", "mgda", "norm-balance", "toy-average"]
"""Strategies without parameters: two of the loss level, two of the Gramian's, one Jacobian's."""
AT = ["at-last", "at-representation"]
LEARNED = ["uncertainty", "uncertainty.mgda", "uncertainty.norm-balance"]


def step(name, *, scale=0.0, dtype=None, change=None, strategy=None):
    """One backward of a new net; unscaled gradients of the net and of the strategy."""
    torch.manual_seed(0)
    net = Net()
    strategy = strategy or make_weighting(name, TASKS)
    optimizer = torch.optim.SGD([*net.parameters(), *strategy.parameters()], lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=scale) if scale else None
    losses = losses_on(net, *batch(), dtype=dtype)
    backward(change(net, losses) if change else losses, net, strategy, scaler=scaler)
    if scaler is not None:
        scaler.unscale_(optimizer)
    return gradient(net), gradient(strategy) if list(strategy.parameters()) else torch.zeros(1)


# GradScaler.


@pytest.mark.parametrize("name", [*LEVELS, *AT, *LEARNED])
@pytest.mark.parametrize("dtype", [None, torch.bfloat16, torch.float16], ids=str)
def test_unscaled_gradients_are_those_without_a_scaler(name, dtype):
    expected = step(name, dtype=dtype)
    found = step(name, scale=2.0**10, dtype=dtype)
    # float16 loses small gradients unless they are scaled: that is what scalers are for
    tolerance = 2e-3 if dtype is torch.float16 else 1e-6
    for part, wanted in zip(found, expected, strict=True):
        assert_near(part, wanted, tolerance)


@pytest.mark.parametrize("name", [*LEVELS, *AT, *LEARNED])
@pytest.mark.parametrize("exponent", [40, 70])
def test_a_large_scale_that_overflows_no_gradient_changes_nothing(name, exponent):
    # squares of such gradients do overflow; scales grow that large in bfloat16
    expected = step(name)
    found = step(name, scale=2.0**exponent)
    for part, wanted in zip(found, expected, strict=True):
        assert_near(part, wanted)


@pytest.mark.parametrize("name", LEARNED)
def test_a_strategys_own_parameters_get_a_gradient(name):
    _, found = step(name)
    assert bool((found != 0).all())


@pytest.mark.parametrize("name", ["uncertainty.mgda", "uncertainty.toy-average"])
def test_a_strategys_parameters_get_a_gradient_after_the_losses_own_partition_was_asked_for(name):
    # as the trainer does where it logs the geometry of the losses' gradients
    net, strategy = Net(), make_weighting(name, TASKS)
    engine = Backward(strategy, net)
    losses = losses_on(net, *batch())
    engine.sweep(losses, keep=True)
    engine(losses)
    assert bool((gradient(strategy) != 0).all())


def overflowing(net, losses):
    return {task: 100.0 * loss for task, loss in losses.items()}


@pytest.mark.parametrize("name", [*LEVELS, *AT, *LEARNED, "asked"])
def test_where_gradients_overflow_the_step_is_skipped_and_the_scale_halves(name):
    net, strategy = Net(), make_weighting(name, TASKS)
    optimizer = torch.optim.SGD([*net.parameters(), *strategy.parameters()], lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)
    before = copy.deepcopy((net.state_dict(), strategy.state_dict()))
    backward(overflowing(net, losses_on(net, *batch())), net, strategy, scaler=scaler)
    scaler.step(optimizer)
    scaler.update()
    for old, now in zip(before, (net.state_dict(), strategy.state_dict()), strict=True):
        assert list(old) == list(now)
        for key, value in old.items():
            assert value == now[key] if isinstance(value, dict) else torch.equal(value, now[key])
    assert scaler.get_scale() == 2.0**126
    # the next step is a step
    scaler.update(2.0**10)
    optimizer.zero_grad()
    backward(losses_on(net, *batch()), net, strategy, scaler=scaler)
    scaler.step(optimizer)
    assert not torch.equal(before[0]["trunk.0.weight"], net.trunk[0].weight)


class WithOwn(Net):
    """The first task has a number of its own."""

    def __init__(self):
        super().__init__()
        self.number = nn.Parameter(torch.zeros(()))


def test_where_a_heads_gradient_alone_overflows_the_strategy_is_not_asked_either():
    net, strategy = WithOwn(), make_weighting("asked", TASKS)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**16)
    losses = losses_on(net, *batch())
    backward(losses | {"a": losses["a"] + 3e38 * net.number}, net, strategy, scaler=scaler)
    before = net.trunk[0].weight.clone()
    scaler.step(optimizer)
    assert torch.equal(net.trunk[0].weight, before)
    assert int(strategy.last.count) == 0


def test_a_disabled_scaler_is_none():
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    net = Net()
    backward(losses_on(net, *batch()), net, "mgda", scaler=scaler)
    found = gradient(net)
    net.zero_grad()
    backward(losses_on(net, *batch()), net, "mgda")
    assert torch.equal(gradient(net), found)


# Autocast.


@pytest.fixture
def layers_used(monkeypatch):
    """How many layers each sweep of the engine left to the hybrid Gramian."""
    calls = []
    plain = Backward.sweep

    def counted(self, losses, **options):
        calls.append(len(options.get("layers", ())))
        return plain(self, losses, **options)

    monkeypatch.setattr(Backward, "sweep", counted)
    return calls


@pytest.mark.parametrize("name", ["mgda", "norm-balance", "toy-average"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_under_autocast_the_update_is_that_of_full_gradients(layers_used, name, dtype):
    net = Net(width=128)
    losses = losses_on(net, *batch(2), dtype=dtype)
    expected = aggregate(name, shared_jacobian(net, losses))
    backward(losses, net, name if name != "toy-average" else make_weighting(name, TASKS))
    assert_near(gradient(net.trunk), expected)
    assert layers_used == [0]


def test_without_autocast_the_same_net_has_layers_for_the_hybrid_gramian(layers_used):
    net = Net(width=128)
    for _ in range(2):  # it is compared once for a model
        backward(losses_on(net, *batch(2)), net, "mgda")
    assert layers_used == [0, 2, 2]


@pytest.mark.parametrize("name", ["mgda", "norm-balance"])
@pytest.mark.parametrize("count", [3, 5])
def test_called_inside_of_autocast_weights_are_as_exact_as_outside(name, count):
    net = Net(tasks=[f"t{i}" for i in range(count)])
    losses = losses_on(net, *batch())
    jacobian = shared_jacobian(net, losses)  # torch's backward passes are rough inside of it
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = backward(losses, net, name)
    direction, weights = aggregate(name, jacobian, return_weights=True)
    assert_near(found, weights)
    assert_near(gradient(net.trunk), direction)


def test_aggregate_inside_of_autocast_is_as_exact_as_outside():
    jacobian = torch.randn(5, 100)
    expected = aggregate("mgda", jacobian)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = aggregate("mgda", jacobian)
    assert found.dtype == torch.float32
    assert_near(found, expected)


# Accumulation.


def accumulated(name, parts, *, scale=0.0, strategy=None, net=None):
    """Micro-batches of one batch, weighed once; unscaled gradients of net and strategy."""
    torch.manual_seed(0)
    net = net or Net()
    strategy = strategy or make_weighting(name, TASKS)
    optimizer = torch.optim.SGD([*net.parameters(), *strategy.parameters()], lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=scale) if scale else None
    x, y = batch()
    pieces = list(zip(x.chunk(parts), y.chunk(parts), strict=True))
    for number, (inputs, targets) in enumerate(pieces, start=1):
        losses = {t: loss / parts for t, loss in losses_on(net, inputs, targets).items()}
        more = number < parts
        weights = backward(losses, net, strategy, scaler=scaler, accumulate=more)
        assert weights is None or not more
        assert not more or no_gradient(net)
    if scaler is not None:
        scaler.unscale_(optimizer)
    return gradient(net), gradient(strategy) if list(strategy.parameters()) else torch.zeros(1)


@pytest.mark.parametrize("name", [*LEVELS, "at-last", *LEARNED, "pcgrad"])
@pytest.mark.parametrize("parts", [2, 4])
@pytest.mark.parametrize("scale", [0.0, 2.0**12])
def test_micro_batches_add_up_to_one_large_batch(name, parts, scale):
    for found, expected in zip(accumulated(name, parts, scale=scale), step(name), strict=True):
        assert_near(found, expected)


@pytest.mark.parametrize("name", ["asked", "toy-average"])
def test_the_strategy_is_asked_once_for_all_micro_batches(name):
    one, many = make_weighting(name, TASKS), make_weighting(name, TASKS)
    step(name, strategy=one)
    accumulated(name, 4, strategy=many)
    if name == "asked":
        assert int(many.last.count) == 1
    for key, value in one.last.memory.items() if name == "toy-average" else ():
        assert torch.allclose(many.last.memory[key], value, atol=1e-7)


def test_each_round_of_micro_batches_begins_anew():
    strategy = make_weighting("mgda", TASKS)
    first, _ = accumulated("mgda", 4, strategy=strategy)
    second, _ = accumulated("mgda", 2, strategy=strategy)
    third, _ = accumulated("mgda", 1, strategy=strategy)
    assert_near(second, first)
    assert_near(third, first)


@pytest.mark.parametrize("name", ["equal", "mgda", "toy-average"])
def test_accumulated_gradients_are_added_to_what_is_there(name):
    net, strategy = Net(), make_weighting(name, TASKS)
    once = step(name)[0]
    torch.manual_seed(0)
    net = Net()
    x, y = batch()
    half = {t: loss / 2 for t, loss in losses_on(net, x[:4], y[:4]).items()}
    backward(half, net, strategy, accumulate=True)
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    half = {t: loss / 2 for t, loss in losses_on(net, x[4:], y[4:]).items()}
    backward(half, net, strategy)
    assert_near(gradient(net) - 1, once, 1e-5)


@pytest.mark.parametrize("name", ["equal", "mgda", "toy-average"])
def test_one_task_accumulates_plainly(name):
    net, strategy = Net(), make_weighting(name, TASKS)
    (losses_on(net, *batch())["b"]).backward()
    expected = gradient(net)
    net.zero_grad()
    x, y = batch()
    for part in (slice(0, 4), slice(4, 8)):
        loss = losses_on(net, x[part], y[part])["b"] / 2
        backward({"b": loss}, net, strategy, accumulate=part.start == 0)
    assert_near(gradient(net), expected)


def test_where_a_micro_batch_overflows_the_strategy_is_not_asked():
    net, strategy = Net(), make_weighting("asked", TASKS)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)
    before = net.trunk[0].weight.clone()
    for more in (True, False):
        losses = overflowing(net, losses_on(net, *batch()))
        backward(losses, net, strategy, scaler=scaler, accumulate=more)
    scaler.step(optimizer)
    scaler.update()
    assert int(strategy.last.count) == 0
    assert torch.equal(net.trunk[0].weight, before)
    assert scaler.get_scale() == 2.0**126


@pytest.mark.parametrize("name", ["equal", "mgda", "toy-average"])
def test_accumulating_by_name_is_refused_with_what_to_write(name):
    net = Net()
    with pytest.raises(BenchbedError, match=rf"make_weighting\('{name}', \['a', 'b', 'c'\]\)"):
        backward(losses_on(net, *batch()), net, name, accumulate=True)
    assert no_gradient(net)


@pytest.mark.parametrize("name", ["mgda", "equal"])
def test_micro_batches_of_other_tasks_are_refused_and_dropped(name):
    net, strategy = Net(), make_weighting(name, TASKS)
    backward(losses_on(net, *batch()), net, strategy, accumulate=True)
    losses = losses_on(net, *batch())
    del losses["c"]
    with pytest.raises(BenchbedError, match="must have the same tasks .*what waited is dropped"):
        backward(losses, net, strategy)
    assert no_gradient(net)
    backward(losses_on(net, *batch()), net, strategy)  # waits for nothing any more
    assert_near(gradient(net), step(name)[0])


def cleared(how, net):
    """Clear gradients, or step, while micro-batches wait."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    if how == "stepped":
        net.heads["a"].bias.grad = torch.ones_like(net.heads["a"].bias)
        optimizer.step()
    else:
        optimizer.zero_grad(set_to_none=how == "none")


@pytest.mark.parametrize("first", [False, True], ids=["no gradients before", "gradients before"])
@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("none", "zero_grad.. was called while 2 micro-batches waited"),
        ("zeros", "zero_grad.. was called while 2 micro-batches waited"),
        ("stepped", "the parameters changed while 2 micro-batches waited"),
    ],
)
@pytest.mark.parametrize("name", ["mgda", "equal"])
def test_micro_batches_whose_gradients_are_gone_are_refused_and_dropped(name, how, sentence, first):
    net, strategy = Net(), make_weighting(name, TASKS)
    if first:
        backward(losses_on(net, *batch()), net, strategy)
    for _ in range(2):
        backward(losses_on(net, *batch()), net, strategy, accumulate=True)
    cleared(how, net)
    losses = losses_on(net, *batch())
    with pytest.raises(BenchbedError, match=sentence):
        backward(losses, net, strategy)
    assert benchbed.drop_accumulated(strategy) == 0


@pytest.mark.parametrize("name", ["mgda", "equal"])
def test_what_waits_can_be_dropped_and_then_counts_no_more(name):
    net, strategy = Net(), make_weighting(name, TASKS)
    torch.manual_seed(0)
    fresh = Net()
    net.load_state_dict(fresh.state_dict())
    for _ in range(3):
        backward(losses_on(net, *batch()), net, strategy, accumulate=True)
    torch.optim.SGD(net.parameters(), lr=0.1).zero_grad()
    assert benchbed.drop_accumulated(strategy) == 3
    assert all(parameter.grad is None for parameter in net.parameters())
    backward(losses_on(net, *batch()), net, strategy)
    backward(losses_on(fresh, *batch()), fresh, make_weighting(name, TASKS))
    assert torch.equal(gradient(net), gradient(fresh))


@pytest.mark.parametrize("name", ["mgda", "equal"])
def test_a_loss_of_ones_own_between_micro_batches_is_no_clearing(name):
    net, strategy = Net(), make_weighting(name, TASKS)
    backward(losses_on(net, *batch()), net, strategy, accumulate=True)
    sum(p.square().sum() for p in net.parameters()).backward()
    backward(losses_on(net, *batch()), net, strategy)
    assert not no_gradient(net)


class Sometimes(Net):
    """Its first task's head, or its trunk, has a layer that some batches skip."""

    def __init__(self):
        super().__init__()
        self.head_more, self.trunk_more = nn.Linear(16, 2), nn.Linear(8, 16)
        self.use = ""

    def forward(self, x, tasks=None):
        features = self.trunk(x) + (self.trunk_more(x) if self.use == "trunk" else 0)
        outputs = {task: head(features) for task, head in self.heads.items()}
        if self.use == "head":
            outputs["a"] = outputs["a"] + self.head_more(features)
        return outputs


@pytest.mark.parametrize("order", [(False, True), (True, False)], ids=["first not", "last not"])
@pytest.mark.parametrize("use", ["head", "trunk"])
def test_micro_batches_that_reach_other_parameters_are_refused(use, order):
    net, strategy = Sometimes(), make_weighting("mgda", TASKS)
    net.use = use if order[0] else ""
    backward(losses_on(net, *batch()), net, strategy, accumulate=True)
    net.use = use if order[1] else ""
    with pytest.raises(BenchbedError, match="reach the same parameters; what waited is dropped"):
        backward(losses_on(net, *batch()), net, strategy)
    assert no_gradient(net)


@pytest.mark.parametrize("name", ["at-representation", "three-batches"])
@pytest.mark.parametrize("more", [True, False])
def test_strategies_that_look_at_single_batches_cannot_accumulate(name, more):
    net, strategy = Net(), make_weighting(name, TASKS)
    if not more and name == "at-representation":
        backward(losses_on(net, *batch()), net, strategy)  # alone it works
        return
    with pytest.raises(BenchbedError, match="mini-batches"):
        backward(losses_on(net, *batch()), net, strategy, accumulate=more)
    assert no_gradient(net)


def test_what_waits_dies_with_the_strategy():
    net, strategy = Net(), make_weighting("mgda", TASKS)
    losses = losses_on(net, *batch())
    backward(losses, net, strategy, accumulate=True)
    alive, weight = weakref.ref(strategy), weakref.ref(net.trunk[0].weight)
    del net, losses, strategy
    assert alive() is None
    assert weight() is None


# Clipping, one task, adding to what is there.


@pytest.mark.parametrize("name", [*LEVELS, *AT])
def test_clipping_afterwards_bounds_the_whole_gradient(name):
    net = Net()
    backward(losses_on(net, *batch()), net, make_weighting(name, TASKS))
    before = gradient(net)
    assert float(before.norm()) > 0.01
    norm = nn.utils.clip_grad_norm_(net.parameters(), 0.01)
    assert float(norm) == pytest.approx(float(before.norm()), rel=1e-5)
    assert_near(gradient(net), 0.01 * before / before.norm(), 1e-4)


@pytest.mark.parametrize("name", [*LEVELS, *AT])
def test_one_task_is_plain_training(name):
    net = Net(tasks="a")
    losses_on(net, *batch())["a"].backward()
    expected = gradient(net)
    net.zero_grad()
    assert backward(losses_on(net, *batch()), net, make_weighting(name, ["a"])) is None
    assert_near(gradient(net), expected)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), name=st.sampled_from(["equal", "mgda", "norm-balance"]))
def test_by_name_gradients_are_added_to_what_is_there(seed, name):
    net, scales = random_wired(seed)
    backward(losses_of(net, scales), net, name)
    once = {n: None if p.grad is None else p.grad.clone() for n, p in net.named_parameters()}
    before = {n: torch.randn_like(p) for n, p in net.named_parameters()}
    for n, parameter in net.named_parameters():
        parameter.grad = before[n].clone()
    backward(losses_of(net, scales), net, name)
    for n, parameter in net.named_parameters():
        expected = before[n] if once[n] is None else before[n] + once[n]
        assert torch.allclose(parameter.grad, expected, rtol=1e-12, atol=1e-12), n


# Refusals.

GRADIENT_LEVELS = ["mgda", "norm-balance", "toy-average", "at-last", "at-representation"]


def refused(losses, net, name, match):
    strategy = make_weighting(name, TASKS)
    with pytest.raises(BenchbedError, match=match) as caught:
        backward(losses, net, strategy)
    assert str(caught.value).endswith(".")
    assert no_gradient(net)


@pytest.mark.parametrize("name", ["mgda", "norm-balance", "toy-average", "at-last"])
def test_losses_that_share_no_parameter_are_refused(name):
    one, two = Net(tasks="a"), Net(tasks="b")
    losses = losses_on(one, *batch()) | losses_on(two, *batch())
    match = "shared by the losses of a, b, .*use a loss-level weighting such as 'equal'"
    refused(losses, nn.ModuleList([one, two]), name, match)


@pytest.mark.parametrize("name", GRADIENT_LEVELS)
def test_a_frozen_encoder_is_refused(name):
    net = Net()
    net.trunk.requires_grad_(False)
    refused(losses_on(net, *batch()), net, name, "shared|representation")


def test_a_frozen_encoder_trains_its_heads_at_loss_level():
    net = Net()
    net.trunk.requires_grad_(False)
    backward(losses_on(net, *batch()), net, "equal")
    assert no_gradient(net.trunk)
    assert bool(gradient(net.heads).any())


@pytest.mark.parametrize("name", ["equal", *GRADIENT_LEVELS])
@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda losses: losses | {"b": losses["b"].detach()}, "loss of 'b' is detached"),
        (lambda losses: losses | {"b": torch.tensor(3)}, "loss of 'b' "),
        (lambda losses: losses | {"b": losses["b"] * float("nan")}, "loss of 'b' is nan"),
        (lambda losses: losses | {"b": losses["b"] * float("inf")}, "loss of 'b' is inf"),
        (lambda losses: losses | {"b": losses["b"].repeat(2)}, "'b' must be a scalar tensor"),
        (lambda losses: losses | {"b": losses["b"].reshape(1)}, "'b' must be a scalar tensor"),
        (lambda losses: losses | {"b": float(losses["b"].detach())}, "must be a scalar tensor"),
        (lambda losses: list(losses.values()), "wants a dict of losses by task"),
        (lambda losses: torch.stack(list(losses.values())), "wants a dict of losses by task"),
        (lambda losses: losses["a"], "wants a dict of losses by task"),
        (lambda losses: {}, "at least one task"),
        (
            lambda losses: {"a": losses["a"], "z": losses["b"]},
            "made for the tasks a, b, c, and 'z' is none of them",
        ),
    ],
    ids=[
        "detached", "integer", "NaN", "infinite", "vector", "one entry", "number", "list", "tensor",
        "scalar", "nothing", "unknown task",
    ],
)  # fmt: skip
def test_losses_that_are_none_are_refused(name, change, match):
    net = Net()
    refused(change(losses_on(net, *batch())), net, name, match)


@pytest.mark.parametrize("name", ["equal", "mgda", "toy-average"])
def test_a_model_that_the_losses_do_not_come_from_is_refused(name):
    net, other = Net(), Net()
    losses = losses_on(net, *batch())
    match = "no trainable parameter of Net: give the model that it was computed with|shared by"
    refused(losses, other, name, match)
    assert no_gradient(net)


@pytest.mark.parametrize("name", GRADIENT_LEVELS)
def test_one_loss_that_reaches_nothing_of_the_model_is_refused(name):
    net = Net()
    losses = losses_on(net, *batch()) | {"b": losses_on(Net(), *batch())["b"]}
    refused(losses, net, name, "the loss of 'b' depends on no trainable parameter of Net")


def root_at_zero(net, losses):
    """A finite loss whose gradient is NaN: 0·∞."""
    return losses | {"b": losses["b"] + (0.0 * net.kept.sum()).sqrt()}


def root_of_zero(net, losses):
    """A finite loss whose gradient is infinite."""
    return losses | {"b": losses["b"] + (net.kept - net.kept.detach()).abs().sum().sqrt()}


@pytest.mark.parametrize("name", GRADIENT_LEVELS)
@pytest.mark.parametrize("change", [root_at_zero, root_of_zero])
def test_a_gradient_that_is_not_finite_is_refused_with_its_task(name, change):
    net = Net()
    losses = change(net, losses_on(net, *batch()))
    assert torch.isfinite(losses["b"])
    match = "gradient of task 'b' is infinite or NaN though its loss is finite; look for a root"
    refused(losses, net, name, match)


@pytest.mark.parametrize("name", ["mgda", "toy-average"])
def test_a_heads_gradient_that_is_not_finite_is_refused_with_its_task(name):
    net = WithOwn()
    losses = losses_on(net, *batch())
    losses |= {"b": losses["b"] + net.number.sqrt()}
    refused(losses, net, name, "gradient of task 'b' is infinite or NaN")


class Reentrant(Net):
    def forward(self, x, tasks=None):
        self.kept = checkpoint(self.trunk, x.requires_grad_(), use_reentrant=True)
        return {task: head(self.kept) for task, head in self.heads.items()}


@pytest.mark.parametrize("name", GRADIENT_LEVELS)
def test_reentrant_checkpoints_are_refused(name):
    net = Reentrant()
    refused(losses_on(net, *batch()), net, name, "with use_reentrant=False")


@pytest.mark.parametrize(
    ("name", "match"),
    [("at-last", "works at the last shared layer"), ("at-representation", "has none: use")],
)
def test_a_plain_module_has_no_last_layer_and_no_representation(name, match):
    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = Net()

        def forward(self, x):
            return self.net(x)

    net = Plain()
    refused(losses_on(net, *batch()), net, name, match)


def test_several_mini_batches_are_not_for_ones_own_loop():
    net = Net()
    refused(losses_on(net, *batch()), net, "three-batches", "weighs over 3 mini-batches")


# torch.compile.


@pytest.fixture
def compiler():
    """A compiler that has seen nothing; torch's own warning at inputs with a graph is no error."""
    torch.compiler.reset()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"The \.grad attribute of a Tensor", UserWarning)
        yield
    torch.compiler.reset()


@pytest.mark.parametrize("name", GRADIENT_LEVELS)
def test_a_model_compiled_as_one_is_refused(compiler, name):
    net = Net()
    compiled = torch.compile(net.forward, backend="aot_eager")
    losses = losses_on(compiled, *batch())
    refused(losses, net, name, "apply torch.compile to the shared part and to each head")


@pytest.mark.parametrize("name", ["equal", "mgda", "norm-balance", "toy-average", "at-last"])
@pytest.mark.parametrize("parts", [["trunk"], ["heads"], ["trunk", "heads"]], ids="+".join)
def test_parts_compiled_each_for_itself_change_nothing(compiler, name, parts):
    torch.manual_seed(0)
    net = Net()
    # torch's word for what lets a compiled part be gone through more than once
    with torch._functorch.config.patch(donated_buffer=False):
        if "trunk" in parts:
            net.trunk.compile(backend="aot_eager")
        for head in net.heads.values() if "heads" in parts else ():
            head.compile(backend="aot_eager")
        losses = losses_on(net, *batch())
    backward(losses, net, make_weighting(name, TASKS))
    assert_near(gradient(net), step(name)[0])


@pytest.mark.parametrize("name", ["mgda", "toy-average", "at-last"])
def test_a_backward_pass_that_was_compiled_to_run_once_is_refused(monkeypatch, name):
    def once(*args, **options):
        raise RuntimeError("compiled with non-empty donated buffers which requires …")

    monkeypatch.setattr(torch.autograd, "grad", once)
    net = Net()
    refused(losses_on(net, *batch()), net, name, "donated_buffer = False")


@pytest.mark.parametrize("name", ["equal", "at-representation"])
def test_that_trunk_works_where_it_is_gone_through_once(compiler, name):
    torch.manual_seed(0)
    net = Net()
    with torch._functorch.config.patch(donated_buffer=True):
        net.trunk.compile(backend="aot_eager")
        losses = losses_on(net, *batch())
    backward(losses, net, make_weighting(name, TASKS))
    assert_near(gradient(net), step(name)[0])


# DistributedDataParallel, in a group of one process.


@pytest.fixture
def parallel(tmp_path):
    """Wraps a module; what the wrapped one calls to reduce gradients is counted."""
    from torch.distributed.algorithms.ddp_comm_hooks import default_hooks

    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path / 'group'}", rank=0, world_size=1
    )
    calls = []

    def wrap(net):
        wrapped = nn.parallel.DistributedDataParallel(net)

        def count(_, bucket):
            calls.append(1)
            return default_hooks.allreduce_hook(None, bucket)

        wrapped.register_comm_hook(None, count)
        return wrapped

    wrap.calls = calls
    yield wrap
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize("name", ["mgda", "norm-balance", "toy-average"])
def test_data_parallel_is_refused_where_gradients_are_taken_task_by_task(parallel, name):
    net = parallel(Net())
    refused(losses_on(net, *batch()), net, name, "use a loss-level weighting")


def test_the_inner_module_of_a_data_parallel_model_is_refused_too(parallel):
    wrapped = parallel(Net())
    net = wrapped.module
    refused(losses_on(net, *batch()), net, "mgda", "nor those of its inner module")
    alone = Net()
    backward(losses_on(alone, *batch()), alone, "mgda")
    assert not no_gradient(alone)


def test_hooks_that_would_not_be_called_are_refused():
    net = Net()
    handle = net.heads["a"].bias.register_post_accumulate_grad_hook(lambda parameter: None)
    sentence = "Parameter 'heads.a.bias' has a hook of register_post_accumulate_grad_hook"
    refused(losses_on(net, *batch()), net, "mgda", sentence)
    backward(losses_on(net, *batch()), net, "equal")
    handle.remove()
    backward(losses_on(net, *batch()), net, "mgda")


def test_a_hook_is_called_at_loss_level():
    net, called = Net(), []
    net.heads["a"].bias.register_post_accumulate_grad_hook(called.append)
    backward(losses_on(net, *batch()), net, "equal")
    assert len(called) == 1


def test_sparse_and_complex_parameters_are_refused():
    net = Net()
    net.words = nn.Embedding(3, 2, sparse=True)
    refused(losses_on(net, *batch()), net, "mgda", "Embedding.sparse=True. has sparse gradients")
    net.words = nn.Linear(2, 2, dtype=torch.complex64)
    refused(losses_on(net, *batch()), net, "mgda", "Parameter 'words.weight' is complex")


@pytest.mark.parametrize("name", ["equal", "geometric", "uncertainty"])
def test_data_parallel_reduces_at_loss_level(parallel, name):
    torch.manual_seed(0)
    net = parallel(Net())
    backward(losses_on(net, *batch()), net, make_weighting(name, TASKS))
    assert parallel.calls
    assert_near(gradient(net), step(name)[0])


def test_data_parallel_does_not_accumulate_unreduced(parallel):
    net, strategy = parallel(Net()), make_weighting("equal", TASKS)
    with pytest.raises(BenchbedError, match="DistributedDataParallel"):
        backward(losses_on(net, *batch()), net, strategy, accumulate=True)


class Wrapping(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)


@pytest.mark.parametrize("name", ["mgda", "toy-average"])
def test_a_data_parallel_module_within_the_model_is_refused_too(parallel, name):
    net = Wrapping(parallel(Net()))
    refused(losses_on(net, *batch()), net, name, "DistributedDataParallel")


# Never a silent zero update, never a silent fall-back to equal weights.


def foreign(net, losses):
    return losses_on(Net(), *batch())


def one_foreign(net, losses):
    return losses | {"b": losses_on(Net(), *batch())["b"]}


def one_detached_from_the_trunk(net, losses):
    features = torch.tanh(net.kept.detach())
    return losses | {"b": net.heads["b"](features).square().mean()}


def enormous(net, losses):
    return {task: 1e25 * loss for task, loss in losses.items()}


def one_enormous(net, losses):
    return losses | {"b": 1e25 * losses["b"]}


def with_nan(net, losses):
    return losses | {"b": losses["b"] * float("nan")}


def frozen(net, losses):
    net.trunk.requires_grad_(False)
    return losses_on(net, *batch())


FAILING = [
    foreign,
    one_foreign,
    one_detached_from_the_trunk,
    enormous,
    one_enormous,
    with_nan,
    frozen,
    root_at_zero,
    root_of_zero,
]


@pytest.mark.parametrize("name", ["norm-balance", "agreeing", "at-last", "at-representation"])
@pytest.mark.parametrize("change", FAILING)
@pytest.mark.parametrize("scale", [0.0, 2.0**16], ids=["no scaler", "scaler"])
def test_there_is_an_error_or_an_update_that_is_neither_zero_nor_the_plain_sum(name, change, scale):
    torch.manual_seed(0)
    net = Net()
    losses = change(net, losses_on(net, *batch()))
    strategy = make_weighting(name, TASKS)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=scale) if scale else None
    try:
        backward(losses, net, strategy, scaler=scaler)
    except BenchbedError:
        assert no_gradient(net)
        return
    if scaler is not None:
        scaler.unscale_(optimizer)
        if not torch.isfinite(gradient(net)).all():
            return  # the scaler skips the step
    found = gradient(net.trunk).double()
    assert bool(torch.isfinite(found).all())
    assert bool(found.any())
    net.zero_grad()
    sum(change(net, losses_on(net, *batch())).values()).backward()
    equal = gradient(net.trunk).double()
    assert float((found / found.norm() - equal / equal.norm()).norm()) > 1e-3


# aggregate.

JACOBIAN = torch.tensor([[1.0, 0.0, 2.0], [-1.0, 1.0, 0.0]])


@pytest.mark.parametrize(
    "jacobian",
    [
        [[1.0, 2.0], [3.0, 4.0]],
        torch.ones(3),
        torch.ones(2, 3, 1),
        torch.ones(2, 3, dtype=torch.int32),
        torch.ones(2, 3, dtype=torch.bool),
        torch.ones(2, 3, dtype=torch.complex128),
        None,
    ],
    ids=["lists", "vector", "three dimensions", "integers", "booleans", "complex", "None"],
)
def test_aggregate_wants_a_matrix_of_real_numbers(jacobian):
    with pytest.raises(BenchbedError, match=r"wants a \(T, d\) matrix of floating-point gradients"):
        aggregate("mgda", jacobian)


@pytest.mark.parametrize("name", ["mgda", "toy-average"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_aggregate_wants_finite_gradients(name, value):
    jacobian = JACOBIAN.clone()
    jacobian[0, 1] = value
    with pytest.raises(BenchbedError, match="wants finite gradients"):
        aggregate(name, jacobian)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 1)])
@pytest.mark.parametrize("name", ["mgda", "by-loss", "toy-average"])
def test_aggregate_wants_one_loss_a_row(name, shape):
    with pytest.raises(BenchbedError, match=r"wants one loss a row, \(2,\), got"):
        aggregate(name, JACOBIAN, losses=torch.ones(shape))


def test_a_strategy_that_looks_at_losses_wants_them():
    with pytest.raises(BenchbedError, match="'by-loss' looks at the losses too: give aggregate"):
        aggregate("by-loss", JACOBIAN)
    direction, weights = aggregate(
        "by-loss", JACOBIAN, losses=torch.tensor([2.0, 3.0]), return_weights=True
    )
    assert weights.tolist() == [2.0, 3.0]
    assert direction.tolist() == [-1.0, 3.0, 4.0]


@pytest.mark.parametrize("name", ["three-batches", "geometric", "uncertainty.mgda"])
def test_aggregate_refuses_what_needs_more_than_one_jacobian(name):
    with pytest.raises(BenchbedError, match="one Jacobian is not enough|use benchbed.backward"):
        aggregate(name, JACOBIAN)


@pytest.mark.parametrize("name", ["mgda", "pcgrad", "norm-balance", "toy-average", "by-loss"])
def test_a_jacobian_with_a_graph_works_and_stays_as_it_is(name):
    leaf = JACOBIAN.clone().requires_grad_()
    jacobian = leaf * 1.0
    losses = torch.tensor([1.0, 2.0], requires_grad=True)
    found = aggregate(name, jacobian, losses=losses)
    assert not found.requires_grad
    assert torch.equal(found, aggregate(name, JACOBIAN, losses=losses.detach()))
    found.add_(100.0)
    assert jacobian.requires_grad
    assert torch.equal(jacobian.detach(), JACOBIAN)
    assert leaf.grad is None
    assert losses.grad is None


@pytest.mark.parametrize("name", ["mgda", "norm-balance", "toy-average"])
def test_aggregate_and_backward_agree(name):
    net = Net()
    losses = losses_on(net, *batch())
    expected = aggregate(name, shared_jacobian(net, losses))
    backward(losses, net, make_weighting(name, TASKS))
    assert_near(gradient(net.trunk), expected)


# Strategies that step weights by themselves.


def steps_of(name, count=4, *, told=True):
    torch.manual_seed(0)
    net, strategy = Net(), make_weighting(name, TASKS)
    optimizer = torch.optim.SGD([*net.parameters(), *strategy.learned()], lr=0.1)
    for step in range(count):
        optimizer.zero_grad()
        backward(losses_on(net, *batch(step + 8)), net, strategy)
        optimizer.step()
        if told and strategy.looks_back:
            strategy.after_step(losses_on(net, *batch(step + 8)))
    return strategy.last


def test_famo_learns_where_it_is_told_what_became_of_the_losses():
    assert all(float(logit.detach()) != 0.0 for logit in steps_of("famo").logits.values())


def test_famo_that_is_not_told_is_refused_at_the_next_step():
    with pytest.raises(BenchbedError, match=r"call strategy\.after_step"):
        steps_of("famo", 2, told=False)


@pytest.mark.parametrize("name", ["famo", "gradnorm"])
def test_what_has_an_optimiser_of_its_own_is_no_part_of_what_the_users_steps(name):
    strategy = make_weighting(name, TASKS)
    assert not strategy.learned()
    assert all(p.grad is None for p in steps_of(name).parameters())


def test_dwa_without_past_losses_is_refused_with_what_to_give():
    strategy = make_weighting("dwa", TASKS)
    with pytest.raises(BenchbedError, match="train_losses="):
        strategy.epoch(benchbed.EpochInfo(2, 5))
