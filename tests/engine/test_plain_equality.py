"""Updates of every level equal plain ones: T full gradients, concatenated, then combined.

Plain means what a reader of the papers would write: a gradient of each task's loss over all
parameters by ``torch.autograd.grad``, on the same graph and in the same precision; the rows over
what several tasks reach concatenated to J, (T, d); G = J·Jᵀ; and the strategy's formula.

Largest errors measured over all nets here (one thread, AVX-512, torch 2.15, float32, relative to
the length of the whole update): Gramian level 4.6e-7, its weights 1.2e-7; Jacobian level 0. At loss
level 0 against torch's own gradient of the combined loss; against the sum of T gradients 2.3e-6
(EfficientNet-B0), 1.9e-6 (ResNet-18), 1.7e-6 (MobileNetV3), 9e-7 (ConvNeXt), 3e-7 (others): one
sweep rounds otherwise than T do, through many norms. In float64 that is 5e-15 at most.
"""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from benchbed import Architecture, Input, Weighting
from benchbed.contracts.architecture import BuildContext, Phase
from benchbed.contracts.dataset import Target
from benchbed.engine.gradients import Backward
from benchbed.engine.hybrid_check import Checked
from benchbed.engine.hybrid_search import find_layers
from benchbed_zoo.architectures.hps import HardParameterSharing
from benchbed_zoo.backbones.timm_features import TimmFeatures
from benchbed_zoo.tasks.classification import Classification
from benchbed_zoo.tasks.regression import Regression
from benchbed_zoo.weightings.equal import Equal
from benchbed_zoo.weightings.mgda import Mgda
from benchbed_zoo.weightings.solvers.min_norm import min_norm_weights
from tests.engine.helpers import full_gradients, strategy_of

TASKS = ("a", "b", "c")
TOLERANCE = 1e-6


class Geometric(Weighting):
    """The geometric mean: not linear in the losses."""

    level = "loss"

    def combine(self, losses):
        return torch.stack(list(losses.values())).log().mean().exp()


class Unequal(Weighting):
    """Fixed weights at Gramian level, one of them negative."""

    level = "gramian"
    heads = "weighted"

    def weights(self, gramian, losses):
        return torch.tensor([0.3, -0.8, 2.5], dtype=torch.float64)[: len(losses)]


class Agreeing(Weighting):
    """The sum of the rows in each entry where all signs agree, half the first row elsewhere."""

    level = "jacobian"

    def direction(self, rows, losses):
        return {
            name: torch.where(
                (row > 0).all(0) | (row < 0).all(0), row.sum(0), 0.5 * row[0] - 0.1 * row[-1]
            )
            for name, row in rows.items()
        }


STRATEGIES = {
    "loss, equal": Equal,
    "loss, geometric": Geometric,
    "gramian, unequal": Unequal,
    "gramian, mgda": Mgda,
    "jacobian, agreeing": Agreeing,
}


# Plain updates, written without the engine.


def plain_weights(cls, jacobian, values):
    """The weight of each row, and of each task's own parameters; ``None`` at Jacobian level."""
    count = len(values)
    if cls is Equal:
        return [1.0] * count, [1.0] * count
    if cls is Geometric:
        mean = math.exp(sum(math.log(value) for value in values) / count)
        slopes = [mean / count / value for value in values]
        return slopes, slopes
    if cls is Unequal:
        return [0.3, -0.8, 2.5][:count], [0.3, -0.8, 2.5][:count]
    if cls is Mgda:
        wide = jacobian.double()
        return min_norm_weights((wide @ wide.T).numpy()).tolist(), [1.0] * count
    return None, [1.0] * count


def plain_update(net, losses, cls):
    """The update of each parameter by name (``None`` where none is reached), and the weights."""
    parameters = dict(net.named_parameters())
    found = full_gradients(losses, parameters)
    reach = {name: [t for t in losses if found[t][name] is not None] for name in parameters}
    shared = [name for name in parameters if len(reach[name]) > 1]

    def row(task):
        return torch.cat(
            [
                (torch.zeros_like(parameters[n]) if found[task][n] is None else found[task][n])
                .contiguous()
                .flatten()
                for n in shared
            ]
        )

    jacobian = torch.stack([row(task) for task in losses])
    values = [float(loss.detach()) for loss in losses.values()]
    weights, own = plain_weights(cls, jacobian, values)
    if weights is None:
        agree = (jacobian > 0).all(0) | (jacobian < 0).all(0)
        direction = torch.where(agree, jacobian.sum(0), 0.5 * jacobian[0] - 0.1 * jacobian[-1])
    else:
        direction = torch.tensor(weights, dtype=jacobian.dtype) @ jacobian
    parts = dict(zip(shared, direction.split([parameters[n].numel() for n in shared]), strict=True))
    factors = dict(zip(losses, own, strict=True))
    update = {}
    for name, parameter in parameters.items():
        if name in parts:
            update[name] = parts[name].view(parameter.shape)
        else:
            only = reach[name]
            update[name] = factors[only[0]] * found[only[0]][name] if only else None
    return update, weights


