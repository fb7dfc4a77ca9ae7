"""SegNet: an encoder and a decoder that unpools with the encoder's indices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchbed.basics.errors import MethodError
from benchbed.contracts.backbone import Backbone
from benchbed.contracts.dataset import Input

if TYPE_CHECKING:
    from benchbed.contracts.task import Task

WIDTHS = (64, 128, 256, 512, 512)
CONVOLUTIONS = (2, 2, 3, 3, 3)
"""Channels and number of convolutions of each encoder stage, as in VGG-16."""


class Encoded(NamedTuple):
    """What an encoder stage gives.

    Attributes:
        first: its first convolution's output, ``(N, C, H, W)``.
        last: its last convolution's, ``(N, C, H, W)``.
        pooled: its pooling's, ``(N, C, H//2, W//2)``.
        indices: where the pooling took each value, int64, of the same shape; in a map row by row.
    """

    first: Tensor
    last: Tensor
    pooled: Tensor
    indices: Tensor


class Decoded(NamedTuple):
    """What a decoder stage gives.

    Attributes:
        unpooled: its unpooled input, ``(N, C, H, W)``.
        last: its last convolution's output, ``(N, C′, H, W)``.
    """

    unpooled: Tensor
    last: Tensor


def conv_unit(before: int, after: int, repeats: int = 1) -> nn.Sequential:
    """Return 3×3 convolution, batch norm and ReLU.

    Args:
        before: channels of the input.
        after: channels of the output.
        repeats: how often the three stand one behind the other.
    """
    layers: list[nn.Module] = []
    for _ in range(repeats):
        layers += [
            nn.Conv2d(before, after, 3, padding=1),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
        ]
        before = after
    return nn.Sequential(*layers)


def unpool(x: Tensor, encoded: Encoded) -> Tensor:
    """Put each value where the stage's pooling took its maximum, among zeros.

    This is ``nn.MaxUnpool2d``, which neither fvcore nor the deterministic mode of torch takes.

    Args:
        x: ``(N, C, h, w)``.
        encoded: of the stage with the indices, ``(N, C, h, w)``, and the size ``(H, W)`` wanted.

    Returns:
        ``(N, C, H, W)``.
    """
    height, width = encoded.last.shape[-2:]
    zeros = x.new_zeros(*x.shape[:2], height * width)
    return zeros.scatter(2, encoded.indices.flatten(2), x.flatten(2)).unflatten(2, (height, width))


class Stage(nn.Module):
    """Convolutions of one size: the first changes the number of channels, the rest follow.

    Args:
        before: channels of the input.
        hidden: channels of all outputs but the last.
        after: channels of the output.
        count: number of convolutions, at least 2.
        repeats: how often each convolution is repeated.
    """

    def __init__(self, before: int, hidden: int, after: int, count: int, repeats: int) -> None:
        super().__init__()
        self.first = conv_unit(before, hidden, repeats)
        self.rest = nn.Sequential(
            *(conv_unit(hidden, hidden, repeats) for _ in range(count - 2)),
            conv_unit(hidden, after, repeats),
        )


class EncoderStage(Stage):
    """Convolutions and 2×2 max pooling.

    Args:
        before: channels of the input.
        width: channels of all outputs.
        count: number of convolutions, at least 2.
        repeats: how often each convolution is repeated.
    """

    def __init__(self, before: int, width: int, count: int, repeats: int = 1) -> None:
        super().__init__(before, width, width, count, repeats)

    def forward(self, x: Tensor) -> Encoded:
        """Return the outputs for ``(N, C, H, W)``; those of the pooling are H//2 × W//2."""
        first = self.first(x)
        last = self.rest(first)
        return Encoded(first, last, *F.max_pool2d(last, 2, return_indices=True))


class DecoderStage(Stage):
    """Unpooling and convolutions.

    Args:
        before: channels of what the convolutions get.
        after: channels of the output.
        count: number of convolutions, at least 2.
        repeats: how often each convolution is repeated.
        hidden: channels of all outputs but the last; ``after`` unless given.
    """

    def __init__(
        self, before: int, after: int, count: int, repeats: int = 1, hidden: int | None = None
    ) -> None:
        super().__init__(before, hidden or after, after, count, repeats)

    def forward(self, x: Tensor, encoded: Encoded, *beside: Tensor) -> Decoded:
        """Return the outputs, of the size before the encoder stage's pooling.

        Args:
            x: ``(N, C, h, w)``.
            encoded: of the encoder stage of that size.
            beside: maps that the convolutions get beside the unpooled one.
        """
        unpooled = unpool(x, encoded)
        joined = torch.cat((unpooled, *beside), dim=1) if beside else unpooled
        return Decoded(unpooled, self.rest(self.first(joined)))


