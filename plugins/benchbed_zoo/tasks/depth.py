"""Depth, or disparity, of each pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, get_args

import torch
from torch import Tensor
from torchmetrics import Metric

from benchbed.contracts.dataset import Target
from benchbed.contracts.task import Task
from benchbed_zoo.metrics.depth import DepthError, Which, has_depth
from benchbed_zoo.metrics.images import Over, RootMeanSquaredError
from benchbed_zoo.metrics.masking import at_least_single, masked
from benchbed_zoo.tasks.parts.targets import check_target

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BALANCE = 0.5
"""λ of the scale-invariant loss: halfway between elementwise and fully scale-invariant."""


class Depth(Task):
    """Depth in the target's unit; targets are ``(N, H, W)``, outputs ``(N, 1, H, W)``.

    A pixel counts where its target is finite and above 0. The losses:

    - ``l1``, ``l2``: absolute and squared error, a mean over pixels.
    - ``l1-sobel``: ``l1`` and the absolute errors of both Sobel derivatives, over the number of
      pixels (K.-K. Maninis, I. Radosavovic, I. Kokkinos: Attentive Single-Tasking of Multiple
      Tasks, CVPR 2019). A derivative counts where its whole 3 × 3 neighbourhood is valid; the
      released code compares the prediction with 0 at invalid pixels and beyond the border.
    - ``si-log``: Σd²/n − λ(Σd)²/n² over an image's n pixels, d the difference of the logarithms and
      λ = 0.5 (D. Eigen, C. Puhrsch, R. Fergus: Depth Map Prediction from a Single Image using a
      Multi-Scale Deep Network, NIPS 2014, eq. 4), a mean over images. As in the paper, the output
      is then the depth's logarithm, so that every prediction is above 0.

    Args:
        name: of the task.
        target: a map of one number a pixel.
        loss: one of these.
        rmse: the root of the mean over all ``pixels``, or the mean of all ``images``' roots.

    Raises:
        DataError: the target is no such map.
    """

    kind: ClassVar[Literal["classification", "regression"]] = "regression"
    primary = "abs_err"
    percent = frozenset({"delta_1", "delta_2", "delta_3"})

    def __init__(self, name: str, target: Target, loss: str = "l1", rmse: Over = "pixels") -> None:
        super().__init__(name, target)
        check_target(name, target, "value", ("H", "W"))
        self._loss = loss
        self._rmse = rmse

    @property
    def channels(self) -> int:
        """Return 1."""
        return 1

    def loss(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor | int]:
        """Return the loss summed over valid pixels, or for ``si-log`` images, and their number.

        Args:
            output: ``(N, 1, H, W)``.
            target: ``(N, H, W)``.
        """
        valid = has_depth(target)
        output, target = masked(valid, output.squeeze(1), target)
        if self._loss == "si-log":
            return _scale_invariant(output - torch.where(valid, target, 1).log(), valid)
        error = output - target
        total = error.square().sum() if self._loss == "l2" else error.abs().sum()
        if self._loss == "l1-sobel":
            total = total + _sobel(error, valid)
        return total, valid.sum()

    def predict(self, output: Tensor) -> Tensor:
        """Return the depth, ``(N, H, W)``, in the target's unit."""
        depth = at_least_single(output.squeeze(1))
        return depth.exp() if self._loss == "si-log" else depth

    def metrics(self) -> dict[str, Metric]:
        """Return absolute and relative error, RMSE, and the shares of close pixels."""
        scores: dict[str, Metric] = {which: DepthError(which) for which in get_args(Which)}
        return scores | {"rmse": RootMeanSquaredError(has_depth, self._rmse)}

    def draw(self, axes: Axes, value: Tensor) -> None:
        """Draw the depth in viridis, and grey where there is none."""
        super().draw(axes, torch.where(has_depth(value), value, torch.nan))


def _scale_invariant(difference: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sum over images that have a valid pixel, and their number.

    Args:
        difference: of the logarithms, 0 where not valid, ``(N, H, W)``.
        valid: which pixels count, bool, ``(N, H, W)``.
    """
    number = valid.sum(dim=(1, 2))
    count = number.clamp(min=1)
    mean = difference.sum(dim=(1, 2)) / count
    loss = difference.square().sum(dim=(1, 2)) / count - BALANCE * mean.square()
    return loss.sum(), (number > 0).sum()


def _sobel(error: Tensor, valid: Tensor) -> Tensor:
    """Return the sum of the absolute Sobel derivatives of the error, which is 0 where not valid.

    The filter is linear, so that these are the errors of the derivatives.

    Args:
        error: ``(N, H, W)``.
        valid: which pixels count, bool, ``(N, H, W)``.
    """
    whole = _all_of_three(_all_of_three(valid).mT).mT
    across = _smooth(_difference(error).mT).mT
    down = _smooth(_difference(error.mT).mT)
    across, down = masked(whole, across, down)
    return across.abs().sum() + down.abs().sum()


def _difference(x: Tensor) -> Tensor:
    return x[..., 2:] - x[..., :-2]


def _smooth(x: Tensor) -> Tensor:
    return x[..., :-2] + 2 * x[..., 1:-1] + x[..., 2:]


def _all_of_three(x: Tensor) -> Tensor:
    return x[..., :-2] & x[..., 1:-1] & x[..., 2:]
