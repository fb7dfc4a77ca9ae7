"""The hybrid Gramian: which layers take part, and that nothing but the cost changes."""

import gc
import math
import weakref
from contextlib import nullcontext

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm
from torch.utils.checkpoint import checkpoint

from benchbed import Architecture, Input, Weighting
from benchbed.contracts.architecture import BuildContext
from benchbed.engine.gradients import Backward
from benchbed.engine.hybrid import Layer
from benchbed.engine.hybrid_check import Checked
from benchbed.engine.hybrid_search import find_layers
from tests.engine.helpers import full_gradients, strategy_of

TASKS = ("a", "b", "c")
FIRST = "first.weight"
LAYER = "part.layer.weight"
MAP = "part.inner.weight"
CHAIN = "part.inner.0.weight"


class Looking(Weighting):
    """Weights that depend smoothly on every entry of the Gramian, which it keeps."""

    level = "gramian"
    heads = "weighted"

    def weights(self, gramian, losses):
        self.seen = gramian.clone()
        norms = gramian.diag().sqrt().clamp(min=1e-30)
        cosines = gramian / torch.outer(norms, norms)
        ramp = 1.5 * torch.arange(len(losses), dtype=torch.float64) - 1
        return (cosines @ ramp + 0.3) * norms.mean() / norms


class LookingOwn(Looking):
    heads = "own"


# What Backward must equal: all gradients of all tasks, combined by hand.


def combined(net, losses, cls, *, seen=None):
    """Gramian, gradients and their scale by name, from T full gradients.

    The scale of a sum is that of its terms: Σ_t |w_t|·‖g_t‖. ``seen`` picks the names whose
    gradients the strategy looks at, out of the shared ones.
    """
    parameters = {n: p for n, p in net.named_parameters() if p.requires_grad}
    found = full_gradients(losses, parameters)
    reach = {n: [t for t in losses if found[t][n] is not None] for n in parameters}
    shared = [n for n in parameters if len(reach[n]) > 1]
    looked_at = shared if seen is None else [n for n in shared if seen(n)]

    def row(task):
        parts = [
            torch.zeros_like(parameters[n]) if found[task][n] is None else found[task][n]
            for n in looked_at
        ]
        return torch.cat([part.double().flatten() for part in parts])

    jacobian = torch.stack([row(task) for task in losses])
    products = jacobian @ jacobian.T
    weights = strategy_of(cls, tasks=tuple(losses)).last.weights(products, losses)
    factors = dict(zip(losses, weights.tolist(), strict=True))
    expected, scales = {}, {}
    for name, tasks in reach.items():
        plain = len(tasks) == 1 and cls.heads == "own"
        terms = [(1.0 if plain else factors[t]) * found[t][name].double() for t in tasks]
        expected[name] = sum(terms) if terms else None
        scales[name] = sum(float(term.norm()) for term in terms)
    return products, expected, scales


def distance(products, found):
    """The largest difference of Gramians, relative to the lengths of the rows."""
    norms = products.diag().sqrt()
    return float(((products - found).abs() / torch.outer(norms, norms)).max())


def assert_equals_plain(backward, net, losses, *, tolerance=1e-6, products=5e-6):
    """Call ``backward``: ``.grad`` is what T full gradients give.

    The whole update is within ``tolerance`` of its length, each parameter's within three times that
    of the length of its terms, and the Gramian within ``products`` of the lengths of its rows: dot
    products of 65536 entries in float32 (2e-6, and 4e-6 of entries rounded to bfloat16).
    """
    given_products, expected, scales = combined(net, losses, type(backward.strategy.last))
    net.zero_grad()
    backward(losses)
    assert distance(given_products, backward.strategy.last.seen) <= products
    gaps, lengths = [], []
    for name, parameter in net.named_parameters():
        if expected.get(name) is None:
            assert parameter.grad is None, name
        else:
            gaps.append(float((parameter.grad.double() - expected[name]).norm()))
            lengths.append(float(expected[name].norm()))
            assert gaps[-1] <= 3 * tolerance * scales[name], name
    assert math.hypot(*gaps) <= tolerance * math.hypot(*lengths)


# Nets: a wide layer, a part under test, and wide heads that would pay if they were shared.


