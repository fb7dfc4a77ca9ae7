"""Memory formats: the update is the same in each, and gradients lie in memory as parameters do."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from benchbed import Architecture, Input, Weighting
from benchbed.contracts.architecture import BuildContext
from benchbed.engine.gradients import Backward
from benchbed.engine.layout import in_layout, memory_format
from benchbed.engine.library import make_weighting
from tests.engine.helpers import strategy_of

TASKS = ("a", "b", "c")
ZOO = ["equal", "mgda", "imtl-g", "gradnorm", "graddrop", "trimmed-mean", "moco", "db-mtl"]
FORMATS = [torch.contiguous_format, torch.channels_last]


class Other(Weighting):
    """Returns directions in the format that the parameters are not in."""

    level = "jacobian"

    def direction(self, rows, losses):
        found = {}
        for name, row in rows.items():
            total = row.sum(0)
            if total.dim() == 4:
                last = total.is_contiguous(memory_format=torch.channels_last)
                total = total.contiguous(memory_format=FORMATS[0 if last else 1])
            found[name] = total
        return found


class Net(Architecture):
    """The last convolution has many weights and few positions: it goes by the hybrid Gramian."""

    def __init__(self):
        super().__init__(BuildContext({}, Input((3, 8, 8))))
        self.early = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(4))
        self.late = nn.Conv2d(8, 64, 3, padding=1)
        self.latest = nn.Conv2d(64, 64, 3, padding=1)
        self.heads = nn.ModuleDict({task: nn.Conv2d(64, 2, 1) for task in TASKS})

    def forward(self, x, tasks=TASKS):
        self.feature = self.latest(torch.relu(self.late(self.early(x))))
        return {task: self.heads[task](self.feature) for task in tasks}

    def last_shared(self):
        return self.latest.parameters()


def losses_of(net, seed):
    torch.manual_seed(seed)
    x = torch.randn(2, 3, 8, 8)
    return {
        task: (output - torch.randn(2, 1, 1, 1)).square().mean() for task, output in net(x).items()
    }


def trained(strategy, layout, steps=3):
    torch.manual_seed(0)
    net = Net().to(memory_format=layout)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2, fused=True)
    backward = Backward(strategy, net)
    for step in range(steps):
        optimizer.zero_grad()
        losses = losses_of(net, step)
        torch.manual_seed(step)
        backward(losses)
        for name, parameter in net.named_parameters():
            assert parameter.grad.stride() == parameter.stride(), name
        optimizer.step()
    return net, backward


@pytest.mark.parametrize("name", [*ZOO, "other"])
def test_training_is_the_same_in_both_formats(name):
    made = strategy_of(Other, tasks=TASKS) if name == "other" else make_weighting(name, TASKS)
    found = [trained(copy.deepcopy(made), layout)[0] for layout in FORMATS]
    assert [memory_format(net) for net in found] == ["contiguous", "channels_last"]
    for (key, one), other in zip(found[0].named_parameters(), found[1].parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4, msg=key)


@pytest.mark.parametrize("layout", FORMATS)
def test_layers_of_the_hybrid_gramian_are_among_them(layout):
    _, backward = trained(make_weighting("mgda", TASKS), layout)
    assert backward.engine == "3 sweeps, hybrid Gramian for 1 of 3 layers"


@pytest.mark.parametrize("layout", FORMATS)
def test_gradients_that_come_out_of_a_backward_pass_otherwise_are_put_right(layout):
    """Added to what is there, too."""
    torch.manual_seed(0)
    net = Net().to(memory_format=layout)
    backward = Backward(strategy_of(Other, tasks=TASKS), net)
    backward(losses_of(net, 0))
    once = [p.grad.clone() for p in net.parameters()]
    backward(losses_of(net, 0))
    for parameter, gradient in zip(net.parameters(), once, strict=True):
        assert parameter.grad.stride() == parameter.stride()
        torch.testing.assert_close(parameter.grad, 2 * gradient)


def test_a_network_declines_and_vectors_stay():
    torch.manual_seed(0)
    assert memory_format(in_layout(Net(), Input((3, 8, 8)))) == "channels_last"
    assert memory_format(in_layout(Net(), Input((8,)))) == "contiguous"

    class Declines(Net):
        channels_last = False

    assert memory_format(in_layout(Declines(), Input((3, 8, 8)))) == "contiguous"
