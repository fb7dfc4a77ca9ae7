from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchbed import Architecture, BuildContext, Input, Target
from benchbed.engine.cost import count_operations, count_parameters, method_costs, static_costs
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
    macs, _, _ = count_operations(network.eval(), torch.zeros(shape), ["a"])
    assert macs == expected


def test_what_is_no_multiply_add_is_kept_apart():
    network = Net(apply, nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.AvgPool2d(2)))
    macs, other, uncounted = count_operations(network.eval(), torch.zeros(1, 1, 4, 4), ["a"])
    assert macs == 32
    assert set(other) == {"batch_norm"}
    assert uncounted == ["avg_pool2d"]


def test_an_operator_that_nothing_counts_is_named():
    network = Net(lambda m, x: m(x)[0], nn.LSTM(9, 3))
    macs, _, uncounted = count_operations(network.eval(), torch.zeros(1, 4, 9), ["a"])
    assert macs == 0
    assert "lstm" in uncounted


def image_network(backbone, size=64, tasks=("a", "b")):
    image = Input((3, size, size))
    built = {name: Classification(name, Target("class", classes=10)) for name in tasks}
    return HardParameterSharing(BuildContext(built, image, lambda: backbone(image)))


@pytest.mark.parametrize("model", ["resnet18", "mobilenetv3_small_100", "vit_tiny_patch16_224"])
def test_multiply_adds_are_half_the_operations_that_torch_counts(model):
    network = image_network(lambda image: TimmFeatures(image, model)).eval()
    x = torch.zeros(1, 3, 64, 64)
    macs, _, _ = count_operations(network, x, ["a", "b"])
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