class Net(nn.Module):
    def __init__(self, part, *, autocast=False):
        super().__init__()
        self.first = nn.Linear(256, 256)
        self.part = part
        width = part(torch.zeros(2, 256)).shape[1]
        self.heads = nn.ModuleDict({task: nn.Linear(width, 256) for task in TASKS})
        self.context = torch.autocast("cpu", dtype=torch.bfloat16) if autocast else nullcontext()

    def losses(self, tasks=TASKS, seed=0):
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(2, 256, generator=generator)
        targets = {t: 3 * torch.randn(2, 256, generator=generator) for t in TASKS}
        with self.context:
            features = self.part(torch.tanh(self.first(x)))
            outputs = {t: self.heads[t](torch.tanh(features)) for t in tasks}
        return {
            task: (i + 0.5) * (output - targets[task]).square().mean()
            for i, (task, output) in enumerate(outputs.items())
        }


class Maps(nn.Module):
    """A module on maps, between vectors."""

    def __init__(self, inner, *shape):
        super().__init__()
        self.inner = inner
        self.shape = shape or (64, 2, 2)

    def forward(self, x):
        return self.inner(x.view(2, *self.shape)).flatten(1)


def conv_and(*others):
    return lambda: Maps(nn.Sequential(nn.Conv2d(64, 64, 3, padding=1), *[o() for o in others]))


class Part(nn.Module):
    """One wide layer, used in some way."""

    def __init__(self, use=None, **options):
        super().__init__()
        self.layer = nn.Linear(256, 256, **options)
        self.use = use

    def forward(self, x):
        return self.layer(x) if self.use is None else self.use(self.layer, x)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.other = nn.Linear(256, 256), nn.Linear(256, 256)
        self.other.weight = self.layer.weight

    def forward(self, x):
        return self.other(torch.tanh(self.layer(x)))


def prepared(part, prepare):
    """A part after something was done to its layer."""
    prepare(part.layer if isinstance(part, Part) else part.inner)
    return part


def transposed_once(layer, x):
    weight = layer.weight.t()
    return x @ weight + torch.tanh(x) @ weight


def with_saved_tensor_hooks(layer, x):
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
        return layer(x)


def without_autocast(layer, x):
    with torch.autocast("cpu", enabled=False):
        return layer(x.float())


def in_half(layer, x):
    return layer(x.bfloat16()).float()


def hooked_output(layer):
    layer.register_forward_hook(lambda module, args, output: 2 * torch.tanh(output))


def hooked_backward(layer):
    layer.register_full_backward_hook(lambda module, given, of_output: (2 * given[0],))


def hooked_once(layer):
    layer.weight.register_hook(lambda g: 2 * g).remove()


class ThreeDimensional(nn.Module):
    def __init__(self, bias):
        super().__init__()
        self.layer = nn.Linear(128, 128, bias=bias)

    def forward(self, x):
        return self.layer(x.view(2, 2, 128)).flatten(1)


TAKING_PART = {
    "linear": (Part, LAYER),
    "linear without bias": (lambda: Part(bias=False), LAYER),
    "linear on three dimensions": (lambda: ThreeDimensional(bias=True), LAYER),
    "linear on three dimensions without bias": (lambda: ThreeDimensional(bias=False), LAYER),
    "transposed and multiplied": (lambda: Part(lambda m, x: x @ m.weight.t()), LAYER),
    "conv2d": (lambda: Maps(nn.Conv2d(64, 64, 3, padding=1)), MAP),
    "conv2d without bias": (lambda: Maps(nn.Conv2d(64, 64, 3, padding=1, bias=False)), MAP),
    "pointwise": (lambda: Maps(nn.Conv2d(64, 64, 1)), MAP),
    "strided pointwise": (lambda: Maps(nn.Conv2d(64, 256, 1, stride=2)), MAP),
    "strided": (lambda: Maps(nn.Conv2d(64, 64, 3, stride=2, padding=1)), MAP),
    "dilated": (lambda: Maps(nn.Conv2d(64, 64, 3, dilation=2, padding=2)), MAP),
    "padding same": (lambda: Maps(nn.Conv2d(64, 64, 3, padding="same", dilation=2)), MAP),
    "circular padding": (
        lambda: Maps(nn.Conv2d(64, 64, 3, padding=1, padding_mode="circular")),
        MAP,
    ),
    "conv1d": (lambda: Maps(nn.Conv1d(64, 64, 3, padding=1), 64, 4), MAP),
    "relu in place": (conv_and(lambda: nn.ReLU(inplace=True)), CHAIN),
    "batch norm": (conv_and(lambda: nn.BatchNorm2d(64)), CHAIN),
    "batch norm and relu in place": (
        conv_and(lambda: nn.BatchNorm2d(64), lambda: nn.ReLU(inplace=True)),
        CHAIN,
    ),
    "dropout": (conv_and(lambda: nn.Dropout(0.3)), CHAIN),
    "hook that changes the output": (lambda: prepared(Part(), hooked_output), LAYER),
    "hook that changes a convolution's output": (
        lambda: prepared(Maps(nn.Conv2d(64, 64, 3, padding=1)), hooked_output),
        MAP,
    ),
    "hook that changes the input's gradient": (lambda: prepared(Part(), hooked_backward), LAYER),
    "weight whose hook was removed": (lambda: prepared(Part(), hooked_once), LAYER),
    "channels_last": (
        lambda: Maps(nn.Conv2d(64, 64, 3, padding=1)).to(memory_format=torch.channels_last),
        MAP,
    ),
}

