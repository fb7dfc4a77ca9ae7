"""The same code on the CPU and on a GPU gives the same outputs and gradients."""

import copy

import pytest
import torch

from benchbed_zoo.architectures.ati_net import AtiNet
from benchbed_zoo.architectures.cross_stitch import CrossStitch
from benchbed_zoo.architectures.dense_sharing import DenseSharing
from benchbed_zoo.architectures.mtan import Mtan
from benchbed_zoo.architectures.pad_net import PadNet
from benchbed_zoo.architectures.split import Split
from tests.zoo.architectures.small import built, images

ARCHITECTURES = [Split, Mtan, CrossStitch, DenseSharing, PadNet, AtiNet]
FORMATS = [torch.contiguous_format, torch.channels_last]


def outputs_and_gradients(net, x):
    outputs = net(x, list(net.context.tasks))
    sum(output.square().mean() for output in outputs.values()).backward()
    gradients = {k: p.grad for k, p in net.named_parameters() if p.grad is not None}
    return {k: v.detach().cpu() for k, v in {**outputs, **gradients}.items()}


def assert_agree(one, other):
    assert one.keys() == other.keys()
    largest = max(float(value.abs().max()) for value in one.values())
    for key, value in one.items():
        torch.testing.assert_close(other[key], value, rtol=1e-6, atol=1e-9 * largest, msg=key)


def pair(architecture):
    """Return two equal networks in evaluation mode and double precision."""
    net = built(architecture).double().eval()
    return net, copy.deepcopy(net), images(3).double()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_memory_format_changes_nothing(architecture):
    net, other, x = pair(architecture)
    other.to(memory_format=torch.channels_last)
    form = x.to(memory_format=torch.channels_last)
    assert_agree(outputs_and_gradients(net, x), outputs_and_gradients(other, form))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="There is no GPU.")
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_cpu_and_gpu_agree(architecture, form):
    net, other, x = pair(architecture)
    other.to("cuda", memory_format=form)
    on_gpu = outputs_and_gradients(other, x.to("cuda", memory_format=form))
    assert_agree(outputs_and_gradients(net, x), on_gpu)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="There is no GPU.")
def test_a_generator_draws_the_same_weights_anew_on_every_device():
    states = []
    for device in ("cpu", "cuda"):
        net = built(AtiNet).to(device)
        list(net.enter_phase(1, torch.Generator().manual_seed(3)))
        states.append({key: value.cpu() for key, value in net.state_dict().items()})
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
