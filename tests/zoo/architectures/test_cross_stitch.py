"""Cross-stitch networks on SegNet."""

import pytest
import torch

from benchbed_zoo.architectures.cross_stitch import CrossStitch
from benchbed_zoo.architectures.hps import HardParameterSharing
from tests.zoo.architectures.small import NarrowContract, built, context, images

TASKS = ["seg", "depth", "normals"]


class TestCrossStitch(NarrowContract):
    id = "cross-stitch"
    options = {"type": "vector"}


def alone(net, task):
    """Return the outputs of one branch by itself."""
    single = HardParameterSharing(context(tasks=[task])).eval()
    single.backbone.load_state_dict(net.branches[task].state_dict())
    single.heads[task].load_state_dict(net.heads[task].state_dict())
    return single


def test_without_mixture_the_branches_are_networks_of_their_own():
    net = built(CrossStitch).eval()
    for stitch in net.stitches:
        torch.nn.init.eye_(stitch.weights)
    x = images()
    outputs = net(x, TASKS)
    for task in TASKS:
        torch.testing.assert_close(outputs[task], alone(net, task)(x, [task])[task])


@pytest.mark.parametrize("task", TASKS)
def test_a_vector_that_picks_one_branch_leaves_that_one_as_it_is(task):
    net = built(CrossStitch, type="vector").eval()
    for stitch in net.stitches:
        with torch.no_grad():
            stitch.weights.copy_(torch.tensor([float(name == task) for name in TASKS]))
    x = images()
    torch.testing.assert_close(net(x, TASKS)[task], alone(net, task)(x, [task])[task])


@pytest.mark.parametrize("kind", ["matrix", "vector"])
def test_a_stitch_is_a_weighted_sum_for_the_task_of_its_row(kind):
    stitch = built(CrossStitch, type=kind).stitches[0]
    torch.nn.init.normal_(stitch.weights)
    maps = {task: torch.randn(2, 4, 3, 5) for task in TASKS}
    rows = stitch.weights if kind == "matrix" else stitch.weights.expand(3, 3)
    stacked = torch.stack(list(maps.values()))
    expected = torch.einsum("ts,snchw->tnchw", rows, stacked)
    torch.testing.assert_close(torch.stack(list(stitch(maps).values())), expected)


def test_there_is_a_stitch_after_five_poolings_and_before_four_decoder_stages():
    for kind, shape in (("matrix", (3, 3)), ("vector", (3,))):
        net = built(CrossStitch, type=kind)
        assert [tuple(stitch.weights.shape) for stitch in net.stitches] == [shape] * 9
        sum(output.square().mean() for output in net(images(4), TASKS).values()).backward()
        assert all(stitch.weights.grad.ne(0).all() for stitch in net.stitches)


def test_the_mixtures_begin_near_the_tasks_own_maps():
    matrix = torch.tensor([[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.05, 0.05, 0.9]])
    torch.testing.assert_close(built(CrossStitch).stitches[4].weights.data, matrix)
    assert built(CrossStitch, type="vector").stitches[4].weights.tolist() == [1, 1, 1]


def test_one_task_is_not_mixed():
    net = CrossStitch(context(tasks=["depth"])).eval()
    x = images()
    torch.testing.assert_close(net(x, ["depth"]), alone(net, "depth")(x, ["depth"]))


def test_convolutions_begin_xavier_uniform():
    weight = built(CrossStitch).branches["seg"].encoder[3].first[0].weight
    bound = (6 / (9 * sum(weight.shape[:2]))) ** 0.5
    assert 0.95 * bound < weight.abs().max() <= bound