LEFT_OUT = {
    "a module used twice": lambda: Part(lambda m, x: m(torch.tanh(m(x)))),
    "also used functionally": lambda: Part(lambda m, x: m(x) + F.linear(torch.tanh(x), m.weight)),
    "also read": lambda: Part(lambda m, x: m(x) * m.weight.norm()),
    "transposed once, used twice": lambda: Part(transposed_once),
    "transposed twice": lambda: Part(lambda m, x: x @ m.weight.t() + torch.tanh(x) @ m.weight.t()),
    "multiplied untransposed": lambda: Part(lambda m, x: x @ m.weight),
    "addmm untransposed": lambda: Part(lambda m, x: torch.addmm(m.bias, x, m.weight)),
    "addmm with factors": lambda: Part(
        lambda m, x: torch.addmm(m.bias, x, m.weight.t(), alpha=2.0)
    ),
    "einsum": lambda: Part(lambda m, x: torch.einsum("nk,ok->no", x, m.weight)),
    "a scaled weight": lambda: Part(lambda m, x: F.linear(x, 2 * m.weight)),
    "tied": Tied,
    "grouped": lambda: Maps(nn.Conv2d(256, 256, 1, groups=2), 256, 1, 1),
    "depthwise": lambda: Maps(nn.Conv2d(64, 64, 3, padding=1, groups=64)),
    "transposed convolution": lambda: Maps(nn.ConvTranspose2d(64, 64, 3, padding=1)),
    "three-dimensional": lambda: Maps(nn.Conv3d(32, 32, 3, padding=1), 32, 2, 2, 2),
    "frozen": lambda: prepared(Part(), lambda m: m.requires_grad_(False)),
    "hook on the weight": lambda: prepared(
        Part(), lambda m: m.weight.register_hook(lambda g: 2 * g)
    ),
    "checkpointed": lambda: Part(lambda m, x: checkpoint(m, x, use_reentrant=False)),
    "saved-tensor hooks": lambda: Part(with_saved_tensor_hooks),
    "parametrised": lambda: prepared(Part(), weight_norm),
    "does not pay": lambda: nn.Sequential(nn.Linear(256, 2), nn.Linear(2, 256)),
}


def engine_of(layers, candidates):
    how = f", hybrid Gramian for {len(layers)} of {len(candidates)} layers" if layers else ""
    return f"3 sweeps{how}"


def assert_takes_part(net, names, cls=Looking, **options):
    """Exactly these layers go without gradients of their own, and all gradients are plain ones."""
    losses = net.losses()
    backward = Backward(strategy_of(cls, tasks=TASKS), net)
    shared = backward.partition(losses).shared
    layers, candidates = find_layers(losses, shared, skip=())
    assert [layer.name for layer in layers] == names
    del losses, layers
    for seed in (1, 2):  # the first call compares, the second one relies on it
        assert_equals_plain(backward, net, net.losses(seed=seed), **options)
        assert backward.engine == engine_of(names, candidates)
        assert backward.checked.notes == []
        assert backward.checked.passed == ({(TASKS, tuple(names))} if names else set())
    return candidates


@pytest.mark.parametrize("case", TAKING_PART)
def test_plain_layers_take_part_and_change_nothing(case):
    make, name = TAKING_PART[case]
    candidates = assert_takes_part(Net(make()), [FIRST, name], products=1e-6)
    assert candidates == {FIRST, name}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_what_is_out_of_the_ordinary_gets_its_gradients(case):
    assert_takes_part(Net(LEFT_OUT[case]()), [FIRST])


