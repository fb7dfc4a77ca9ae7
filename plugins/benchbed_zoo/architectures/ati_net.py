"""ATI-Net: MTAN, half-way joined by distillation at the encoder's end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from benchbed.contracts.architecture import Architecture, BuildContext, Phase
from benchbed_zoo.architectures.parts.attention import SegNetAttention
from benchbed_zoo.architectures.parts.distillation import Distillation
from benchbed_zoo.architectures.parts.heads import make_heads
from benchbed_zoo.architectures.parts.last_layer import last_layer
from benchbed_zoo.architectures.parts.segnet_blocks import new_segnet
from benchbed_zoo.backbones.segnet import decode, encode, initialise


class AtiNet(Architecture):
    """MTAN on SegNet; from half of training on the decoder starts from distilled features.

    1×1 convolutions reduce the encoder's last map for each task, the tasks' features exchange
    messages, 1×1 convolutions widen them again, and their mean takes the place of the encoder's
    map where the decoder unpools first. In the first half of training all this is left out, so
    the network is MTAN.

    ``as-described``: at half of training the attention modules are drawn anew. ``as-released``: the
    code of the paper computes the mean but never uses it, so the network remains MTAN, and those
    convolutions get no gradient (here they are not even run); at half of training the prediction
    heads are drawn anew as well and the optimiser starts afresh. Its second half has half the
    learning rate, for which the protocol's schedule stands here. It also is a run of its own, so
    that a weighting strategy starts anew there, while here it goes on as it was.

    Source: D. Sinodinos, N. Armanfard, Attentive Task Interaction Network for Multi-Task Learning,
    ICPR 2022.

    Raises:
        MethodError: the backbone is not SegNet.
    """

    def __init__(
        self,
        context: BuildContext,
        backbone: str = "",
        variant: str = "as-described",
    ) -> None:
        super().__init__(context)
        self.released = variant == "as-released"
        self.distils = not self.released
        self.backbone = new_segnet(context, "ati-net")
        self.attention = SegNetAttention(self.backbone.widths, context.tasks)
        self.heads = make_heads(context.tasks, self.backbone)
        fine, *between, coarse = self.backbone.widths
        up = (fine, *between[:2], coarse)
        self.reducers = nn.ModuleDict({task: _pointwise(up[::-1]) for task in context.tasks})
        self.distillation = Distillation(context.tasks, fine)
        self.wideners = nn.ModuleDict({task: _pointwise(up) for task in context.tasks})
        for module in (self.reducers, self.distillation, self.wideners):
            initialise(module)

    def forward(self, x: Tensor, tasks: Sequence[str]) -> dict[str, Tensor]:
        """Return the outputs of the tasks."""
        encoded = encode(self.backbone.encoder, x)
        bottleneck = encoded[-1].pooled
        if self.distils:
            bottleneck = self._distilled(bottleneck)
        decoded = decode(self.backbone.decoder, bottleneck, encoded)
        return {task: self.heads[task]([self.attention(task, encoded, decoded)]) for task in tasks}

    def _distilled(self, x: Tensor) -> Tensor:
        reduced = {task: reducer(x) for task, reducer in self.reducers.items()}
        refined = self.distillation(reduced, reduced)
        widened = [widener(refined[task]) for task, widener in self.wideners.items()]
        return torch.stack(widened).mean(dim=0)

    def last_shared(self) -> Iterable[nn.Parameter] | None:
        """Return the parameters of the convolution before the last masks, as for MTAN."""
        return last_layer(self.attention.decoder_shared)

    def phases(self) -> Sequence[Phase]:
        """Return two halves."""
        return [Phase(until=0.5), Phase(fresh_optimizer=self.released)]

    def set_phase(self, index: int) -> None:
        """Distil in the second half, unless it is the released code."""
        self.distils = index == 1 and not self.released

    def enter_phase(self, index: int, generator: torch.Generator) -> Iterable[nn.Module]:
        """Draw the attention modules anew; as released, the heads too."""
        anew = [self.attention, self.heads] if self.released else [self.attention]
        for module in anew:
            initialise(module, generator=generator)
        return anew


def _pointwise(widths: Sequence[int]) -> nn.Sequential:
    """Return 1×1 convolutions between these numbers of channels, with batch norm and ReLU."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Conv2d(before, after, 1), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
