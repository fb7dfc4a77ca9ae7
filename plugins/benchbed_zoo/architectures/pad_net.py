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

    All decoders unpool with the encoder's indices. With ``paper``, initial predictions by 1×1
    convolution of each decoder's features are scored in training, with the weight of the task's
    final one. ``ati`` has none, as the code of ATI-Net. In both it is the features before the
    initial predictions that are distilled, where the paper encodes the predictions again.

    Source: D. Xu, W. Ouyang, X. Wang, N. Sebe, PAD-Net: Multi-Tasks Guided Prediction-and-
    Distillation Network, CVPR 2018; on SegNet as in the code of Sinodinos and Armanfard's ATI-Net.

    Raises:
        MethodError: the backbone is not SegNet.
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
        """Return the outputs of the tasks; in training also those of the initial predictions."""
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
        """Return ``(N, channels, H, W)``."""
        return super().forward(features[-1])


def _initial_head(task: Task, segnet: SegNet) -> nn.Module:
    if task.target.size:
        return PointwiseHead(segnet.channels[-1], task.channels, 1)
    return PooledHead(task, segnet)