def test_heads_that_are_own_get_their_plain_gradient():
    assert_takes_part(Net(Part()), [FIRST, LAYER], LookingOwn)


def test_under_autocast_no_layer_takes_part():
    assert_takes_part(Net(Part(), autocast=True), [])


def test_what_autocast_leaves_alone_takes_part():
    assert_takes_part(Net(Part(without_autocast), autocast=True), [LAYER])


def test_half_precision_gets_its_gradients():
    part = Part(in_half)
    part.layer.bfloat16()
    # sums of bfloat16 gradients are rounded to bfloat16
    assert_takes_part(Net(part), [FIRST], tolerance=4e-3, products=1e-5)


def test_in_float64_layers_take_part():
    net = Net(Part()).double()
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 256, generator=generator, dtype=torch.float64)
    backward = Backward(strategy_of(Looking, tasks=TASKS), net)
    for _ in range(2):
        features = net.part(torch.tanh(net.first(x)))
        losses = {t: net.heads[t](torch.tanh(features)).square().mean() for t in TASKS}
        assert_equals_plain(backward, net, losses, tolerance=1e-13, products=1e-13)
    assert backward.engine == "3 sweeps, hybrid Gramian for 2 of 2 layers"


class OneNumber(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(64, 64, 3)

    def forward(self, x):
        maps, (weight, bias) = x.view(2, 64, 2, 2), self.layer.parameters()
        return torch.convolution(maps, weight, bias, [1], [1], [1], False, [0], 1).flatten(1)


def test_a_convolution_called_with_one_number_for_both_dimensions_still_works():
    net = Net(OneNumber())
    backward = Backward(strategy_of(Looking, tasks=TASKS), net)
    for seed in (1, 2):
        assert_equals_plain(backward, net, net.losses(seed=seed))


class Penalised(Net):
    """The first task's loss holds a norm of a gradient (create_graph)."""

    def losses(self, tasks=TASKS, seed=0):
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(2, 256, generator=generator)
        hidden = torch.tanh(self.first(x))
        features = torch.tanh(self.part(hidden))
        losses = {t: self.heads[t](features).square().mean() for t in tasks}
        (gradient,) = torch.autograd.grad(losses["b"], hidden, create_graph=True)
        return losses | {"a": losses["a"] + 100 * gradient.norm()}


@pytest.mark.parametrize("make", [Part, conv_and()])
def test_a_layer_that_a_gradient_in_a_loss_reads_gets_its_gradients(make):
    assert_takes_part(Penalised(make()), [FIRST])


class PartlyShared(nn.Module):
    """As in MTAN: ``mid`` is shared by a and b, ``own`` is c's alone."""

    def __init__(self):
        super().__init__()
        self.trunk, self.mid, self.own = (nn.Linear(256, 256) for _ in range(3))
        self.heads = nn.ModuleDict({task: nn.Linear(256, 256) for task in TASKS})

    def losses(self, tasks=TASKS, seed=0):
        generator = torch.Generator().manual_seed(seed)
        features = torch.tanh(self.trunk(torch.randn(2, 256, generator=generator)))
        mid, own = torch.tanh(self.mid(features)), torch.tanh(self.own(features))
        return {t: self.heads[t](own if t == "c" else mid).square().mean() for t in tasks}


def test_a_layer_that_some_tasks_do_not_reach_takes_part():
    assert_takes_part(PartlyShared(), ["trunk.weight", "mid.weight"])


class Masked(Net):
    """The gradient of the first task is zero: what it reads is multiplied by 0."""

    def losses(self, tasks=TASKS, seed=0):
        losses = super().losses(tasks, seed)
        return losses | {"a": 0.0 * losses["a"]}


def test_a_layer_in_which_one_gradient_is_zero_takes_part():
    net = Masked(Part())
    backward = Backward(strategy_of(Looking, tasks=TASKS), net)
    for seed in (1, 2):
        backward(net.losses(seed=seed))
    assert backward.checked.notes == []
    assert backward.engine == "3 sweeps, hybrid Gramian for 2 of 2 layers"


# A layer by itself, against autograd.


reaching = st.lists(st.booleans(), min_size=2, max_size=4).filter(any)
"""Which tasks reach the layer."""


@st.composite
def convolutions(draw):
    """A convolution, an input for it, and which of the tasks reach it."""
    dimensions = draw(st.sampled_from([1, 2]))

    def numbers(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(dimensions))

    kernel, dilation, padding = numbers(1, 4), numbers(1, 3), numbers(0, 5)
    size, stride = numbers(1, 7), numbers(1, 4)
    reach = [
        s + 2 * p - d * (k - 1) for s, p, d, k in zip(size, padding, dilation, kernel, strict=True)
    ]
    assume(min(reach) > 0)
    channels, outputs = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    kind = {1: nn.Conv1d, 2: nn.Conv2d}[dimensions]
    bias = draw(st.booleans())
    layer = kind(channels, outputs, kernel, stride, padding, dilation, bias=bias)
    x = torch.randn(draw(st.integers(1, 3)), channels, *size)
    if dimensions == 2 and draw(st.booleans()):
        x = x.contiguous(memory_format=torch.channels_last)
    return layer, x, draw(reaching)


@st.composite
def linears(draw):
    given_, outputs = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    layer = nn.Linear(given_, outputs, bias=draw(st.booleans()))
    shape = draw(st.sampled_from([(1,), (4,), (2, 3), (2, 1, 3)]))
    return layer, torch.randn(*shape, given_), draw(reaching)


def read(layer, x, reached):
    """The layer as it is read off a graph, its deltas, and the tasks' rows; () where none reach."""
    output = layer(x).tanh()
    other = torch.ones((), dtype=x.dtype, requires_grad=True)
    losses = {
        str(i): (output * torch.randn_like(output)).square().sum() if reach else other * 1.0
        for i, reach in enumerate(reached)
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Layer, "pays", lambda *_: True)
        (found,), _ = find_layers(losses, {"weight": layer.weight}, skip=())
    pairs = [
        torch.autograd.grad(
            loss, [found.output, layer.weight], allow_unused=True, retain_graph=True
        )
        for loss in losses.values()
    ]
    return found, [delta for delta, _ in pairs], [row for _, row in pairs]


def assert_layer_is_exact(layer, x, reached, tolerance):
    found, deltas, rows = read(layer, x, reached)
    assert [delta is not None for delta in deltas] == reached
    if found.stride:
        assert found.sizes() == list(layer(x).shape[2:])
    zero = torch.zeros_like(layer.weight)
    flat = torch.stack([(zero if row is None else row).double().flatten() for row in rows])
    lengths = flat.norm(dim=1)
    products = found.products(deltas)
    assert products.dtype == torch.float64
    assert torch.equal(products, products.T)
    gaps = (products - flat @ flat.T).abs()
    # what cancels inside of a row is rounded as its terms are
    assert bool((gaps <= tolerance * torch.outer(lengths, lengths) + 1e-30).all())
    for delta, row, length in zip(deltas, rows, lengths, strict=True):
        if delta is not None:
            gradient = found.gradient(delta)
            assert gradient.shape == row.shape
            assert float((gradient.double() - row.double()).norm()) <= tolerance * length
    factors = [1.5 * i - 1 for i in range(len(rows))]
    total = found.combined(deltas, factors)
    expected = torch.tensor(factors, dtype=torch.float64) @ flat
    bound = tolerance * float((torch.tensor(factors).abs() * lengths).sum())
    assert float((total.double().flatten() - expected).norm()) <= bound


@settings(max_examples=120, deadline=None)
@given(convolutions())
def test_a_convolutions_products_and_gradients_are_autograds_in_float64(case):
    layer, x, reached = case
    assert_layer_is_exact(layer.double(), x.double(), reached, 1e-12)


@settings(max_examples=40, deadline=None)
@given(linears())
def test_a_linear_layers_products_and_gradients_are_autograds_in_float64(case):
    layer, x, reached = case
    assert_layer_is_exact(layer.double(), x.double(), reached, 1e-12)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv1d(16, 12, 3, 2, 2), (3, 16, 9)),
        (nn.Conv2d(16, 12, 3, padding=1), (2, 16, 5, 4)),
        (nn.Conv2d(16, 12, (5, 2), (2, 1), (4, 3), (2, 3)), (2, 16, 7, 3)),
        (nn.Conv2d(16, 12, 1, 2), (3, 16, 5, 6)),
        (nn.Linear(64, 48), (5, 64)),
        (nn.Linear(64, 48, bias=False), (2, 4, 64)),
    ],
)
@pytest.mark.parametrize("reached", [[True, True, True], [True, False, True]])
def test_products_and_gradients_are_within_1e_6_of_the_lengths_in_float32(layer, shape, reached):
    assert_layer_is_exact(layer, torch.randn(shape), reached, 1e-6)