def error(net, update):
    """How far ``.grad`` is from an update, relative to the update's length."""
    difference, length = [], []
    for name, parameter in net.named_parameters():
        assert (parameter.grad is None) == (update[name] is None), name
        if update[name] is not None:
            difference.append(float((parameter.grad.double() - update[name].double()).norm()))
            length.append(float(update[name].double().norm()))
    return math.hypot(*difference) / math.hypot(*length)


def assert_plain(backward, net, losses, cls, tolerance=TOLERANCE):
    """One update of the engine against a plain one on the same graph."""
    update, weights = plain_update(net, losses, cls)
    net.zero_grad()
    returned = backward(losses)
    assert error(net, update) <= tolerance
    if returned is not None:
        gaps = [abs(w - v) for w, v in zip(returned.tolist(), weights, strict=True)]
        assert max(gaps) <= TOLERANCE


# Nets.


def hps(model, size):
    image = Input((3, size, size))
    tasks = {
        "a": Classification("a", Target("class", classes=5)),
        "b": Regression("b", Target("value")),
        "c": Classification("c", Target("class", classes=3)),
    }
    net = HardParameterSharing(BuildContext(tasks, image, lambda: TimmFeatures(image, model)))
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.dim() == 1:  # the gain of some layers is 0 at first, and so are gradients
                parameter.add_(0.3 * torch.rand_like(parameter))
    x, value = torch.rand(3, 3, size, size), torch.randn(3)
    classes = {"a": torch.tensor([0, 4, 2]), "c": torch.tensor([2, 1, 0])}

    def losses():
        dtype = next(net.parameters()).dtype
        outputs = net(x.to(dtype), TASKS)
        targets = {**classes, "b": value.to(dtype)}
        return {t: tasks[t].loss(outputs[t], targets[t])[0] / 3 for t in TASKS}

    return net, losses


