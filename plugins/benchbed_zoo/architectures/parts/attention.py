"""The attention modules of MTAN, on SegNet and on any backbone with feature maps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchbed_zoo.backbones.segnet import Decoded, Encoded, conv_unit, initialise


def mask(before: int, width: int) -> nn.Sequential:
    """Return what makes a mask in (0, 1): two 1×1 convolutions, batch norms, ReLU and sigmoid.

    Args:
        before: channels of what the mask is made of.
        width: channels of the mask.

    Example:
        >>> mask(6, 4)(torch.rand(2, 6, 8, 8)).shape
        torch.Size([2, 4, 8, 8])
    """
    return nn.Sequential(
        nn.Conv2d(before, width, 1),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        nn.Conv2d(width, width, 1),
        nn.BatchNorm2d(width),
        nn.Sigmoid(),
    )


class SegNetAttention(nn.Module):
    """Masks of each task on every stage of SegNet; the convolutions between are shared.

    In the encoder a mask is made of the stage's first map and of what came so far, max-pooled to
    its size; in the decoder of the stage's unpooled map and of what came so far, enlarged to its
    size (bilinearly, corners aligned, as in MTAN's code). It masks the stage's last map.

    Args:
        widths: channels of SegNet's encoder stages.
        tasks: names of the tasks.
    """

    def __init__(self, widths: Sequence[int], tasks: Iterable[str]) -> None:
        super().__init__()
        up = list(zip(widths, (widths[0], *widths), strict=False))[::-1]
        self.encoder_shared = nn.ModuleList(
            conv_unit(*pair) for pair in zip(widths, (*widths[1:], widths[-1]), strict=True)
        )
        self.decoder_shared = nn.ModuleList(conv_unit(*pair) for pair in up)
        self.encoder_masks = nn.ModuleDict()
        self.decoder_masks = nn.ModuleDict()
        for task in tasks:
            self.encoder_masks[task] = _carried_masks(widths)
            self.decoder_masks[task] = nn.ModuleList(
                mask(before + after, after) for before, after in up
            )
        initialise(self)

    def forward(self, task: str, encoded: Sequence[Encoded], decoded: Sequence[Decoded]) -> Tensor:
        """Return a task's last attended map.

        Args:
            task: whose masks are applied.
            encoded: of the encoder's stages, finest first.
            decoded: of the decoder's stages, coarsest first.

        Returns:
            ``(N, widths[0], H, W)`` of the input's size.
        """
        attended: list[Tensor] = []
        for skip, masks, shared in zip(
            encoded, self.encoder_masks[task], self.encoder_shared, strict=True
        ):
            seen = masks(torch.cat((skip.first, *attended), dim=1)) * skip.last
            attended = [F.max_pool2d(shared(seen), 2)]
        (x,) = attended
        for stage, masks, shared in zip(
            decoded, self.decoder_masks[task], self.decoder_shared, strict=True
        ):
            size = stage.last.shape[-2:]
            x = shared(F.interpolate(x, size, mode="bilinear", align_corners=True))
            x = masks(torch.cat((stage.unpooled, x), dim=1)) * stage.last
        return x


class PyramidAttention(nn.Module):
    """Masks of each task on every feature map of a backbone; the convolutions between are shared.

    The first mask is made of the first map, each further one of the map and what came so far: the
    attended map before it, after a shared 3×3 convolution, batch norm and ReLU to the map's number
    of channels, and max pooling to its size.

    Args:
        channels: of the backbone's maps, finest first.
        tasks: names of the tasks.

    Example:
        >>> attention = PyramidAttention([4, 8], ["seg", "depth"])
        >>> features = [torch.rand(2, 4, 16, 16), torch.rand(2, 8, 8, 8)]
        >>> [x.shape for x in attention("seg", features)]
        [torch.Size([2, 4, 16, 16]), torch.Size([2, 8, 8, 8])]
    """

    def __init__(self, channels: Sequence[int], tasks: Iterable[str]) -> None:
        super().__init__()
        self.shared = nn.ModuleList(conv_unit(*pair) for pair in pairwise(channels))
        self.masks = nn.ModuleDict({task: _carried_masks(channels) for task in tasks})
        initialise(self)

    def forward(self, task: str, features: Sequence[Tensor]) -> list[Tensor]:
        """Return a task's attended maps.

        Args:
            task: whose masks are applied.
            features: the backbone's maps, ``(N, C, H, W)`` each, finest first.

        Returns:
            Maps of the same shapes.
        """
        first, *rest = self.masks[task]
        attended = [first(features[0]) * features[0]]
        for feature, masks, shared in zip(features[1:], rest, self.shared, strict=True):
            carried = F.adaptive_max_pool2d(shared(attended[-1]), feature.shape[-2:])
            attended.append(masks(torch.cat((feature, carried), dim=1)) * feature)
        return attended


def _carried_masks(widths: Sequence[int]) -> nn.ModuleList:
    """Return masks of which all but the first also get what the one before gave."""
    return nn.ModuleList(
        mask(width if place == 0 else 2 * width, width) for place, width in enumerate(widths)
    )