def test_a_layer_that_no_task_reaches_adds_nothing():
    layer = nn.Linear(3, 2)
    found, _, _ = read(layer, torch.randn(4, 3), [True, True])
    assert torch.equal(found.products([None, None]), torch.zeros(2, 2, dtype=torch.float64))
    assert torch.equal(found.combined([None, None], [1.0, 2.0]), torch.zeros(2, 3))


def test_kernel_elements_that_meet_no_pixel_add_nothing():
    layer = nn.Conv2d(2, 3, 3, padding=4, dilation=3).double()
    assert_layer_is_exact(layer, torch.randn(2, 2, 1, 2).double(), [True, True], 1e-12)


# The comparison on first use.


@pytest.fixture
def sweeps(monkeypatch):
    """How many layers each call of Backward.sweep left out."""
    calls = []
    plain = Backward.sweep

    def counted(self, losses, **options):
        calls.append(len(options.get("layers", ())))
        return plain(self, losses, **options)

    monkeypatch.setattr(Backward, "sweep", counted)
    return calls


def test_right_layers_are_compared_once_for_a_set_of_tasks(sweeps):
    net = Net(Part())
    backward = Backward(strategy_of(Looking, tasks=TASKS), net)
    for _ in range(3):
        backward(net.losses())
    assert sweeps == [0, 2, 2, 2]
    for _ in range(2):
        backward(net.losses(tasks=("a", "c")))
    assert sweeps[4:] == [0, 2, 2]
    backward(net.losses())
    assert sweeps[7:] == [2]


