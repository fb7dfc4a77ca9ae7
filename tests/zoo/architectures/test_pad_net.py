"""PAD-Net on SegNet; its forward pass is compared with a second implementation elsewhere."""

import pytest
import torch
from torch.nn import functional as F

from benchbed import Target
from benchbed_zoo.architectures.pad_net import PadNet
from benchbed_zoo.architectures.parts.distillation import Distillation
from benchbed_zoo.specs.architectures.feature_sharing import SPECS
from tests.zoo.architectures.small import NarrowContract, built, images, maps

TASKS = ["seg", "depth", "normals"]


class TestPadNet(NarrowContract):
    id = "pad-net"
    options = {"type": "ati"}
    targets = {**maps(32, 32, classes=5), "scene": Target("class", classes=4)}


def test_initial_predictions_are_scored_in_training_alone():
    net = built(PadNet)
    x = images()
    assert net(x, ["depth"]).keys() == {"depth", "depth@initial"}
    assert net.eval()(x, ["depth"]).keys() == {"depth"}
    assert built(PadNet, type="ati")(x, ["depth"]).keys() == {"depth"}


def test_initial_predictions_are_1x1_convolutions_of_the_undistilled_features():
    net = built(PadNet)
    seen = {}
    net.distillation.register_forward_hook(lambda _module, given, _out: seen.update(given[0]))
    outputs = net(images(), TASKS)
    for task in TASKS:
        weight, bias = net.initial[task].weight, net.initial[task].bias
        expected = torch.einsum("oc,nchw->nohw", weight[:, :, 0, 0], seen[task])
        expected = expected + bias[:, None, None]
        torch.testing.assert_close(outputs[f"{task}@initial"], expected)


def test_its_help_tells_how_it_differs_from_the_paper():
    (spec,) = (spec for spec in SPECS if spec.id == "pad-net")
    told = spec.options["type"].help
    assert "unlike the paper" in told
    assert "gated by the sender" in told


def test_both_types_predict_alike():
    paper, ati = built(PadNet), built(PadNet, type="ati")
    state = {k: v for k, v in paper.state_dict().items() if not k.startswith("initial")}
    ati.load_state_dict(state)
    x = images()
    for task in TASKS:
        assert torch.equal(paper.eval()(x, [task])[task], ati.eval()(x, [task])[task])


@pytest.mark.parametrize("names", [["a"], ["a", "b"], ["a", "b", "c", "d"]])
def test_distillation_adds_a_gated_message_from_each_other_task(names):
    module = Distillation(names, 3).double()
    features = {name: torch.randn(2, 3, 5, 4, dtype=torch.float64) for name in names}
    for task, refined in module(features, names).items():
        expected = features[task]
        for sender in names:
            if sender != task:
                message = module.messages[task][sender]
                convolved = [
                    F.conv2d(features[sender], layer.weight, layer.bias, padding=1)
                    for layer in (message.value, message.gate)
                ]
                expected = expected + convolved[0] / (1 + (-convolved[1]).exp())
        torch.testing.assert_close(refined, expected)


def test_all_decoders_unpool_with_the_indices_of_one_encoder():
    net = built(PadNet, type="ati")
    assert [name for name, _ in net.named_children()] == [
        "encoder",
        "decoders",
        "distillation",
        "heads",
        "initial",
    ]
    one, other, _ = net.decoders.values()
    assert not torch.equal(one[0].first[0].weight, other[0].first[0].weight)
    other.load_state_dict(one.state_dict())
    seen = {}
    net.distillation.register_forward_hook(lambda _module, given, _out: seen.update(given[0]))
    net.eval()(images(), TASKS)
    assert torch.equal(seen["seg"], seen["depth"])
    assert not torch.equal(seen["seg"], seen["normals"])
