"""Small networks for maps, and the size of the published ones."""

from __future__ import annotations

import torch

from benchbed.contracts.architecture import BuildContext
from benchbed.contracts.dataset import Input, Target
from benchbed.testing import ArchitectureContract
from benchbed.testing.samples import SampleTask
from benchbed_zoo.backbones.segnet import SegNet

WIDTH = 0.05


def maps(height, width, classes=13):
    """Return segmentation, depth and normals, the tasks of NYUv2."""
    return {
        "seg": Target("class", (height, width), classes=classes, ignore=255),
        "depth": Target("value", (height, width)),
        "normals": Target("value", (3, height, width)),
    }


def context(height=32, width=32, factor=WIDTH, tasks=("seg", "depth", "normals")):
    """Return what a network on SegNet is built for."""
    image = Input((3, height, width))
    targets = maps(height, width)
    found = {name: SampleTask(name, targets[name]) for name in tasks}
    return BuildContext(found, image, lambda: SegNet(image, factor))


def built(architecture, seed=0, **options):
    """Return a network of a seed, on a narrow SegNet."""
    torch.manual_seed(seed)
    return architecture.build(context(), **options)


def images(count=2, height=32, width=32, seed=1):
    """Return random images."""
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


class NarrowContract(ArchitectureContract):
    """Conformance for maps, on SegNet with a twentieth of its channels."""

    input = Input((3, 32, 32))
    targets = maps(32, 32, classes=5)

    def resolve(self, given):
        return super().resolve({"backbone.width": WIDTH, **given})
