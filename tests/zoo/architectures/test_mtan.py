"""MTAN on feature maps; on SegNet it is compared with a second implementation elsewhere."""

import pytest
import torch
from torch.nn import functional as F

from benchbed import Input
from benchbed.contracts.architecture import BuildContext
from benchbed.testing import ArchitectureContract
from benchbed.testing.samples import SampleTask
from benchbed_zoo.architectures.hps import HardParameterSharing
from benchbed_zoo.architectures.mtan import Mtan
from benchbed_zoo.backbones.conv_small import ConvSmall
from tests.zoo.architectures.small import NarrowContract, images, maps

IMAGE = Input((3, 24, 40))
TASKS = {name: SampleTask(name, target) for name, target in maps(24, 40).items()}


class TestMtan(NarrowContract):
    id = "mtan"


class TestMtanOnFeatureMaps(ArchitectureContract):
    id = "mtan"
    targets = maps(32, 32, classes=5)
    backbone = "conv-small"
    options = {"decoder_width": 4, "backbone.width": 3}


class TestMtanOfSamples(ArchitectureContract):
    id = "mtan"
    backbone = "conv-small"


def network(architecture=Mtan):
    torch.manual_seed(0)
    context = BuildContext(TASKS, IMAGE, lambda: ConvSmall(IMAGE, 4))
    return architecture.build(context, decoder_width=8).eval()


def test_each_map_is_masked_by_a_mask_of_it_and_of_the_one_before():
    net = network()
    x = images(2, 24, 40)
    features = net.backbone(x)
    for task in TASKS:
        first, second, third = net.attention.masks[task]
        one = first(features[0]) * features[0]
        carried = F.max_pool2d(net.attention.shared[0](one), 2)
        two = second(torch.cat([features[1], carried], dim=1)) * features[1]
        carried = F.max_pool2d(net.attention.shared[1](two), 2)
        three = third(torch.cat([features[2], carried], dim=1)) * features[2]
        expected = net.heads[task]([one, two, three])
        torch.testing.assert_close(net(x, [task])[task], expected)


def test_the_last_shared_layer_is_the_backbones_last_convolution():
    net = network()
    convolutions = [m for m in net.backbone.modules() if isinstance(m, torch.nn.Conv2d)]
    expected = list(convolutions[-1].parameters())
    assert list(map(id, net.last_shared())) == list(map(id, expected))


def test_masks_of_one_leave_hard_parameter_sharing():
    net = network()
    for masks in net.attention.masks.values():
        for mask in masks:
            torch.nn.init.zeros_(mask[4].weight)
            torch.nn.init.constant_(mask[4].bias, 50.0)
    plain = network(HardParameterSharing)
    plain.load_state_dict({k: v for k, v in net.state_dict().items() if "attention" not in k})
    x = images(2, 24, 40)
    for task, output in net(x, list(TASKS)).items():
        torch.testing.assert_close(output, plain(x, [task])[task])


@pytest.mark.parametrize("task", TASKS)
def test_a_tasks_masks_serve_that_task_alone(task):
    net = network()
    x = images(2, 24, 40)
    before = net(x, list(TASKS))
    for parameter in net.attention.masks[task].parameters():
        torch.nn.init.normal_(parameter)
    after = net(x, list(TASKS))
    changed = {name for name in TASKS if not torch.equal(before[name], after[name])}
    assert changed == {task}
