"""MTAN: task-specific attention on shared features."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor, nn

from benchbed.contracts.architecture import Architecture, BuildContext
from benchbed.contracts.backbone import Backbone
from benchbed_zoo.architectures.parts.attention import PyramidAttention, SegNetAttention
from benchbed_zoo.architectures.parts.heads import make_heads
from benchbed_zoo.architectures.parts.last_layer import last_layer
from benchbed_zoo.backbones.segnet import SegNet, decode, encode


class Mtan(Architecture):
    """A shared network; masks of each task choose among its features at every stage.

    In stage j task i attends to â_i = a_i ⊙ p (eq. 1), with the shared features p and the mask
    a_i = h_i(g_i([u; f(â_i of stage j − 1)])) in (0, 1) (eq. 2), u being the stage's features after
    its first convolution. The convolutions g and h make the mask of each task; f is shared by the
    tasks, as in the released code.

    On SegNet the masks lie on all stages of encoder and decoder
    (:class:`~benchbed_zoo.architectures.parts.attention.SegNetAttention`). On any other backbone
    they lie on its feature maps
    (:class:`~benchbed_zoo.architectures.parts.attention.PyramidAttention`), where u is p, and the
    decoders of hard parameter sharing read the attended maps.

    Example:
        As a method: ``mtan:backbone=resnet18,decoder_width=64+pcgrad``; as a command:

            benchbed run nyuv2-mtan mtan+dwa

    Source: S. Liu, E. Johns, A. Davison: End-to-End Multi-Task Learning with Attention, CVPR 2019,
    eqs. 1 and 2.
    """

    backbone: Backbone

    @classmethod
    def build(
        cls, context: BuildContext, backbone: str = "", decoder_width: int = 32
    ) -> Architecture:
        """Return the network on the context's backbone.

        Args:
            context: what the network is for.
            backbone: by its name, which the context has resolved.
            decoder_width: channels of the decoders of maps, where the backbone brings no heads.

        Raises:
            MethodError: a task predicts a map, and the backbone keeps none.
        """
        made = context.backbone()
        if isinstance(made, SegNet):
            return MtanOnSegNet(context, made)
        return MtanOnPyramid(context, made, decoder_width)

    def last_shared(self) -> Iterable[nn.Parameter] | None:
        """Return the parameters of the backbone's last convolution, whose map all tasks mask."""
        return last_layer(self.backbone)


class MtanOnSegNet(Mtan):
    """MTAN as in the paper's experiments on images.

    Args:
        context: the tasks and the input.
        segnet: the shared network.
    """

    def __init__(self, context: BuildContext, segnet: SegNet) -> None:
        super().__init__(context)
        self.backbone = segnet
        self.attention = SegNetAttention(segnet.widths, context.tasks)
        self.heads = make_heads(context.tasks, segnet)

    def forward(self, x: Tensor, tasks: Sequence[str]) -> dict[str, Tensor]:
        """Return the outputs of the tasks.

        Args:
            x: images, ``(N, C, H, W)``.
            tasks: names of those wanted.

        Returns:
            By task ``(N, K)``, or ``(N, K, H, W)`` of a map.
        """
        encoded = encode(self.backbone.encoder, x)
        decoded = decode(self.backbone.decoder, encoded[-1].pooled, encoded)
        return {task: self.heads[task]([self.attention(task, encoded, decoded)]) for task in tasks}

    def last_shared(self) -> Iterable[nn.Parameter] | None:
        """Return the parameters of the convolution before the last masks."""
        return last_layer(self.attention.decoder_shared)


class MtanOnPyramid(Mtan):
    """MTAN on the feature maps of any backbone.

    Args:
        context: the tasks and the input.
        backbone: the shared network.
        decoder_width: channels of the decoders of maps.
    """

    def __init__(self, context: BuildContext, backbone: Backbone, decoder_width: int) -> None:
        super().__init__(context)
        self.backbone = backbone
        self.attention = PyramidAttention(backbone.channels, context.tasks)
        self.heads = make_heads(context.tasks, backbone, decoder_width)

    def forward(self, x: Tensor, tasks: Sequence[str]) -> dict[str, Tensor]:
        """Return the outputs of the tasks.

        Args:
            x: images, ``(N, C, H, W)``.
            tasks: names of those wanted.

        Returns:
            By task ``(N, K)``, or ``(N, K, H, W)`` of a map.
        """
        features = self.backbone(x)
        return {task: self.heads[task](self.attention(task, features)) for task in tasks}
