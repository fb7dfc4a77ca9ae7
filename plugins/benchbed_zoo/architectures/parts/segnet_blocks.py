"""What the systems on SegNet have in common."""

from __future__ import annotations

from benchbed.basics.errors import MethodError
from benchbed.contracts.architecture import BuildContext
from benchbed_zoo.backbones.segnet import SegNet


def new_segnet(context: BuildContext, system: str) -> SegNet:
    """Return a new backbone, which must be SegNet.

    Args:
        context: what makes the backbone.
        system: name of the architecture that takes SegNet apart.

    Raises:
        MethodError: it is another backbone.
    """
    backbone = context.backbone()
    if not isinstance(backbone, SegNet):
        raise MethodError(
            f"{system} is made of the stages of SegNet and cannot use {type(backbone).__name__}; "
            f"add backbone=segnet, as in {system}:backbone=segnet."
        )
    return backbone
