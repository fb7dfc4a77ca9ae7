import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from benchbed.contracts.architecture import BuildContext
from benchbed.contracts.dataset import Input, Target
from benchbed.engine.sharing import partition
from benchbed_zoo.architectures.hps import HardParameterSharing
from benchbed_zoo.backbones.conv_small import ConvSmall
from benchbed_zoo.tasks.classification import Classification
from tests.engine.helpers import full_gradients, losses_of, random_wired


def hps(*tasks):
    image = Input((1, 8, 8))
    built = {name: Classification(name, Target("class", classes=3)) for name in tasks}
    return HardParameterSharing(BuildContext(built, image, lambda: ConvSmall(image, width=2)))


def outputs(net, tasks):
    return net(torch.rand(2, 1, 8, 8), tasks)


def names(split):
    own = {task: list(parameters) for task, parameters in split.own.items()}
    return list(split.shared), own, list(split.unreached)


def test_hard_sharing_shares_its_backbone_and_gives_each_task_its_head():
    net = hps("a", "b")
    shared, own, unreached = names(partition(outputs(net, ["a", "b"]), net.named_parameters()))
    assert shared == [name for name, _ in net.named_parameters() if name.startswith("backbone.")]
    assert own == {task: [f"heads.{task}.2.weight", f"heads.{task}.2.bias"] for task in "ab"}
    assert unreached == []


def test_with_one_task_alone_nothing_is_shared():
    net = hps("a")
    shared, own, unreached = names(partition(outputs(net, ["a"]), net.named_parameters()))
    assert (shared, unreached) == ([], [])
    assert own == {"a": [name for name, _ in net.named_parameters()]}


def test_the_heads_of_tasks_left_out_are_unreached():
    net = hps("a", "b", "c")
    shared, _, unreached = names(partition(outputs(net, ["a", "b"]), net.named_parameters()))
    assert all(name.startswith("backbone.") for name in shared)
    assert unreached == ["heads.c.2.weight", "heads.c.2.bias"]


class CrossTalk(nn.Module):
    """As PAD-Net: every final prediction reads all tasks' initial ones; modules bear task names."""

    def __init__(self):
        super().__init__()
        self.trunk = nn.Linear(3, 4)
        self.initial = nn.ModuleDict({task: nn.Linear(4, 2) for task in "ab"})
        self.final = nn.ModuleDict({task: nn.Linear(4, 1) for task in "ab"})

    def forward(self, x):
        features = torch.relu(self.trunk(x))
        first = torch.cat([self.initial[task](features) for task in "ab"], dim=1)
        return {task: self.final[task](first) for task in "ab"}


def test_a_decoder_named_after_one_task_is_shared_where_the_other_task_reads_it():
    net = CrossTalk()
    shared, own, _ = names(partition(net(torch.randn(5, 3)), net.named_parameters()))
    assert {name.partition(".")[0] for name in shared} == {"trunk", "initial"}
    assert {"initial.a.weight", "initial.b.weight"} <= set(shared)
    assert own == {task: [f"final.{task}.weight", f"final.{task}.bias"] for task in "ab"}


def test_a_detached_reading_of_the_others_decoder_shares_nothing():
    trunk, a, b = nn.Linear(3, 4), nn.Linear(4, 1), nn.Linear(4, 1)
    features = trunk(torch.randn(5, 3))
    first = a(features)
    parameters = [(f"a.{name}", p) for name, p in a.named_parameters()]
    split = partition({"a": first.sum(), "b": (b(features) + first.detach()).sum()}, parameters)
    assert not split.shared
    assert list(split.own["a"]) == ["a.weight", "a.bias"]


def test_frozen_parameters_are_in_no_part():
    net = hps("a", "b")
    net.backbone.stages[0].requires_grad_(False)
    split = partition(outputs(net, ["a", "b"]), net.named_parameters())
    everything = {*split.shared, *split.unreached, *split.own["a"], *split.own["b"]}
    assert everything == {
        n for n, _ in net.named_parameters() if not n.startswith("backbone.stages.0")
    }


@pytest.mark.parametrize("constant", [torch.tensor(1.0), torch.tensor(1.0, requires_grad=True)])
def test_a_loss_that_is_a_leaf_reaches_no_parameter(constant):
    weight = nn.Parameter(torch.ones(2))
    split = partition({"a": constant, "b": weight.sum()}, [("weight", weight)])
    assert list(split.own["b"]) == ["weight"]
    assert not split.shared


def test_a_parameter_that_is_itself_the_loss_belongs_to_its_task():
    weight = nn.Parameter(torch.tensor(1.0))
    split = partition({"a": weight, "b": weight * 2}, [("weight", weight)])
    assert list(split.shared) == ["weight"]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_the_partition_agrees_with_which_gradients_torch_finds(seed):
    net, scales = random_wired(seed)
    losses = losses_of(net, scales)
    found = full_gradients(losses, dict(net.named_parameters()))
    split = partition(losses, net.named_parameters())
    for name, _ in net.named_parameters():
        reaching = [task for task in losses if found[task][name] is not None]
        assert (name in split.shared) == (len(reaching) > 1)
        assert (name in split.unreached) == (not reaching)
        assert [task for task in losses if name in split.own[task]] == (
            reaching if len(reaching) == 1 else []
        )
