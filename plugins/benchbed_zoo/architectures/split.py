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

    ``standard`` is SegNet; ``wide`` has 1024 channels in the last encoder stage; ``deep`` has every
    convolution, with its norm and ReLU, twice.

    Source: S. Liu, E. Johns, A. Davison, End-to-End Multi-Task Learning with Attention, CVPR 2019,
    section 4.1.2, with the sizes of its code.

    Raises:
        MethodError: the backbone is not SegNet.
    """

    def __init__(self, context: BuildContext, backbone: str = "", type: str = "standard") -> None:
        segnet = new_segnet(context, "split")
        if _LARGER[type]:
            segnet = segnet.enlarged(**_LARGER[type])
        super().__init__(replace(context, backbone=lambda: segnet))
