"""Dense: networks of their own beside a shared one."""

import torch
from torch import nn
from torch.nn import functional as F

from benchbed_zoo.architectures.dense_sharing import DenseSharing
from tests.zoo.architectures.small import NarrowContract, built, images

TASKS = ["seg", "depth", "normals"]


class TestDenseSharing(NarrowContract):
    id = "dense-sharing"
    unused = ("shared.decoder.4.*",)


def test_each_stage_of_a_branch_reads_the_shared_map_beside_its_own():
    net = built(DenseSharing).eval()
    x = images()
    for task, branch in net.branches.items():
        torch.testing.assert_close(net(x, [task])[task], expected(net, branch, net.heads[task], x))


def expected(net, branch, head, x):
    """Both networks stage by stage, with torch's own unpooling."""

    def convolved(stage, *inputs):
        return stage.rest(stage.first(torch.cat(inputs, dim=1)))

    own, shared, indices = [x], [x], []
    for level in range(5):
        given = own[-1:] if level == 0 else [own[-1], shared[-1]]
        both = (
            convolved(branch.encoder[level], *given),
            convolved(net.shared.encoder[level], shared[-1]),
        )
        pooled = [F.max_pool2d(item, 2, return_indices=True) for item in both]
        own.append(pooled[0][0])
        shared.append(pooled[1][0])
        indices.append([pair[1] for pair in pooled])
    a, b = own[-1], shared[-1]
    for level in range(5):
        of_own, of_shared = indices[-1 - level]
        a, b = F.max_unpool2d(a, of_own, 2), F.max_unpool2d(b, of_shared, 2)
        a = convolved(branch.decoder[level], a, b)
        if level < 4:
            b = convolved(net.shared.decoder[level], b)
    return nn.Sequential(*head)(a)


def test_the_shared_networks_last_stage_has_the_first_tasks_channels():
    stage = built(DenseSharing).shared.decoder[-1]
    assert [stage.first[0].out_channels, stage.rest[0][0].out_channels] == [3, 13]


def test_convolutions_begin_xavier_uniform():
    weight = built(DenseSharing).branches["seg"].encoder[3].first[0].weight
    bound = (6 / (9 * sum(weight.shape[:2]))) ** 0.5
    assert 0.95 * bound < weight.abs().max() <= bound
