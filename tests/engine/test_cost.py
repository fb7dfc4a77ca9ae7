import warnings
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from torchvision.ops import DeformConv2d

from benchbed import Architecture, BuildContext, Input, Target
from benchbed.engine import operations
from benchbed.engine.cost import count_parameters, method_costs, static_costs
from benchbed.engine.operations import count_operations
from benchbed.engine.second_count import disagreement
from benchbed.engine.session import Session, build_session
from benchbed.execution.jobs import method_jobs
from benchbed.records.cost_sum import add_costs, size_kb
from benchbed.records.record import Costs, Macs, Parameters
from benchbed_zoo.architectures.hps import HardParameterSharing
from benchbed_zoo.backbones.conv_small import ConvSmall
from benchbed_zoo.backbones.timm_features import TimmFeatures
from benchbed_zoo.tasks.classification import Classification


class Net(Architecture):
    """A function of modules and the input, as the output of task ``a``."""

    def __init__(self, function, *modules):
        super().__init__(None)
        self.function, self.parts = function, nn.ModuleList(modules)

    def forward(self, x, tasks):
        return {"a": self.function(*self.parts, x)}


def apply(module, x):
    return module(x)


COUNTED = {
    "linear": (Net(apply, nn.Linear(9, 3)), (1, 9), 9 * 3),
    "linear on a sequence": (Net(apply, nn.Linear(9, 3)), (1, 4, 9), 4 * 9 * 3),
    "linear without bias": (Net(apply, nn.Linear(9, 3, bias=False)), (1, 9), 9 * 3),
    "conv": (Net(apply, nn.Conv2d(3, 5, 3, padding=1)), (1, 3, 7, 9), 7 * 9 * 5 * 3 * 9),
    "strided conv": (Net(apply, nn.Conv2d(3, 5, 3, 2, padding=1)), (1, 3, 7, 9), 4 * 5 * 5 * 3 * 9),
    "grouped conv": (Net(apply, nn.Conv2d(4, 6, 3, groups=2)), (1, 4, 7, 9), 5 * 7 * 6 * 2 * 9),
    "depthwise conv": (Net(apply, nn.Conv2d(4, 4, 3, groups=4)), (1, 4, 7, 9), 5 * 7 * 4 * 9),
    "dilated conv": (Net(apply, nn.Conv2d(2, 3, 3, dilation=2)), (1, 2, 7, 9), 3 * 5 * 3 * 2 * 9),
    "conv1d": (Net(apply, nn.Conv1d(4, 6, 3)), (1, 4, 9), 7 * 6 * 4 * 3),
    "transposed conv": (
        Net(apply, nn.ConvTranspose2d(3, 5, 2, 2)),
        (1, 3, 7, 9),
        7 * 9 * 3 * 5 * 4,
    ),
    "matmul": (Net(lambda x: x @ x.transpose(1, 2)), (1, 4, 9), 4 * 4 * 9),
    "bmm": (Net(lambda x: torch.bmm(x, x.transpose(1, 2))), (1, 4, 9), 4 * 4 * 9),
    "baddbmm": (
        Net(lambda x: torch.baddbmm(x.new_zeros(1, 4, 4), x, x.transpose(1, 2))),
        (1, 4, 9),
        4 * 4 * 9,
    ),
    "mm": (Net(lambda x: torch.mm(x[0], x[0].transpose(0, 1))), (1, 4, 9), 4 * 4 * 9),
    "einsum": (Net(lambda x: torch.einsum("nij,nkj->nik", x, x)), (1, 4, 9), 4 * 4 * 9),
    "attention": (
        Net(lambda x: F.scaled_dot_product_attention(x, x, x)),
        (1, 2, 4, 9),
        2 * (2 * 4 * 4 * 9),
    ),
    "cross-attention": (
        Net(lambda x: F.scaled_dot_product_attention(x, x[:, :, :3], x[:, :, :3, :5])),
        (1, 2, 4, 9),
        2 * (4 * 3 * 9 + 4 * 3 * 5),
    ),
    "multi-head attention": (
        Net(lambda m, x: m(x, x, x)[0], nn.MultiheadAttention(16, 4, batch_first=True)),
        (1, 5, 16),
        5 * 16 * 48 + 5 * 16 * 16 + 2 * 5 * 5 * 16,
    ),
    "masked multi-head attention": (
        Net(
            lambda m, x: m(x, x, x, attn_mask=x.new_zeros(5, 5))[0],
            nn.MultiheadAttention(16, 4, batch_first=True),
        ),
        (1, 5, 16),
        5 * 16 * 48 + 5 * 16 * 16 + 2 * 5 * 5 * 16,
    ),
    "nothing": (Net(lambda x: torch.relu(x) + 1), (1, 9), 0),
}


