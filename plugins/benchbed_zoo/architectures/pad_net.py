"""PAD-Net: a decoder for each task, and distillation among their features."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor, nn

from benchbed.contracts.architecture import Architecture, BuildContext
from benchbed.contracts.task import Task
from benchbed_zoo.architectures.parts.distillation import Distillation
from benchbed_zoo.architectures.parts.heads import PooledHead, make_heads
from benchbed_zoo.architectures.parts.last_layer import last_layer
from benchbed_zoo.architectures.parts.segnet_blocks import new_segnet
from benchbed_zoo.backbones.segnet import SegNet, decode, encode, initialise


class PadNet(Architecture):
    """SegNet's encoder, a SegNet decoder for each task, distillation, and a head for each.

    With the decoders' features x_t, task t's head reads x_t + Σ_s value_s(x_s)·σ(gate_s(x_s)) over
    the other tasks s (:class:`~benchbed_zoo.architectures.parts.distillation.Distillation`). All
    decoders unpool with the encoder's indices. It is the features before the initial predictions
    that are distilled, where the paper encodes the predictions again.

    Args:
        context: the tasks, images of at least 32×32, and SegNet.
        backbone: its name, which the context has resolved.
        type: with ``paper`` initial predictions by 1×1 convolution of each decoder's features are
            scored in training, with the weight of the task's final one; ``ati`` has none, as the
            code of ATI-Net.

    Raises:
        MethodError: the backbone is not SegNet, or a map has not the input's size.

    Example:
        As a method: ``pad-net:type=ati+dwa``; as a command:

            benchbed run nyuv2-mtan pad-net+dwa

    Source: D. Xu, W. Ouyang, X. Wang, N. Sebe: PAD-Net: Multi-Tasks Guided Prediction-and-
    Distillation Network, CVPR 2018, module C; on SegNet as in the code of Sinodinos and Armanfard's
    ATI-Net.
    """

    def __init__(self, context: BuildContext, backbone: str = "", type: str = "paper") -> None:
        super().__init__(context)
        segnet = new_segnet(context, "pad-net")
        self.encoder = segnet.encoder
        self.decoders = nn.ModuleDict({task: segnet.new_decoder() for task in context.tasks})
        self.distillation = Distillation(context.tasks, segnet.channels[-1])
        self.heads = make_heads(context.tasks, segnet)
        self.initial = nn.ModuleDict(
            {k: _initial_head(task, segnet) for k, task in context.tasks.items() if type == "paper"}
        )
        initialise(self)

    def forward(self, x: Tensor, tasks: Sequence[str]) -> dict[str, Tensor]:
        """Return the outputs of the tasks.

        Args:
            x: images, ``(N, C, H, W)``.
            tasks: names of those wanted.

        Returns:
            By task ``(N, K)``, or ``(N, K, H, W)`` of a map; in training also the initial
            prediction of each task, under its name and ``@initial``.
        """
        encoded = encode(self.encoder, x)
        features = {
            task: decode(stages, encoded[-1].pooled, encoded)[-1].last
            for task, stages in self.decoders.items()
        }
        refined = self.distillation(features, tasks)
        outputs = {task: self.heads[task]([refined[task]]) for task in tasks}
        for task in self.initial if self.training else ():
            if task in tasks:
                outputs[f"{task}@initial"] = self.initial[task]([features[task]])
        return outputs

    def last_shared(self) -> Iterable[nn.Parameter] | None:
        """Return the parameters of the encoder's last convolution."""
        return last_layer(self.encoder)


class PointwiseHead(nn.Conv2d):
    """A 1×1 convolution of the last feature map."""

    def forward(self, features: Sequence[Tensor]) -> Tensor:  # type: ignore[override]
        """Return ``(N, K, H, W)``.

        Args:
            features: maps, of which the last is ``(N, C, H, W)``.
        """
        return super().forward(features[-1])


def _initial_head(task: Task, segnet: SegNet) -> nn.Module:
    if task.target.size:
        return PointwiseHead(segnet.channels[-1], task.channels, 1)
    return PooledHead(task, segnet)
