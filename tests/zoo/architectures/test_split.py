"""Split: hard parameter sharing on SegNet."""

import pytest
import torch

from benchbed_zoo.architectures.hps import HardParameterSharing
from benchbed_zoo.architectures.split import Split
from tests.zoo.architectures.small import NarrowContract, built, images


class TestSplit(NarrowContract):
    id = "split"


class TestSplitDeep(NarrowContract):
    id = "split"

    def resolve(self, given):
        return super().resolve({"type": "deep", **given})


def test_standard_is_hard_parameter_sharing_on_segnet():
    split, hps = (built(architecture).eval() for architecture in (Split, HardParameterSharing))
    x = images()
    for task, output in hps(x, ["seg", "depth", "normals"]).items():
        assert torch.equal(output, split(x, [task])[task])


@pytest.mark.parametrize(
    ("kind", "widths", "encoder", "decoder"),
    [
        ("standard", (3, 6, 13, 26, 26), (2, 2, 3, 3, 3), (3, 3, 3, 2, 2)),
        ("wide", (3, 6, 13, 26, 51), (2, 2, 3, 3, 3), (3, 3, 3, 2, 2)),
        ("deep", (3, 6, 13, 26, 26), (4, 4, 6, 6, 6), (6, 6, 6, 4, 4)),
    ],
)
def test_the_types_differ_in_width_or_in_the_number_of_convolutions(kind, widths, encoder, decoder):
    backbone = built(Split, type=kind).backbone
    convolutions = [
        [[m for m in stage.modules() if isinstance(m, torch.nn.Conv2d)] for stage in stages]
        for stages in (backbone.encoder, backbone.decoder)
    ]
    assert tuple(stage[-1].out_channels for stage in convolutions[0]) == widths
    assert tuple(map(len, convolutions[0])) == encoder
    assert tuple(map(len, convolutions[1])) == decoder


def test_the_representation_is_the_decoders_last_map():
    net = built(Split)
    outputs = net(images(), ["depth"])
    expected = net.heads["depth"]([net.representation()])
    torch.testing.assert_close(outputs["depth"], expected)
    assert {p.shape[0] for p in net.last_shared()} == {3}
