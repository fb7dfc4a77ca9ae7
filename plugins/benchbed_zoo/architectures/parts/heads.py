"""Heads that turn a backbone's feature maps into a task's output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from benchbed.basics.errors import MethodError
from benchbed.contracts.backbone import Backbone
from benchbed.contracts.task import Task


class PooledHead(nn.Sequential):
    """Global average pooling of the last map and a linear layer: one prediction a sample.

    Args:
        task: what the head is for.
        backbone: what it gets the feature maps of.
    """

    def __init__(self, task: Task, backbone: Backbone) -> None:
        super().__init__(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(backbone.channels[-1], task.channels),
        )

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Return ``(N, K)``, K the task's channels.

        Args:
            features: the backbone's maps, ``(N, C, H, W)`` each, finest first.
        """
        output: Tensor = super().forward(features[-1])
        return output


class PyramidHead(nn.Module):
    """A decoder for a map: top-down over all maps of the backbone, then 1×1 convolution.

    From the coarsest map to the finest: what came so far is enlarged bilinearly, the map is added
    after a 1×1 convolution to ``width`` channels, and both are merged by 3×3 convolution, batch
    norm and ReLU. The result is enlarged to the target's size.

    Args:
        task: what the head is for.
        backbone: what it gets the feature maps of.
        width: channels of the decoder.

    Raises:
        MethodError: the backbone's finest map is a single point.

    Source: T.-Y. Lin et al.: Feature Pyramid Networks for Object Detection, CVPR 2017, with the
    convolution after each merge in the top-down path.
    """

    def __init__(self, task: Task, backbone: Backbone, width: int) -> None:
        super().__init__()
        self.size = task.target.size
        if backbone.reductions[0] >= min(self.size):
            raise MethodError(
                f"Task '{task.name}' predicts a map of {self.size[0]}×{self.size[1]}, and "
                f"{type(backbone).__name__} keeps none of its input; choose a convolutional "
                "backbone such as conv-small or resnet18."
            )
        self.laterals = nn.ModuleList(nn.Conv2d(c, width, 1) for c in backbone.channels)
        self.merges = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            )
            for _ in backbone.channels
        )
        self.output = nn.Conv2d(width, task.channels, 1)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Return ``(N, K, H, W)`` of the target's height and width, K the task's channels.

        Args:
            features: the backbone's maps, ``(N, C, H, W)`` each, finest first.
        """
        merged: Tensor | None = None
        stages = zip(features, self.laterals, self.merges, strict=True)
        for feature, lateral, merge in reversed(list(stages)):
            level = lateral(feature)
            if merged is not None:
                level = level + _resized(merged, level.shape[-2:])
            merged = merge(level)
        return _resized(self.output(merged), self.size)


def _resized(x: Tensor, size: Sequence[int]) -> Tensor:
    if x.shape[-2:] == tuple(size):
        return x
    return F.interpolate(x, tuple(size), mode="bilinear", align_corners=False)


def make_head(task: Task, backbone: Backbone, width: int = 32) -> nn.Module:
    """Return the head for a task's target.

    That is the backbone's own, if it brings one; else a pooled one for one prediction a sample, and
    a decoder for a map.

    Args:
        task: what the head is for.
        backbone: what it gets the feature maps of.
        width: channels of a decoder.

    Raises:
        MethodError: the task predicts a map, and the backbone keeps none.
    """
    own = backbone.head(task)
    if own is not None:
        return own
    if not task.target.size:
        return PooledHead(task, backbone)
    return PyramidHead(task, backbone, width)


def make_heads(tasks: Mapping[str, Task], backbone: Backbone, width: int = 32) -> nn.ModuleDict:
    """Return the head of each task by its name.

    Args:
        tasks: what the heads are for, by name.
        backbone: what they get the feature maps of.
        width: channels of a decoder.

    Raises:
        MethodError: a task predicts a map, and the backbone keeps none.
    """
    return nn.ModuleDict({name: make_head(task, backbone, width) for name, task in tasks.items()})