class SegNetHead(nn.Sequential):
    """3×3 and 1×1 convolution on the last feature map, with nothing in between.

    Args:
        channels: of the map.
        outputs: channels of the output.
    """

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(channels, channels, 3, padding=1), nn.Conv2d(channels, outputs, 1)
        )
        initialise(self)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Return ``(N, outputs, H, W)``.

        Args:
            features: maps, of which the last is ``(N, channels, H, W)``.
        """
        output: Tensor = super().forward(features[-1])
        return output


def initialise(
    module: nn.Module,
    draw: Callable[..., Tensor] = nn.init.xavier_normal_,
    generator: torch.Generator | None = None,
) -> None:
    """Draw the weights of convolutions and linear layers; reset biases to 0, and batch norm.

    Args:
        module: whose layers are meant.
        draw: fills a tensor in place, such as ``nn.init.xavier_uniform_``.
        generator: of the CPU; torch's own when ``None``.
    """
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_parameters()
        elif isinstance(layer, nn.Conv2d | nn.Linear):
            # drawn on the CPU, so that a generator gives every device the same weights
            drawn = draw(torch.empty(layer.weight.shape), generator=generator)
            with torch.no_grad():
                layer.weight.copy_(drawn)
                if layer.bias is not None:
                    layer.bias.zero_()


class SegNet(Backbone):
    """SegNet on the convolutions of VGG-16, drawn anew; its one map has the input's size.

    Five encoder stages of 2, 2, 3, 3, 3 convolutions (3×3 with bias, batch norm, ReLU), each
    followed by 2×2 max pooling; five decoder stages that unpool with those indices, of 3, 3, 3,
    2, 2 convolutions, whose number of channels changes at the first.

    Args:
        input: images of at least 32×32.
        width: factor of the numbers of channels, 64, 128, 256, 512, 512; they are rounded.
        bottleneck: channels of the last encoder stage before that factor.
        repeats: how often each convolution, with its norm and ReLU, is repeated.

    Attributes:
        widths: channels of the encoder's stages.
        encoder: its stages, finest first.
        decoder: its stages, coarsest first.

    Raises:
        MethodError: the input is no image, or too small for five poolings.

    Source: V. Badrinarayanan, A. Kendall, R. Cipolla: SegNet, TPAMI 2017; stages, channels and
    initialisation (Xavier normal) as in the code of S. Liu, E. Johns, A. Davison: End-to-End
    Multi-Task Learning with Attention, CVPR 2019.
    """

    def __init__(
        self, input: Input, width: float = 1.0, bottleneck: int = WIDTHS[-1], repeats: int = 1
    ) -> None:
        super().__init__(input)
        _check_input(input)
        self.width = width
        self.bottleneck = bottleneck
        self.repeats = repeats
        self.widths = tuple(max(1, round(width * c)) for c in (*WIDTHS[:-1], bottleneck))
        self.channels = (self.widths[0],)
        self.reductions = (1,)
        inputs = (input.shape[0], *self.widths)
        self.encoder = nn.ModuleList(
            EncoderStage(before, after, count, repeats)
            for before, after, count in zip(inputs, self.widths, CONVOLUTIONS, strict=False)
        )
        self.decoder = self.new_decoder()
        initialise(self)

    def enlarged(self, bottleneck: int | None = None, repeats: int | None = None) -> SegNet:
        """Return a new SegNet that is as this one but for what is given.

        Args:
            bottleneck: channels of the last encoder stage before the factor ``width``.
            repeats: how often each convolution is repeated.
        """
        return type(self)(
            self.input, self.width, bottleneck or self.bottleneck, repeats or self.repeats
        )

    def new_decoder(self) -> nn.ModuleList:
        """Return the stages of a decoder for this encoder, coarsest first."""
        outputs = (self.widths[0], *self.widths)
        stages = zip(self.widths, outputs, CONVOLUTIONS, strict=False)
        return nn.ModuleList(
            DecoderStage(before, after, count, self.repeats)
            for before, after, count in reversed(list(stages))
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the decoder's last map.

        Args:
            x: images, ``(N, C, H, W)``.

        Returns:
            ``(N, 64 · width, H, W)`` in a list.
        """
        encoded = encode(self.encoder, x)
        return [decode(self.decoder, encoded[-1].pooled, encoded)[-1].last]

    def head(self, task: Task) -> nn.Module | None:
        """Return a head for a map of the input's size; none for what is no map.

        Args:
            task: what the head is for.

        Raises:
            MethodError: the task predicts a map of another size.
        """
        if not task.target.size:
            return None
        if task.target.size != self.input.shape[-2:]:
            sizes = ["×".join(map(str, size)) for size in (task.target.size, self.input.shape[-2:])]
            raise MethodError(
                f"segnet predicts maps of its input's size, which is {sizes[1]}, and task "
                f"'{task.name}' wants {sizes[0]}; choose another backbone, such as resnet18."
            )
        return SegNetHead(self.channels[-1], task.channels)


def encode(stages: Iterable[nn.Module], x: Tensor) -> list[Encoded]:
    """Return what each stage of an encoder gives, finest first.

    Args:
        stages: of the encoder, finest first.
        x: images, ``(N, C, H, W)``.
    """
    encoded: list[Encoded] = []
    for stage in stages:
        encoded.append(stage(x))
        x = encoded[-1].pooled
    return encoded


def decode(stages: Iterable[nn.Module], x: Tensor, encoded: Sequence[Encoded]) -> list[Decoded]:
    """Return what each stage of a decoder gives, coarsest first.

    Args:
        stages: of the decoder, coarsest first.
        x: what the first of them unpools, ``(N, C, h, w)``.
        encoded: what the encoder's stages gave, finest first.
    """
    decoded: list[Decoded] = []
    for stage, skip in zip(stages, reversed(encoded), strict=True):
        decoded.append(stage(x, skip))
        x = decoded[-1].last
    return decoded


def _check_input(input: Input) -> None:
    least = 2 ** len(WIDTHS)
    if len(input.shape) != 3 or min(input.shape[1:]) < least:
        raise MethodError(
            f"segnet halves images {len(WIDTHS)} times, so it wants them of at least "
            f"{least}×{least}, and the input's shape is {input.shape}; choose another backbone, "
            "such as conv-small."
        )
