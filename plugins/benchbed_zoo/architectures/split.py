"""Hard parameter sharing on SegNet: the three Split networks of MTAN's comparison."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from benchbed.contracts.architecture import BuildContext
from benchbed_zoo.architectures.hps import HardParameterSharing
from benchbed_zoo.architectures.parts.segnet_blocks import new_segnet

_LARGER: Final = {"standard": {}, "wide": {"bottleneck": 1024}, "deep": {"repeats": 2}}


class Split(HardParameterSharing):
    """One SegNet for all tasks and a head of two convolutions for each.

    Args:
        context: the tasks, images of at least 32×32, and SegNet.
        backbone: its name, which the context has resolved.
        type: ``standard`` is SegNet; ``wide`` has 1024 channels in the last encoder stage; ``deep``
            has every convolution, with its norm and ReLU, twice.

    Raises:
        MethodError: the backbone is not SegNet, or a map has not the input's size.

    Example:
        As a method: ``split:type=deep+dwa``; as a command:

            benchbed run nyuv2-mtan split:type=wide+dwa

    Source: S. Liu, E. Johns, A. Davison: End-to-End Multi-Task Learning with Attention, CVPR 2019,
    section 4.1.2, with the sizes of its code.
    """

    def __init__(self, context: BuildContext, backbone: str = "", type: str = "standard") -> None:
        segnet = new_segnet(context, "split")
        if _LARGER[type]:
            segnet = segnet.enlarged(**_LARGER[type])
        super().__init__(replace(context, backbone=lambda: segnet))
