"""Heads for samples and for maps."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from benchbed.basics.errors import MethodError
from benchbed.contracts.architecture import BuildContext
from benchbed.contracts.dataset import Input, Target
from benchbed.testing.samples import SampleTask
from benchbed_zoo.architectures.hps import HardParameterSharing
from benchbed_zoo.architectures.parts.heads import PooledHead, PyramidHead
from benchbed_zoo.backbones.conv_small import ConvSmall
from benchbed_zoo.backbones.mlp import Mlp
from benchbed_zoo.backbones.segnet import SegNet
from benchbed_zoo.backbones.timm_features import TimmFeatures

IMAGE = Input((3, 48, 80))
TASKS = {
    name: SampleTask(name, target)
    for name, target in {
        "seg": Target("class", (48, 80), classes=5),
        "normals": Target("value", (3, 48, 80)),
        "small": Target("value", (20, 33)),
        "scene": Target("class", classes=4),
    }.items()
}


def network(backbone, width=8):
    torch.manual_seed(0)
    context = BuildContext(TASKS, IMAGE, lambda: backbone)
    return HardParameterSharing(context, decoder_width=width)


@pytest.mark.parametrize("model", ["conv-small", "resnet18", "mobilenetv3_small_050"])
def test_outputs_have_the_targets_size(model):
    backbone = ConvSmall(IMAGE, 4) if model == "conv-small" else TimmFeatures(IMAGE, model)
    outputs = network(backbone)(torch.randn(2, *IMAGE.shape), list(TASKS))
    assert {name: tuple(output.shape) for name, output in outputs.items()} == {
        "seg": (2, 5, 48, 80),
        "normals": (2, 3, 48, 80),
        "small": (2, 1, 20, 33),
        "scene": (2, 4),
    }


@pytest.mark.parametrize("width", [1, 7, 32])
def test_a_decoder_has_the_parameters_that_its_layers_make(width):
    backbone = ConvSmall(IMAGE, 4)
    head = network(backbone, width).heads["seg"]
    laterals = sum(channels * width + width for channels in (4, 8, 16))
    merges = 3 * (9 * width * width + 2 * width)
    assert sum(p.numel() for p in head.parameters()) == laterals + merges + 5 * width + 5


def test_a_decoder_equals_its_formula_written_out():
    backbone = ConvSmall(IMAGE, 4).eval()
    net = network(backbone).eval()
    head = net.heads["seg"]
    x = torch.randn(2, *IMAGE.shape)
    merged = None
    for i in (2, 1, 0):
        weight, bias = head.laterals[i].weight, head.laterals[i].bias
        level = F.conv2d(backbone(x)[i], weight, bias)
        if merged is not None:
            level = level + F.interpolate(merged, scale_factor=2.0, mode="bilinear")
        convolution, norm, _ = head.merges[i]
        level = F.conv2d(level, convolution.weight, padding=1)
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        merged = ((level - norm.running_mean[:, None, None]) * scale[:, None, None]).relu()
    expected = F.conv2d(merged, head.output.weight, head.output.bias)
    torch.testing.assert_close(net(x, ["seg"])["seg"], expected)


def test_a_representation_is_there_only_where_all_heads_read_the_same_one():
    x = torch.randn(2, *IMAGE.shape)
    net = network(ConvSmall(IMAGE, 4))
    net(x, ["scene"])
    assert net.representation() is None
    samples = BuildContext({"scene": TASKS["scene"]}, IMAGE, lambda: ConvSmall(IMAGE, 4))
    single = HardParameterSharing(samples)
    single(x, ["scene"])
    assert single.representation().shape == (2, 16, 12, 20)
    assert single.eval()(x, ["scene"]).keys() == {"scene"}
    assert single.representation() is None


class WithHead(ConvSmall):
    """Brings a head for normals alone, a convolution of the finest map."""

    def head(self, task):
        return First(4, task.channels, 1) if task.name == "normals" else None


class First(nn.Conv2d):
    def forward(self, features):
        return super().forward(features[0])


def test_a_head_that_the_backbone_brings_comes_before_the_usual_one():
    net = network(WithHead(IMAGE, 4))
    kinds = {name: type(head) for name, head in net.heads.items()}
    assert kinds == {
        "seg": PyramidHead,
        "normals": First,
        "small": PyramidHead,
        "scene": PooledHead,
    }
    x = torch.randn(2, *IMAGE.shape)
    expected = net.heads["normals"](net.backbone(x))
    torch.testing.assert_close(net(x, ["normals"])["normals"], expected)


def test_heads_of_several_kinds_on_one_map_read_the_same_representation():
    image = Input((3, 32, 32))
    tasks = {
        "depth": SampleTask("depth", Target("value", (32, 32))),
        "scene": SampleTask("scene", Target("class", classes=4)),
    }
    net = HardParameterSharing(BuildContext(tasks, image, lambda: SegNet(image, 0.05)))
    outputs = net(torch.rand(4, 3, 32, 32), list(tasks))
    for name in tasks:
        torch.testing.assert_close(outputs[name], net.heads[name]([net.representation()]))


def test_a_backbone_without_maps_is_refused_for_a_map():
    with pytest.raises(MethodError, match="predicts a map of 48×80, and Mlp keeps none"):
        network(Mlp(IMAGE, 4))