def test_other_layers_are_compared_anew(sweeps):
    net = Net(Part())
    backward = Backward(strategy_of(Looking, tasks=TASKS), net)
    backward(net.losses())
    net.first.weight.requires_grad_(False)
    backward = Backward(backward.strategy, net, backward.checked)
    backward(net.losses())
    backward(net.losses())
    assert sweeps == [0, 2, 0, 1, 1]


def test_a_new_phase_compares_again_unless_it_is_told_what_was(sweeps):
    net = Net(Part())
    strategy = strategy_of(Looking, tasks=TASKS)
    checked = Checked()
    for _ in range(2):
        Backward(strategy, net)(net.losses())
    assert sweeps == [0, 2, 0, 2]
    for _ in range(2):
        Backward(strategy, net, checked)(net.losses())
    assert sweeps[4:] == [0, 2, 2]


def test_each_sweep_goes_through_the_net_once():
    passes = []
    net = Net(Part(lambda m, x: counting(m(x), passes)))
    backward = Backward(strategy_of(Looking, tasks=TASKS), net)
    backward(net.losses())
    assert len(passes) == 6  # three of them compare
    passes.clear()
    backward(net.losses())
    assert len(passes) == 3


def counting(output, passes):
    output.register_hook(lambda g: passes.append(1))
    return output


@pytest.mark.parametrize(
    ("method", "wrong"),
    [
        ("products", lambda plain: lambda layer, deltas: 1.001 * plain(layer, deltas)),
        ("products", lambda plain: lambda layer, deltas: math.nan * plain(layer, deltas)),
        ("gradient", lambda plain: lambda layer, delta: 1.001 * plain(layer, delta)),
        ("gradient", lambda plain: lambda layer, delta: math.nan * plain(layer, delta)),
        ("gradient", lambda plain: lambda layer, delta: plain(layer, delta).flip(0)),
    ],
    ids=["products off", "products NaN", "gradient off", "gradient NaN", "gradient permuted"],
)
def test_layers_that_differ_from_plain_gradients_are_switched_off(
    monkeypatch, sweeps, method, wrong
):
    monkeypatch.setattr(Layer, method, wrong(getattr(Layer, method)))
    net = Net(Part())
    backward = Backward(strategy_of(Looking, tasks=TASKS), net)
    for seed in (1, 2):
        assert_equals_plain(backward, net, net.losses(seed=seed))
    assert sweeps == [0, 2, 0]
    assert backward.engine == "3 sweeps"
    assert backward.checked.off == {FIRST, LAYER}
    (note,) = backward.checked.notes
    assert "hybrid Gramian is off for 2 of 2 layers" in note
    assert "a gradient for each task" in note


