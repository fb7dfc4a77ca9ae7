"""Parameters and multiply-adds are those of the released networks, measured on the NYUv2 size.

Released code: lorenmt/mtan c36c30b and Armanfard-Lab/ATI-Net 34a1dd1, without the three scalars of
the loss that mtan's classes hold besides.
"""

import pytest
import torch

from benchbed.engine.operations import count_operations
from benchbed_zoo.architectures.ati_net import AtiNet
from benchbed_zoo.architectures.cross_stitch import CrossStitch
from benchbed_zoo.architectures.dense_sharing import DenseSharing
from benchbed_zoo.architectures.hps import HardParameterSharing
from benchbed_zoo.architectures.mtan import Mtan
from benchbed_zoo.architectures.pad_net import PadNet
from benchbed_zoo.architectures.single_task import SingleTask
from benchbed_zoo.architectures.split import Split
from tests.zoo.architectures.small import context

ALL = ("seg", "depth", "normals")
HEIGHT, WIDTH = 288, 384
CELLS = HEIGHT * WIDTH // 32**2
"""Each layer's cost goes with the area, so the cost of one 32×32 cell tells that of the image."""


@pytest.mark.parametrize(
    ("architecture", "options", "tasks", "parameters", "macs"),
    [
        (SingleTask, {}, ["seg"], 24_981_069, 60_416_851_968),
        (SingleTask, {}, ["depth"], 24_980_289, 60_331_917_312),
        (SingleTask, {}, ["normals"], 24_980_419, 60_346_073_088),
        (HardParameterSharing, {}, ALL, 25_055_185, 68_598_890_496),
        (Split, {}, ALL, 25_055_185, 68_598_890_496),
        (Split, {"type": "wide"}, ALL, 43_934_161, 76_752_617_472),
        (Split, {"type": "deep"}, ALL, 50_807_761, 131_790_274_560),
        (Mtan, {}, ["seg"], 38_185_805, 109_565_706_240),
        (Mtan, {}, ["depth"], 38_185_025, 109_480_771_584),
        (Mtan, {}, ["normals"], 38_185_155, 109_494_927_360),
        (Mtan, {}, ALL, 44_229_073, 216_045_453_312),
        (CrossStitch, {"type": "vector"}, ALL, 74_941_804, 181_094_842_368),
        (DenseSharing, {}, ALL, 123_743_992, 320_918_519_808),
        (PadNet, {"type": "ati"}, ALL, 45_938_641, 162_366_750_720),
        (AtiNet, {}, ALL, 45_716_497, 216_204_705_792),
        (AtiNet, {"variant": "as-released"}, ALL, 45_716_497, 216_045_453_312),
    ],
)
def test_a_network_costs_what_the_released_one_does(architecture, options, tasks, parameters, macs):
    with torch.device("meta"):
        net = architecture.build(context(32, 32, 1.0, tasks), **options).eval()
    assert sum(p.numel() for p in net.parameters()) == parameters
    net.to_empty(device="cpu")  # what the weights are does not matter
    found = count_operations(net, torch.zeros(1, 3, 32, 32), list(tasks))
    assert found.macs * CELLS == macs
    assert found.unknown == set()


def test_the_matrix_of_cross_stitch_and_initial_predictions_add_little():
    with torch.device("meta"):
        cross, pad = CrossStitch(context(32, 32, 1.0)), PadNet(context(32, 32, 1.0))
    assert sum(p.numel() for p in cross.parameters()) == 74_941_777 + 9 * 9
    assert sum(p.numel() for p in pad.parameters()) == 45_938_641 + 65 * (13 + 1 + 3)
