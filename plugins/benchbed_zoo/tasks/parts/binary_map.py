"""What tasks of one logit a pixel have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Literal

from torch import Tensor
from torch.nn import functional as F

from benchbed.basics.errors import DataError
from benchbed.contracts.dataset import Target
from benchbed.contracts.task import Task
from benchbed_zoo.tasks.parts.targets import check_target

if TYPE_CHECKING:
    from matplotlib.axes import Axes

IGNORED: Final = "tab:orange"
"""Colour of pixels that are not annotated; grey is taken by the probabilities."""


class BinaryMap(Task):
    """Whether a pixel belongs to something; targets of 0 and 1, logits ``(N, 1, H, W)``.

    A pixel whose target is the data set's ignore index does not count.

    Attributes:
        ignore: that index, or one that no pixel has.
    """

    kind: ClassVar[Literal["classification", "regression"]] = "classification"

    def __init__(self, name: str, target: Target, shape: tuple[str, ...]) -> None:
        """Check the target.

        Args:
            name: the task's name.
            target: of two classes.
            shape: names of the target's dimensions.

        Raises:
            DataError: the target is not of two classes, or has other dimensions.
        """
        super().__init__(name, target)
        check_target(name, target, "class", shape)
        if target.classes != 2:
            raise DataError(
                f"Task '{name}' needs a target of two classes, not of {target.classes}; name "
                "another target for it in the protocol."
            )
        self.ignore = -100 if target.ignore is None else target.ignore

    @property
    def channels(self) -> int:
        """Return 1."""
        return 1

    def predict(self, output: Tensor) -> Tensor:
        """Return the probabilities, float32 ``(N, 1, H, W)``."""
        return output.float().sigmoid()

    def average(self, outputs: Tensor) -> Tensor:
        """Return the logit of the crops' mean probability.

        Args:
            outputs: logits of K crops of each sample, ``(N, K, 1, H, W)``.

        Returns:
            ``(N, 1, H, W)``.
        """
        outputs = outputs.float()
        return F.logsigmoid(outputs).logsumexp(dim=1) - F.logsigmoid(-outputs).logsumexp(dim=1)

    def draw(self, axes: Axes, value: Tensor) -> None:
        """Draw probabilities or the annotators' mean from 0, black, to 1, white.

        What all annotators ignore is orange.
        """
        import matplotlib as mpl
        import numpy as np

        maps = value.detach().cpu().float().reshape(-1, *self.target.size).numpy()
        shown = np.ma.masked_equal(maps, self.ignore).mean(axis=0)
        axes.imshow(shown, cmap=mpl.colormaps["gray"].with_extremes(bad=IGNORED), vmin=0, vmax=1)
        axes.set_axis_off()
