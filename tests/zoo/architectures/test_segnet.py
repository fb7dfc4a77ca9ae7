"""SegNet as a backbone: unpooling, sizes, heads."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from benchbed import Input, Target
from benchbed.basics.errors import MethodError
from benchbed.contracts.architecture import BuildContext
from benchbed.testing import ArchitectureContract, BackboneContract
from benchbed.testing.samples import SampleTask
from benchbed_zoo.architectures.ati_net import AtiNet
from benchbed_zoo.architectures.cross_stitch import CrossStitch
from benchbed_zoo.architectures.dense_sharing import DenseSharing
from benchbed_zoo.architectures.pad_net import PadNet
from benchbed_zoo.architectures.parts.heads import PooledHead, make_head
from benchbed_zoo.architectures.split import Split
from benchbed_zoo.backbones.conv_small import ConvSmall
from benchbed_zoo.backbones.segnet import Encoded, SegNet, encode, initialise, unpool
from tests.zoo.architectures.small import WIDTH, context, images, maps


class TestSegNet(BackboneContract):
    id = "segnet"
    input = Input((3, 37, 64))

    def component(self, given, tasks=None):
        return super().component({"width": WIDTH, **given}, tasks)


class TestOneTaskOnSegNet(ArchitectureContract):
    id = "single-task"
    targets = maps(32, 32)
    backbone = "segnet"

    def resolve(self, given):
        return super().resolve({"backbone.width": WIDTH, **given})


@settings(deadline=None, max_examples=40)
@given(
    height=st.integers(2, 13),
    width=st.integers(2, 13),
    form=st.sampled_from([torch.contiguous_format, torch.channels_last]),
    seed=st.integers(0, 10**6),
)
def test_unpooling_equals_torchs_own_with_its_gradient(height, width, form, seed):
    source = torch.Generator().manual_seed(seed)
    last = torch.randint(3, (2, 3, height, width), generator=source).float()  # with ties
    pooled, indices = F.max_pool2d(last.to(memory_format=form), 2, return_indices=True)
    values = torch.randn(pooled.shape, generator=source)
    weights = torch.randn(last.shape, generator=source)
    found = []
    for own in (True, False):
        x = values.to(memory_format=form, copy=True).requires_grad_()
        if own:
            output = unpool(x, Encoded(last, last, pooled, indices))
        else:
            output = nn.MaxUnpool2d(2)(x, indices, output_size=last.shape)
        (output * weights).sum().backward()
        found.append((output, x.grad))
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])


def test_unpooling_is_taken_by_the_deterministic_mode():
    last = torch.rand(1, 2, 6, 6)
    pooled, indices = F.max_pool2d(last, 2, return_indices=True)
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        output = unpool(pooled, Encoded(last, last, pooled, indices))
    finally:
        torch.use_deterministic_algorithms(before)
    assert torch.equal(output, torch.where(output != 0, last, 0.0))
    assert output.count_nonzero() == 18


@pytest.mark.parametrize("size", [(32, 32), (33, 63), (70, 47)])
def test_its_one_map_has_the_inputs_size(size):
    backbone = SegNet(Input((1, *size)), WIDTH).eval()
    (found,) = backbone(torch.rand(2, 1, *size))
    assert tuple(found.shape) == (2, backbone.channels[0], *size)
    assert (backbone.channels, backbone.reductions) == ((3,), (1,))


@pytest.mark.parametrize(
    ("width", "widths"),
    [
        (1.0, (64, 128, 256, 512, 512)),
        (0.25, (16, 32, 64, 128, 128)),
        (0.05, (3, 6, 13, 26, 26)),
        (0.001, (1, 1, 1, 1, 1)),
    ],
)
def test_width_multiplies_the_channels(width, widths):
    with torch.device("meta"):
        assert SegNet(Input((3, 32, 32)), width).widths == widths


def test_a_stage_gives_its_first_and_last_convolution_and_the_pooled_map():
    net = SegNet(Input((3, 32, 64)), WIDTH).eval()
    x = images(2, 32, 64)
    for stage, found in zip(net.encoder, encode(net.encoder, x), strict=True):
        first = F.relu(stage.first[1](stage.first[0](x)))
        last = first
        for unit in stage.rest:
            last = F.relu(unit[1](unit[0](last)))
        x = F.max_pool2d(last, 2)
        assert torch.equal(found.first, first)
        assert torch.equal(found.last, last)
        assert torch.equal(found.pooled, x)


def test_convolutions_begin_xavier_normal_without_bias():
    torch.manual_seed(0)
    net = SegNet(Input((3, 32, 32)), 0.25)
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            assert layer.bias.count_nonzero() == 0
            if layer.weight.numel() > 10_000:
                deviation = (2 / (9 * sum(layer.weight.shape[:2]))) ** 0.5
                assert float(layer.weight.detach().std()) == pytest.approx(deviation, rel=0.05)


def test_initialising_makes_a_used_network_a_new_one():
    net = SegNet(Input((3, 32, 32)), WIDTH)
    states = []
    for _ in range(2):
        initialise(net, generator=torch.Generator().manual_seed(4))
        states.append({key: value.clone() for key, value in net.state_dict().items()})
        net(images(4))
        for parameter in net.parameters():
            nn.init.normal_(parameter)
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


@pytest.mark.parametrize("shape", [(3, 31, 64), (3, 64, 16), (5,)])
def test_images_too_small_for_five_poolings_are_refused(shape):
    with pytest.raises(MethodError, match=r"at least 32×32.* choose another backbone"):
        SegNet(Input(shape), WIDTH)


def test_a_map_of_another_size_is_refused():
    backbone = SegNet(Input((3, 32, 48)), WIDTH)
    task = SampleTask("depth", Target("value", (16, 24)))
    with pytest.raises(MethodError, match=r"which is 32×48, and task 'depth' wants 16×24"):
        make_head(task, backbone)


def test_what_is_no_map_gets_a_pooled_head():
    backbone = SegNet(Input((3, 32, 32)), WIDTH)
    head = make_head(SampleTask("scene", Target("class", classes=4)), backbone)
    assert isinstance(head, PooledHead)
    assert head(backbone(images())).shape == (2, 4)


@pytest.mark.parametrize("architecture", [Split, CrossStitch, DenseSharing, PadNet, AtiNet])
def test_systems_of_segnets_stages_refuse_other_backbones(architecture):
    given = context()
    other = BuildContext(given.tasks, given.input, lambda: ConvSmall(given.input, 4))
    with pytest.raises(MethodError, match=r"cannot use ConvSmall; add backbone=segnet, as"):
        architecture(other)


def test_an_enlarged_one_keeps_what_else_it_was():
    class Other(SegNet):
        pass

    net = Other(Input((3, 32, 32)), WIDTH, bottleneck=100, repeats=2)
    same, wide, deep = net.enlarged(), net.enlarged(bottleneck=200), net.enlarged(repeats=3)
    found = [(x.width, x.bottleneck, x.repeats) for x in (same, wide, deep)]
    assert found == [(WIDTH, 100, 2), (WIDTH, 200, 2), (WIDTH, 100, 3)]
    assert {type(x) for x in (same, wide, deep)} == {Other}
    shapes = [{k: v.shape for k, v in x.state_dict().items()} for x in (net, same)]
    assert shapes[0] == shapes[1]


def test_a_further_decoder_is_as_the_first():
    net = SegNet(Input((3, 32, 32)), WIDTH, repeats=2)
    first, other = (x.state_dict() for x in (net.decoder, net.new_decoder()))
    assert {k: v.shape for k, v in first.items()} == {k: v.shape for k, v in other.items()}


def test_linear_layers_are_drawn_and_convolutions_keep_their_draws():
    plain = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Conv2d(3, 4, 1))
    mixed = nn.Sequential(*(nn.Conv2d(c.in_channels, c.out_channels, c.kernel_size) for c in plain))
    mixed.append(nn.Linear(4, 500))
    for net in (plain, mixed):
        initialise(net, generator=torch.Generator().manual_seed(2))
    for one, other in zip(plain, mixed, strict=False):
        assert torch.equal(one.weight, other.weight)
    linear = mixed[-1]
    assert not linear.bias.any()
    assert float(linear.weight.detach().std()) == pytest.approx((2 / 504) ** 0.5, rel=0.1)