@pytest.mark.parametrize("name", COUNTED)
def test_multiply_adds_are_those_computed_by_hand(name):
    network, shape, expected = COUNTED[name]
    macs = count_operations(network.eval(), torch.zeros(shape), ["a"]).macs
    assert macs == expected


class After(Architecture):
    """A 1×1 convolution from 3 to 16 channels, a function of its maps, and a linear head of 4."""

    def __init__(self, function, *modules):
        super().__init__(None)
        self.stem = nn.Conv2d(3, 16, 1)
        self.parts = nn.ModuleList(modules)
        self.head = nn.Linear(16, 4)
        self.function = function

    def forward(self, x, tasks):
        found = self.function(*self.parts, self.stem(x))
        return {"a": self.head(found.flatten(2).mean(2))}


def pixels(x):
    """Maps as a sequence of their 144 places."""
    return x.flatten(2).transpose(1, 2)


def over_places(function):
    """A function of sequences as one of maps."""
    return lambda *given: function(*given[:-1], pixels(given[-1])).transpose(1, 2)


def recurrent(cls, **options):
    return After(over_places(lambda m, x: m(x)[0]), cls(16, 16, batch_first=True, **options))


def transformer(frozen):
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
    module = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    return After(over_places(apply), module.requires_grad_(not frozen))


def of_weight(function):
    weight = nn.Linear(16, 16, bias=False)
    return After(lambda m, x: function(m.weight, x), weight)


def scripted(module):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated, and still met
        return torch.jit.script(module)


