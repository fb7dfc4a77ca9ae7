"""Random brightness, contrast, saturation and hue."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional

from benchbed.basics.errors import DataError
from benchbed.contracts.transform import Batch, Draws, Transform

ADJUST: tuple[Callable[[Tensor, float], Tensor], ...] = (
    functional.adjust_brightness,
    functional.adjust_contrast,
    functional.adjust_saturation,
    functional.adjust_hue,
)


class ColorJitter(Transform):
    """Changes each image's colours as torchvision's ``ColorJitter``, in an order of its own.

    Brightness, contrast and saturation are multiplied by factors uniform in [max(0, 1 - v), 1 + v];
    the hue is shifted by a share of the circle uniform in [-v, v]. An adjustment of 0 is left out.

    Args:
        brightness: its v, at least 0.
        contrast: its v, at least 0.
        saturation: its v, at least 0.
        hue: its v, in [0, 0.5].
    """

    def __init__(
        self,
        brightness: float = 0.4,
        contrast: float = 0.4,
        saturation: float = 0.4,
        hue: float = 0.1,
    ) -> None:
        super().__init__()
        strengths = torch.tensor([brightness, contrast, saturation, hue], dtype=torch.float64)
        middle = torch.tensor([1.0, 1.0, 1.0, 0.0], dtype=torch.float64)
        self._used = [k for k in range(len(ADJUST)) if strengths[k] > 0]
        self._high = middle + strengths
        self._low = torch.cat([(1 - strengths[:3]).clamp(min=0), -strengths[3:]])

    def forward(self, batch: Batch, draws: Draws) -> Batch:
        """Return the batch with other colours.

        Args:
            batch: with images ``(N, 3, H, W)`` in [0, 1].
            draws: random numbers of the N samples.

        Raises:
            DataError: the inputs are no images of three channels in [0, 1].
        """
        _check(batch)
        drawn = draws.uniform(2 * len(ADJUST))
        factors = self._low + (self._high - self._low) * drawn[:, : len(ADJUST)]
        orders = drawn[:, len(ADJUST) :].argsort(dim=1).tolist()
        images = [
            self._adjusted(image, own, order)
            for image, own, order in zip(batch.input, factors.tolist(), orders, strict=True)
        ]
        return batch.replace(input=torch.stack(images))

    def _adjusted(self, image: Tensor, factors: list[float], order: list[int]) -> Tensor:
        for k in order:
            if k in self._used:
                image = ADJUST[k](image, factors[k])
        return image


def _check(batch: Batch) -> None:
    described = batch.input_described
    channels = batch.input.shape[1] if batch.input.dim() == 4 else 0
    if channels != 3 or (described is not None and described.range != (0.0, 1.0)):
        found = f"{tuple(batch.input.shape)}"
        if described is not None:
            found += f" in {list(described.range)}"
        raise DataError(
            "color-jitter wants images of three channels, (N, 3, H, W), in [0, 1], and got "
            f"{found}; leave it out of the protocol, or put it before what changes the range."
        )
