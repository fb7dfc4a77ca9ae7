"""Albedo, the share of light that a surface reflects, of each pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from torch import Tensor
from torchmetrics import Metric

from benchbed.contracts.dataset import Target
from benchbed.contracts.task import Task
from benchbed_zoo.metrics.images import Over, RootMeanSquaredError
from benchbed_zoo.metrics.masking import at_least_single, masked
from benchbed_zoo.tasks.parts.targets import check_target

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Albedo(Task):
    """RGB albedo in [0, 1]; targets and outputs are ``(N, 3, H, W)``.

    A pixel counts where all its channels are finite. The loss is the absolute error, a mean over
    pixels and channels (K.-K. Maninis, I. Radosavovic, I. Kokkinos: Attentive Single-Tasking of
    Multiple Tasks, CVPR 2019).

    Args:
        name: of the task.
        target: a map of three numbers a pixel.
        rmse: the root of the mean over all ``pixels``, or the mean of all ``images``' roots.

    Raises:
        DataError: the target is no such map.
    """

    kind: ClassVar[Literal["classification", "regression"]] = "regression"
    primary = "rmse"

    def __init__(self, name: str, target: Target, rmse: Over = "pixels") -> None:
        super().__init__(name, target)
        check_target(name, target, "value", (3, "H", "W"))
        self._rmse = rmse

    @property
    def channels(self) -> int:
        """Return 3."""
        return 3

    def loss(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor | int]:
        """Return the absolute error summed over valid pixels' channels, and their number.

        Args:
            output: ``(N, 3, H, W)``.
            target: ``(N, 3, H, W)``.
        """
        valid = has_albedo(target)
        output, target = masked(valid, output, target)
        return (output - target).abs().sum(), valid.sum()

    def predict(self, output: Tensor) -> Tensor:
        """Return the output, ``(N, 3, H, W)``, in single precision or better."""
        return at_least_single(output)

    def metrics(self) -> dict[str, Metric]:
        """Return the root mean squared error."""
        return {"rmse": RootMeanSquaredError(has_albedo, self._rmse)}

    def draw(self, axes: Axes, value: Tensor) -> None:
        """Draw RGB, cut to [0, 1], and grey where there is none."""
        super().draw(axes, value.clamp(0, 1))


def has_albedo(target: Tensor) -> Tensor:
    """Return where all channels are finite, bool, ``(N, 3, H, W)``."""
    return target.isfinite().all(dim=1, keepdim=True).expand_as(target)
