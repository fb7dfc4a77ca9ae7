"""Dense: a network for each task that also gets the features of a shared one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from benchbed.contracts.architecture import Architecture, BuildContext
from benchbed_zoo.architectures.parts.heads import make_heads
from benchbed_zoo.architectures.parts.segnet_blocks import new_segnet
from benchbed_zoo.backbones.segnet import (
    CONVOLUTIONS,
    DecoderStage,
    Encoded,
    EncoderStage,
    SegNet,
    decode,
    encode,
    initialise,
    unpool,
)


class DenseSharing(Architecture):
    """A shared SegNet, and one for each task whose stages get the shared stage's input as well.

    That is the shared pooled map in the encoder and the shared unpooled map in the decoder, beside
    the task's own. The shared network's last stage, with as many outputs as the first task has,
    serves no output: the released code makes it, so it counts among the parameters, but it is
    neither run nor trained. Weights of convolutions are Xavier uniform.

    Args:
        context: the tasks, images of at least 32×32, and SegNet.
        backbone: its name, which the context has resolved.

    Raises:
        MethodError: the backbone is not SegNet, or a map has not the input's size.

    Example:
        As a method: ``dense-sharing:backbone.width=0.5+uncertainty``; as a command:

            benchbed run nyuv2-mtan dense-sharing+dwa

    Source: S. Liu, E. Johns, A. Davison: End-to-End Multi-Task Learning with Attention, CVPR 2019,
    section 4.1.2, as in its code.
    """

    def __init__(self, context: BuildContext, backbone: str = "") -> None:
        super().__init__(context)
        self.shared = new_segnet(context, "dense-sharing")
        first, *_ = context.tasks.values()
        fine = self.shared.widths[0]
        self.shared.decoder[-1] = DecoderStage(fine, first.channels, CONVOLUTIONS[0], hidden=fine)
        self.branches = nn.ModuleDict({task: Branch(self.shared) for task in context.tasks})
        self.heads = make_heads(context.tasks, self.shared)
        initialise(self, nn.init.xavier_uniform_)

    def forward(self, x: Tensor, tasks: Sequence[str]) -> dict[str, Tensor]:
        """Return the outputs of the tasks.

        Args:
            x: images, ``(N, C, H, W)``.
            tasks: names of those wanted.

        Returns:
            By task ``(N, K)``, or ``(N, K, H, W)`` of a map.
        """
        encoded = encode(self.shared.encoder, x)
        decoded = decode(self.shared.decoder[:-1], encoded[-1].pooled, encoded[1:])
        unpooled = [*(stage.unpooled for stage in decoded), unpool(decoded[-1].last, encoded[0])]
        return {
            task: self.heads[task]([self.branches[task](x, encoded, unpooled)]) for task in tasks
        }


class Branch(nn.Module):
    """A SegNet of one task; all stages but the first get a shared map beside their own.

    Args:
        shared: the SegNet whose maps it gets.
    """

    def __init__(self, shared: SegNet) -> None:
        super().__init__()
        widths = shared.widths
        inputs = (shared.input.shape[0], *(2 * width for width in widths))
        self.encoder = nn.ModuleList(
            EncoderStage(before, after, count)
            for before, after, count in zip(inputs, widths, CONVOLUTIONS, strict=False)
        )
        outputs = (widths[0], *widths)
        hidden = (2 * widths[0], *widths)
        stages = list(zip(widths, hidden, outputs, CONVOLUTIONS, strict=False))
        self.decoder = nn.ModuleList(
            DecoderStage(2 * before, after, count, hidden=inner)
            for before, inner, after, count in reversed(stages)
        )

    def forward(self, x: Tensor, shared: Sequence[Encoded], unpooled: Sequence[Tensor]) -> Tensor:
        """Return the last map, ``(N, C′, H, W)``.

        Args:
            x: the images, ``(N, C, H, W)``.
            shared: what the shared encoder's stages gave, finest first.
            unpooled: what the shared decoder's stages unpooled, coarsest first.
        """
        encoded: list[Encoded] = []
        for stage, beside in zip(self.encoder, shared, strict=True):
            encoded.append(stage(x))
            x = torch.cat((encoded[-1].pooled, beside.pooled), dim=1)
        x = encoded[-1].pooled
        for stage, skip, other in zip(self.decoder, reversed(encoded), unpooled, strict=True):
            x = stage(x, skip, other).last
        return x