def test_one_wrong_layer_is_switched_off_alone(monkeypatch, sweeps):
    plain = Layer.gradient
    monkeypatch.setattr(
        Layer,
        "gradient",
        lambda layer, delta: plain(layer, delta) * (2.0 if layer.name == LAYER else 1.0),
    )
    net = Net(Part())
    backward = Backward(strategy_of(Looking, tasks=TASKS), net)
    for seed in (1, 2, 3):
        assert_equals_plain(backward, net, net.losses(seed=seed))
    assert sweeps == [0, 2, 0, 1, 1]
    assert backward.engine == "3 sweeps, hybrid Gramian for 1 of 2 layers"
    assert backward.checked.off == {LAYER}
    (note,) = backward.checked.notes
    assert "off for 1 of 2 layers" in note
    assert f"(by 1.0e+00 of their length for '{LAYER}')" in note


def hooked_before(layer, x):
    output = layer(x)
    output.grad_fn.register_prehook(lambda gradients: (2 * gradients[0],))
    return output


def hooked_after(layer, x):
    output = layer(x)
    output.grad_fn.register_hook(
        lambda given, _: tuple(None if g is None else 2 * g for g in given)
    )
    return output


@pytest.mark.parametrize(("use", "off"), [(hooked_before, set()), (hooked_after, {LAYER})])
def test_a_hook_on_the_layers_node_is_followed_or_found_by_the_comparison(use, off):
    net = Net(Part(use))
    backward = Backward(strategy_of(Looking, tasks=TASKS), net)
    for seed in (1, 2, 3):
        assert_equals_plain(backward, net, net.losses(seed=seed))
    assert backward.checked.off == off


def with_changed_gradient(layer, x):
    output = layer(x)
    output.register_hook(lambda g: 3 * g + 0.01)
    return output


def test_a_hook_that_changes_the_gradient_of_the_layers_output_changes_it_here_too():
    net = Net(Part(with_changed_gradient))
    backward = Backward(strategy_of(Looking, tasks=TASKS), net)
    for seed in (1, 2, 3):
        assert_equals_plain(backward, net, net.losses(seed=seed))


def clipped(layer, x):
    output = layer(x)
    output.register_hook(lambda g: g.clamp(-1e-3, 1e-3))
    return output


def test_a_hook_that_changes_only_large_gradients_changes_them_after_the_comparison_too():
    net = Net(Part(clipped))
    backward = Backward(strategy_of(Looking, tasks=TASKS), net)
    small = {task: 1e-6 * loss for task, loss in net.losses(seed=1).items()}
    assert_equals_plain(backward, net, small)  # compares, where the hook changes nothing
    assert_equals_plain(backward, net, net.losses(seed=2))


# Nothing is left behind.


def ready(net):
    """A Backward that has compared its layers already."""
    backward = Backward(strategy_of(Looking, tasks=TASKS), net)
    backward(net.losses())
    assert "hybrid" in backward.engine
    net.zero_grad()
    return backward


def test_no_hooks_are_left_and_gradients_have_no_graph():
    net = Net(Maps(nn.Conv2d(64, 64, 3, padding=1)))
    before = {name: set(vars(module)) for name, module in net.named_modules()}
    ready(net)(net.losses())
    for name, module in net.named_modules():
        assert set(vars(module)) == before[name]
        assert not any(value for key, value in vars(module).items() if key.endswith("_hooks"))
    for parameter in net.parameters():
        assert not parameter._backward_hooks
        assert not parameter._post_accumulate_grad_hooks
        assert not parameter.grad.requires_grad


@pytest.mark.parametrize("first", [True, False], ids=["comparing", "compared"])
@pytest.mark.parametrize("task", TASKS)
def test_a_second_backward_raises_torchs_error(task, first):
    net = Net(Part())
    backward = Backward(strategy_of(Looking, tasks=TASKS), net) if first else ready(net)
    losses = net.losses()
    backward(losses)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        losses[task].backward()


class Watched(Net):
    """Keeps weak references to the storage of what the part reads, and to an object of its graph.

    A hook on the hidden features holds the object, which lives as long as the graph.
    """

    def losses(self, tasks=TASKS, seed=0):
        generator = torch.Generator().manual_seed(seed)
        hidden = torch.tanh(self.first(torch.randn(2, 256, generator=generator)))
        token = nn.Identity()
        hidden.register_hook(lambda g, token=token: None)
        self.memory, self.graph = StorageWeakRef(hidden.untyped_storage()), weakref.ref(token)
        features = torch.tanh(self.part(hidden))
        return {t: self.heads[t](features).square().mean() for t in tasks}


