"""Saliency."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Literal

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric

from benchbed.dataset import Target
from benchbed.errors import DataError, MethodError
from benchbed.task import Task
from benchbed_zoo.metrics.saliency import SaliencyScore
from benchbed_zoo.tasks.balanced import balanced_bce
from benchbed_zoo.tasks.targets import check_target

if TYPE_CHECKING:
    from matplotlib.axes import Axes

IGNORED: Final = "tab:orange"
"""Colour of pixels that are not annotated; grey is taken by the probabilities."""


class Saliency(Task):
    """Whether each pixel is salient; targets ``(N, H, W)`` of 0 and 1, logits ``(N, 1, H, W)``.

    A pixel whose target is the data set's ignore index does not count.
    """

    kind: ClassVar[Literal["classification", "regression"]] = "classification"
    primary = "mIoU"
    percent = frozenset({"mIoU", "maxF", "maxF_0.3"})
    batch_level = True

    def __init__(
        self,
        name: str,
        target: Target,
        thresholds: int = 15,
        lowest: float = 0.2,
        highest: float = 0.9,
    ) -> None:
        """Check the options.

        Args:
            name: the task's name.
            target: a map of two classes.
            thresholds: how many there are, at equal distances.
            lowest: the first one.
            highest: the last one.

        Raises:
            DataError: the target is no map of two classes.
            MethodError: the lowest threshold is above the highest.
        """
        super().__init__(name, target)
        check_target(name, target, "class", ("H", "W"))
        if target.classes != 2:
            raise DataError(
                f"Task '{name}' needs a target of two classes, not of {target.classes}; name "
                "another target for it in the protocol."
            )
        if lowest > highest:
            raise MethodError(
                f"Task '{name}': 'lowest', {lowest:g}, must not be above 'highest', {highest:g}."
            )
        self.ignore = -100 if target.ignore is None else target.ignore
        self._thresholds = torch.linspace(lowest, highest, thresholds, dtype=torch.float64).tolist()

    @property
    def channels(self) -> int:
        """Return 1."""
        return 1

    def loss(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor | int]:
        """Return the summed cross-entropy, balanced within the batch, and the valid pixels."""
        valid = target != self.ignore
        return balanced_bce(output.squeeze(1), target, valid, positive_weight=None)

    def predict(self, output: Tensor) -> Tensor:
        """Return the probabilities, float32 ``(N, 1, H, W)``."""
        return output.float().sigmoid()

    def average(self, outputs: Tensor) -> Tensor:
        """Return the logit of the crops' mean probability."""
        outputs = outputs.float()
        return F.logsigmoid(outputs).logsumexp(dim=1) - F.logsigmoid(-outputs).logsumexp(dim=1)

    def metrics(self) -> dict[str, Metric]:
        """Return the largest mean IoU over thresholds and F-measure with β² of 1 and of 0.3."""
        weights = {"mIoU": None, "maxF": 1.0, "maxF_0.3": 0.3}
        return {
            name: SaliencyScore(self._thresholds, beta_squared, self.ignore)
            for name, beta_squared in weights.items()
        }

    def draw(self, axes: Axes, value: Tensor) -> None:
        """Draw a target or probabilities from 0, black, to 1, white; what is ignored in orange."""
        import matplotlib as mpl
        import numpy as np

        shown = value.detach().cpu().float().reshape(self.target.shape).numpy()
        shown = np.ma.masked_equal(shown, self.ignore)
        axes.imshow(shown, cmap=mpl.colormaps["gray"].with_extremes(bad=IGNORED), vmin=0, vmax=1)
        axes.set_axis_off()
