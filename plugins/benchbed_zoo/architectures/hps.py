"""Hard parameter sharing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor, nn

from benchbed.contracts.architecture import Architecture, BuildContext
from benchbed_zoo.architectures.parts.heads import PooledHead, make_heads
from benchbed_zoo.architectures.parts.last_layer import last_layer


class HardParameterSharing(Architecture):
    """One backbone for all tasks, and a head of its own for each: ŷ_t = head_t(backbone(x)).

    The head is a linear layer on the pooled last features where the task predicts one thing a
    sample, and a decoder over all feature maps (:class:`PyramidHead`) where it predicts a map,
    unless the backbone brings a head of its own.

    Args:
        context: the tasks, the input and the backbone.
        backbone: its name, which the context has resolved.
        decoder_width: channels of the decoders of maps.

    Raises:
        MethodError: a task predicts a map, and the backbone keeps none.

    Example:
        As a method: ``hps:decoder_width=64+uncertainty``; as a command:

            benchbed run digits hps+dwa

    Source: R. Caruana: Multitask Learning, Machine Learning 28, 1997.
    """

    def __init__(self, context: BuildContext, backbone: str = "", decoder_width: int = 32) -> None:
        super().__init__(context)
        self.backbone = context.backbone()
        self._features: Tensor | None = None
        self.heads = make_heads(context.tasks, self.backbone, decoder_width)
        self._single = len(self.backbone.channels) == 1 or all(
            isinstance(head, PooledHead) for head in self.heads.values()
        )

    def forward(self, x: Tensor, tasks: Sequence[str]) -> dict[str, Tensor]:
        """Return the outputs of the tasks.

        Args:
            x: what the backbone reads, ``(N, C, H, W)`` or ``(N, …)``.
            tasks: names of those wanted.

        Returns:
            By task ``(N, K)``, or ``(N, K, H, W)`` of a map.
        """
        features = self.backbone(x)
        self._features = features[-1] if self.training and self._single else None
        return {task: self.heads[task](features) for task in tasks}

    def representation(self) -> Tensor | None:
        """Return the last training pass's features, before heads pool or read them.

        There is no single representation where a decoder reads several feature maps.

        Returns:
            ``(N, channels, h, w)`` of the backbone's last map, or ``None``.
        """
        return self._features

    def last_shared(self) -> Iterable[nn.Parameter] | None:
        """Return the parameters of the backbone's last convolution or linear layer."""
        return last_layer(self.backbone)