PLACES = 144
STEM_AND_HEAD = 3 * 16 * PLACES + 16 * 4
SQUARE = 16 * 16 * PLACES
ENCODER_LAYER = PLACES * (3 * 16 * 16 + 16 * 16 + 2 * 16 * 32) + 2 * PLACES * PLACES * 16
LAYERS = {
    "conv, same": (After(apply, nn.Conv2d(16, 16, 3, padding="same")), 9 * SQUARE),
    "conv, valid": (After(apply, nn.Conv2d(16, 16, 3, padding="valid")), 9 * 256 * 100),
    "conv, reflected": (
        After(apply, nn.Conv2d(16, 16, 3, padding=1, padding_mode="reflect")),
        9 * SQUARE,
    ),
    "matmul, weight first": (
        of_weight(lambda w, x: (w @ x.view(1, 2, 8, 144).repeat(1, 1, 2, 1)).sum(1)),
        2 * SQUARE,
    ),
    "tensordot": (
        of_weight(lambda w, x: torch.tensordot(w, x, ([1], [1])).transpose(0, 1)),
        SQUARE,
    ),
    "einsum": (of_weight(lambda w, x: torch.einsum("dc,nchw->ndhw", w, x)), SQUARE),
    "matrix and vector": (
        of_weight(lambda w, x: x * (pixels(x)[0] @ w[0]).view(1, 1, 12, 12)),
        PLACES * 16,
    ),
    "vectors": (of_weight(lambda w, x: x * torch.dot(w[0], w[1])), 16),
    "cdist": (of_weight(lambda w, x: torch.cdist(pixels(x), w[None]).transpose(1, 2)), SQUARE),
    "bilinear": (
        After(over_places(lambda m, x: m(x, x)), nn.Bilinear(16, 16, 16)),
        PLACES * 16 * 16 * 16,
    ),
    "LSTM": (recurrent(nn.LSTM), 4 * 2 * SQUARE),
    "LSTM, both ways, two layers": (
        After(
            over_places(lambda m, x: m(x)[0][..., :16]),
            nn.LSTM(16, 16, 2, batch_first=True, bidirectional=True),
        ),
        2 * 4 * 2 * SQUARE + 2 * 4 * 3 * SQUARE,
    ),
    "LSTM, projected": (
        After(
            over_places(lambda m, x: m(x)[0].repeat(1, 1, 2)),
            nn.LSTM(16, 16, batch_first=True, proj_size=8),
        ),
        4 * (SQUARE + SQUARE // 2) + SQUARE // 2,
    ),
    "GRU": (recurrent(nn.GRU), 3 * 2 * SQUARE),
    "RNN": (recurrent(nn.RNN), 2 * SQUARE),
    "LSTM cell": (
        After(lambda m, x: m(x.mean((2, 3)))[0][..., None], nn.LSTMCell(16, 16)),
        4 * 2 * 256,
    ),
    "script": (After(apply, scripted(nn.Conv2d(16, 16, 1))), SQUARE),
    "trained encoder": (transformer(frozen=False), 2 * ENCODER_LAYER),
    "frozen encoder": (transformer(frozen=True), 2 * ENCODER_LAYER),
    "deformable": (
        After(lambda m, x: m(x, x.new_zeros(1, 18, 12, 12)), DeformConv2d(16, 16, 3, padding=1)),
        9 * SQUARE,
    ),
    "resized": (After(apply, nn.Upsample(scale_factor=2, mode="bilinear")), 0),
    "values are looked at": (
        After(lambda m, x: m(x) if float(x.sum()) > -1e9 else x, nn.Conv2d(16, 16, 1)),
        SQUARE,
    ),
    "embedding": (
        After(lambda m, x: m((x[:, 0] > 0).long()).movedim(3, 1), nn.Embedding(2, 16)),
        0,
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_costs_what_it_does_by_hand(name):
    network, expected = LAYERS[name]
    found = count_operations(network.eval(), torch.zeros(1, 3, 12, 12), ["a"])
    assert found.macs == STEM_AND_HEAD + expected
    assert found.unknown == set()


def test_what_is_no_multiply_add_is_kept_apart():
    network = Net(apply, nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.AvgPool2d(2)))
    found = count_operations(network.eval(), torch.zeros(1, 1, 4, 4), ["a"])
    assert found.macs == 32
    assert found.other["avg_pool2d"] == 8
    assert found.unknown == set()


def test_an_operator_without_a_formula_is_named():
    network = Net(lambda m, x: m(torch.fft.rfft(x).abs()), nn.Linear(3, 2))
    found = count_operations(network.eval(), torch.zeros(1, 4), ["a"])
    assert found.macs == 6
    assert found.unknown == {"aten._fft_r2c"}


class Caching(Architecture):
    """Makes its table at the first call, and keeps it and what it last saw."""

    def __init__(self):
        super().__init__(None)
        self.table = None
        self.layer = nn.Linear(4, 1)

    def forward(self, x, tasks):
        if self.table is None:
            self.table = torch.arange(4.0)
        self.seen = self.layer(x * self.table)
        return {"a": self.seen}


@pytest.mark.parametrize("name", sorted(set(LAYERS) - {"values are looked at", "script"}))
def test_networks_are_counted_without_data_where_that_is_possible(name):
    seen = []

    def look(network, x):
        seen.append(type(x))
        operations.count_pass(network, x, ["a"])

    network, _ = LAYERS[name]
    operations.on_shapes(network.eval(), torch.zeros(1, 3, 12, 12), look)
    assert seen == [FakeTensor]


def test_counting_without_data_leaves_nothing_of_it_in_the_network():
    network = Caching().eval()
    assert count_operations(network, torch.zeros(1, 4), ["a"]).macs == 4
    assert count_parameters(network, torch.zeros(1, 4), ["a"]).total == 5
    assert network.table is None
    assert network(torch.ones(1, 4), ["a"])["a"].shape == (1, 1)


def test_the_second_counter_is_named_only_where_it_says_something_else():
    x = torch.zeros(1, 3, 12, 12)
    network, _ = LAYERS["conv, same"]
    macs = count_operations(network.eval(), x, ["a"]).macs
    message = "fvcore counts 6,976 multiply-adds where benchbed counts 338,752."
    assert disagreement(network, x, ["a"], macs) == message
    network, _ = LAYERS["conv, reflected"]
    assert disagreement(network.eval(), x, ["a"], macs) == ""
    assert "cannot count" in disagreement(Net(lambda x: x.tolist()), x, ["a"], 0)


def image_network(backbone, size=64, tasks=("a", "b")):
    image = Input((3, size, size))
    built = {name: Classification(name, Target("class", classes=10)) for name in tasks}
    return HardParameterSharing(BuildContext(built, image, lambda: backbone(image)))


@pytest.mark.parametrize("model", ["resnet18", "mobilenetv3_small_100", "vit_tiny_patch16_224"])
def test_multiply_adds_are_half_the_operations_that_torch_counts(model):
    network = image_network(lambda image: TimmFeatures(image, model)).eval()
    x = torch.zeros(1, 3, 64, 64)
    macs = count_operations(network, x, ["a", "b"]).macs
    # torch 2.11 does not count its fused attention on a CPU, but the products that it stands for
    with FlopCounterMode(display=False) as counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        network(x, ["a", "b"])
    assert macs > 10**6
    assert 2 * macs == counter.get_total_flops()


def toy_session(toy_protocol, registry, method="toy-net"):
    (job,) = method_jobs(toy_protocol, [method], registry)
    return build_session(job)


def test_the_toy_nets_costs_are_those_computed_by_hand(toy_protocol, registry):
    costs = static_costs(toy_session(toy_protocol, registry))
    trunk = 4 * 8 + 8 + 2 * 8
    assert costs.parameters == Parameters(trunk + 2 * 9, trunk, {"a": 9, "b": 9})
    assert costs.macs == Macs(4 * 8 + 2 * 8, {"a": 4 * 8 + 8, "b": 4 * 8 + 8})
    assert costs.size_kb == {"fp32": 74 * 4 / 1024, "fp16": 74 * 2 / 1024}


def test_costing_leaves_mode_statistics_and_gradients_alone(toy_protocol, registry):
    session = toy_session(toy_protocol, registry)
    session.network.train()
    before = {name: value.clone() for name, value in session.network.state_dict().items()}
    static_costs(session)
    assert all(module.training for module in session.network.modules())
    assert all(torch.equal(v, before[n]) for n, v in session.network.state_dict().items())
    assert all(parameter.grad is None for parameter in session.network.parameters())


def test_the_parts_of_the_parameters_add_up_to_all_of_them():
    network = image_network(lambda image: ConvSmall(image, width=3), 8, ("a", "b", "c"))
    found = count_parameters(network, torch.zeros(1, 3, 8, 8), ["a", "b", "c"])
    assert found.total == sum(p.numel() for p in network.parameters())
    assert found.shared == sum(p.numel() for p in network.backbone.parameters())
    assert found.per_task == dict.fromkeys("abc", 10 * 12 + 10)
    assert found.total == found.shared + sum(found.per_task.values()) + found.unused
    assert found.unused == 0


class Odd(Architecture):
    """A frozen trunk, a module that nothing uses, a weight used by both heads, and a buffer."""

    def __init__(self):
        super().__init__(None)
        self.trunk = nn.Linear(4, 4)
        self.trunk.requires_grad_(False)
        self.forgotten = nn.Linear(7, 7, bias=False)
        self.heads = nn.ModuleDict({task: nn.Linear(4, 1) for task in "ab"})
        self.tied = self.trunk.weight  # the same parameter under two names counts once
        self.register_buffer("scale", torch.ones(100))

    def forward(self, x, tasks):
        features = self.trunk(x) @ self.tied
        return {task: self.heads[task](features) for task in tasks}


def test_frozen_and_unused_parameters_count_and_a_tied_one_counts_once():
    network = Odd()
    found = count_parameters(network, torch.zeros(1, 4), ["a", "b"])
    assert found == Parameters(20 + 49 + 10, 20, {"a": 5, "b": 5}, unused=49)


def test_frozen_parameters_are_frozen_again_after_counting():
    network = Odd()
    count_parameters(network, torch.zeros(1, 4), ["a", "b"])
    frozen = [p for p in network.parameters() if not p.requires_grad]
    assert {id(p) for p in frozen} == {id(p) for p in network.trunk.parameters()}


def test_frozen_parameters_are_frozen_again_when_the_network_fails():
    network = Odd()
    with pytest.raises(RuntimeError):
        count_parameters(network, torch.zeros(1, 5), ["a", "b"])
    assert not network.trunk.weight.requires_grad


def test_static_costs_name_all_of_a_networks_parts():
    tasks = {name: SimpleNamespace(channels=1) for name in "ab"}
    dataset = SimpleNamespace(input=Input((4,)))
    session = Session(None, torch.device("cpu"), dataset, tasks, Odd(), None)
    costs = static_costs(session)
    assert costs.parameters.unused == 49
    assert costs.macs == Macs(16 + 16 + 8, {"a": 36, "b": 36})


def test_the_costs_of_single_tasks_are_the_sum_over_their_nets(toy_protocol, registry):
    jobs = method_jobs(toy_protocol, ["toy-single", "toy-net"], registry)
    costs = method_costs(jobs)
    assert list(costs) == ["toy-single", "toy-net+equal"]
    single = costs["toy-single"]
    assert single.parameters == Parameters(2 * 65, 0, {"a": 65, "b": 65})
    assert single.macs == Macs(2 * 40, {"a": 40, "b": 40})
    assert single.size_kb == size_kb(130)
    assert costs["toy-net+equal"].parameters.total == 74


def test_added_costs_are_sums_and_unions():
    parts = [
        Costs(
            parameters=Parameters(10, 3, {"a": 5}, training_only=1, unused=2),
            macs=Macs(100, {"a": 100}),
            other_ops={"batch_norm": 7, "softmax": 1},
            uncounted=["lstm", "gelu"],
            size_kb=size_kb(10),
        ),
        Costs(
            parameters=Parameters(20, 4, {"b": 6}, training_only=2, unused=3),
            macs=Macs(50, {"b": 50}),
            other_ops={"batch_norm": 3},
            uncounted=["gelu"],
            size_kb=size_kb(20),
        ),
    ]
    assert add_costs(parts) == Costs(
        parameters=Parameters(30, 7, {"a": 5, "b": 6}, training_only=3, unused=5),
        macs=Macs(150, {"a": 100, "b": 50}),
        other_ops={"batch_norm": 10, "softmax": 1},
        uncounted=["gelu", "lstm"],
        size_kb={"fp32": 30 * 4 / 1024, "fp16": 30 * 2 / 1024},
    )


def test_adding_one_networks_costs_changes_nothing(toy_protocol, registry):
    costs = static_costs(toy_session(toy_protocol, registry))
    assert add_costs([costs]) == costs


def test_a_model_of_1024_parameters_takes_4_kb_in_single_and_2_kb_in_half_precision():
    assert size_kb(1024) == {"fp32": 4.0, "fp16": 2.0}