def block(channels, outputs, kernel=3):
    return nn.Sequential(
        nn.Conv2d(channels, outputs, kernel, padding=kernel // 2),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class MtanLike(Architecture):
    """A shared trunk; for each task attention masks on two of its features.

    The first mask is shared by a and b, so that some parameters have two of three rows.
    """

    def __init__(self, width=64):
        super().__init__(BuildContext({}, Input((3, 8, 8))))
        self.one, self.two = block(3, width), block(width, 2 * width)
        self.masks = nn.ModuleDict(
            {task: nn.Conv2d(width, width, 1) for task in ("ab", "c")}
            | {f"{task}2": nn.Conv2d(3 * width, 2 * width, 1) for task in TASKS}
        )
        self.outer = nn.ModuleDict({task: block(width, width) for task in TASKS})
        self.heads = nn.ModuleDict({task: nn.Linear(2 * width, 2) for task in TASKS})

    def forward(self, x, tasks):
        one = self.one(x)
        two = self.two(F.max_pool2d(one, 4))
        outputs = {}
        for task in tasks:
            mask = torch.sigmoid(self.masks["c" if task == "c" else "ab"](one))
            attended = F.max_pool2d(self.outer[task](mask * one), 4)
            mask = torch.sigmoid(self.masks[f"{task}2"](torch.cat([attended, two], 1)))
            outputs[task] = self.heads[task]((mask * two).mean((2, 3)))
        return outputs


class PadNetLike(Architecture):
    """Initial predictions of all tasks are distilled into each final one, so they are shared."""

    def __init__(self, width=64):
        super().__init__(BuildContext({}, Input((3, 8, 8))))
        self.trunk = nn.Sequential(block(3, width), nn.MaxPool2d(4))
        self.features = nn.ModuleDict({t: block(width, width) for t in TASKS})
        self.initial = nn.ModuleDict({t: nn.Conv2d(width, 2, 1) for t in TASKS})
        self.gates = nn.ModuleDict(
            {f"{t}{o}": nn.Conv2d(width, width, 3, padding=1) for t in TASKS for o in TASKS}
        )
        self.heads = nn.ModuleDict({t: nn.Linear(width, 2) for t in TASKS})

    def forward(self, x, tasks):
        trunk = self.trunk(x)
        features = {task: self.features[task](trunk) for task in TASKS}
        outputs = {}
        for task in tasks:
            gate = torch.sigmoid(self.gates[f"{task}{task}"](features[task]))
            others = [self.gates[f"{task}{o}"](features[o]) for o in TASKS if o != task]
            distilled = features[task] + gate * sum(others)
            outputs[task] = self.heads[task](distilled.mean((2, 3)))
            outputs[f"{task}@initial"] = self.initial[task](features[task]).mean((2, 3))
        return outputs


class TwoPhases(Architecture):
    """Tasks share one trunk in the first half, and in the second a layer between it and c too."""

    def __init__(self, width=64):
        super().__init__(BuildContext({}, Input((3, 8, 8))))
        self.trunk = nn.Sequential(block(3, width), nn.MaxPool2d(4))
        self.later = nn.Conv2d(width, width, 3, padding=1)
        self.heads = nn.ModuleDict({t: nn.Linear(width, 2) for t in TASKS})
        self.index = 0

    def phases(self):
        return [Phase(until=0.5, tasks=("a", "b")), Phase()]

    def set_phase(self, index):
        self.index = index

    def forward(self, x, tasks):
        features = self.trunk(x)
        late = torch.tanh(self.later(features)) if self.index else features
        read = {"a": features, "b": late, "c": late}
        return {task: self.heads[task](read[task].mean((2, 3))) for task in tasks}


def small(cls):
    net = cls()
    x, target = torch.rand(4, 3, 8, 8), torch.randn(4, 2)

    def losses(names=TASKS):
        dtype = next(net.parameters()).dtype
        outputs = net(x.to(dtype), names)
        found = {}
        for i, name in enumerate(names):
            found[name] = (i + 0.5) * F.mse_loss(outputs[name], target.to(dtype))
            if f"{name}@initial" in outputs:
                again = F.mse_loss(outputs[f"{name}@initial"], -target.to(dtype))
                found[name] = found[name] + again
        return found

    return net, losses


NETS = {
    "resnet18": lambda: hps("resnet18", 32),
    "mobilenetv3": lambda: hps("mobilenetv3_small_100", 64),
    "convnext": lambda: hps("convnext_atto", 32),
    "efficientnet": lambda: hps("efficientnet_b0", 64),
    "vit": lambda: hps("vit_tiny_patch16_224", 32),
    "mtan": lambda: small(MtanLike),
    "padnet": lambda: small(PadNetLike),
}


def made(name):
    torch.manual_seed(0)
    return NETS[name]()


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("cls", [Unequal, Mgda, Agreeing])
def test_gradient_level_updates_equal_plain_ones(name, cls):
    net, losses = made(name)
    backward = Backward(strategy_of(cls, tasks=TASKS), net)
    for _ in range(2):  # the first update compares the hybrid Gramian, the second relies on it
        assert_plain(backward, net, losses(), cls)
    assert ("hybrid" in backward.engine) == (cls is not Agreeing)
    assert backward.checked.notes == []


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("cls", [Equal, Geometric])
def test_loss_level_updates_are_torchs_gradient_of_the_combined_loss(name, cls):
    net, losses = made(name)
    batch = losses()
    stacked = torch.stack(list(batch.values()))
    total = stacked.sum() if cls is Equal else stacked.log().mean().exp()
    parameters = dict(net.named_parameters())
    found = torch.autograd.grad(total, list(parameters.values()), retain_graph=True)
    Backward(strategy_of(cls, tasks=TASKS), net)(batch)
    assert error(net, dict(zip(parameters, found, strict=True))) <= TOLERANCE


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("cls", [Equal, Geometric])
def test_loss_level_updates_equal_plain_ones_but_for_rounding(name, cls):
    net, losses = made(name)
    deep = name in {"resnet18", "mobilenetv3", "convnext", "efficientnet"}
    backward = Backward(strategy_of(cls, tasks=TASKS), net)
    assert_plain(backward, net, losses(), cls, tolerance=1e-5 if deep else TOLERANCE)
    net.double()
    assert_plain(backward, net, losses(), cls, tolerance=1e-13)


@pytest.mark.parametrize("cls", STRATEGIES)
def test_updates_equal_plain_ones_in_each_phase(cls):
    cls = STRATEGIES[cls]
    torch.manual_seed(0)
    net, losses = small(TwoPhases)
    checked = Checked()
    for index, phase in enumerate(net.phases()):
        net.set_phase(index)
        tasks = tuple(phase.tasks or TASKS)
        backward = Backward(strategy_of(cls, tasks=TASKS), net, checked)
        for _ in range(2):
            assert_plain(backward, net, losses(tasks), cls)
        split = backward.partition(losses(tasks))
        assert ("later.weight" in split.shared) == (index == 1)
        assert ("heads.c.weight" in split.unreached) == (index == 0)


def test_every_net_here_has_layers_for_the_hybrid_gramian():
    for name in NETS:
        net, losses = made(name)
        batch = losses()
        shared = Backward(strategy_of(Unequal, tasks=TASKS), net).partition(batch).shared
        layers, candidates = find_layers(batch, shared, skip=())
        assert 0 < len(layers) < len(candidates), name


def test_a_net_whose_last_gains_are_0_at_first_keeps_its_hybrid_layers():
    # timm's ResNets begin so: the gradients of the layers before these gains are 0
    net, losses = made("resnet18")
    gains = [p for n, p in net.named_parameters() if n.endswith("bn2.weight")]
    with torch.no_grad():
        for gain in gains:
            gain.zero_()
    backward = Backward(strategy_of(Unequal, tasks=TASKS), net)
    assert_plain(backward, net, losses(), Unequal)
    with torch.no_grad():
        for gain in gains:
            gain.fill_(0.5)
    assert_plain(backward, net, losses(), Unequal)
    assert backward.checked.notes == []
    assert backward.checked.off == set()
    assert "hybrid" in backward.engine