@pytest.fixture
def no_collector():
    """What a reference cycle holds stays."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("first", [True, False], ids=["comparing", "compared"])
def test_what_the_trunk_kept_is_freed_while_the_losses_live(no_collector, first):
    net = Watched(Part())
    backward = Backward(strategy_of(Looking, tasks=TASKS), net) if first else ready(net)
    losses = net.losses()
    assert not net.memory.expired()
    backward(losses)
    assert net.memory.expired()
    assert losses


@pytest.mark.parametrize("make", [Part, conv_and(lambda: nn.BatchNorm2d(64))])
@pytest.mark.parametrize("first", [True, False], ids=["comparing", "compared"])
def test_the_graph_dies_with_the_losses(no_collector, first, make):
    net = Watched(make())
    backward = Backward(strategy_of(Looking, tasks=TASKS), net) if first else ready(net)
    losses = net.losses()
    backward(losses)
    assert net.graph() is not None
    del losses
    assert net.graph() is None


def test_no_reference_cycle_keeps_the_engine_or_the_net(no_collector):
    net = Net(Part())
    backward = ready(net)
    backward(net.losses())
    weight, engine = weakref.ref(net.first.weight), weakref.ref(backward)
    del net, backward
    assert engine() is None
    assert weight() is None


# Gradients at the last shared layer.


class Pointed(Architecture):
    """Two shared layers; ``c`` goes past the last one where ``around`` is set."""

    def __init__(self, around):
        super().__init__(BuildContext({}, Input((6,))))
        self.around = around
        self.trunk, self.last = nn.Linear(6, 8), nn.Linear(8, 8)
        self.heads = nn.ModuleDict({task: nn.Linear(8, 2) for task in TASKS})

    def losses(self, seed=0):
        generator = torch.Generator().manual_seed(seed)
        hidden = torch.tanh(self.trunk(torch.randn(5, 6, generator=generator)))
        features = torch.tanh(self.last(hidden))
        read_by = {t: hidden if self.around and t == "c" else features for t in TASKS}
        return {
            t: (i + 0.5) * (self.heads[t](read_by[t]) - i).square().mean()
            for i, t in enumerate(TASKS)
        }

    def last_shared(self):
        # a head among them is no shared layer
        return [*self.last.parameters(), *self.heads["a"].parameters()]


class LookingAtLast(Looking):
    at = "last"


class LookingAtLastOwn(LookingOwn):
    at = "last"


@pytest.mark.parametrize("around", [False, True], ids=["all tasks", "two of three tasks"])
@pytest.mark.parametrize("cls", [LookingAtLast, LookingAtLastOwn])
def test_gradients_at_the_last_layer_are_full_rows_restricted_to_it(cls, around):
    net = Pointed(around)
    if around:
        cls = type(cls.__name__, (cls,), {"weights": by_length})
    backward = Backward(strategy_of(cls, tasks=TASKS), net)
    for seed in (1, 2):
        losses = net.losses(seed=seed)
        products, expected, scales = combined(
            net, losses, cls, seen=lambda n: n.startswith("last.")
        )
        net.zero_grad()
        weights = backward(losses)
        gap = float((backward.strategy.last.seen - products).abs().max())
        assert gap <= 1e-6 * float(products.abs().max())
        assert weights.shape == (3,)
        for name, parameter in net.named_parameters():
            difference = float((parameter.grad.double() - expected[name]).norm())
            assert difference <= 1e-6 * scales[name], name


def by_length(self, gramian, losses):
    """Weights for a Gramian with a row of zeros."""
    self.seen = gramian.clone()
    lengths = gramian.diag()
    return torch.arange(1.0, 4.0, dtype=torch.float64) - 2 * lengths / lengths.sum()


@pytest.mark.parametrize("heads", ["own", "weighted"])
def test_the_last_layer_sees_another_gramian_than_all_shared_layers(heads):
    classes = {"own": (LookingOwn, LookingAtLastOwn), "weighted": (Looking, LookingAtLast)}
    seen = []
    for cls in classes[heads]:
        torch.manual_seed(0)
        net = Pointed(around=False)
        backward = Backward(strategy_of(cls, tasks=TASKS), net)
        backward(net.losses())
        seen.append(backward.strategy.last.seen)
    assert bool((seen[0].diag() > 1.01 * seen[1].diag()).all())
