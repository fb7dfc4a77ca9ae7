"""A target and predictions of it side by side: on one scale, with wrong classes framed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import torch
from matplotlib.image import AxesImage
from matplotlib.patches import Patch
from torch import Tensor

from benchbed.basics.errors import PluginError, one_line
from benchbed.contracts.dataset import Target
from benchbed.contracts.drawing import GREY, palette
from benchbed.contracts.task import Task
from benchbed.report.layout.legends import class_patches

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WRONG: Final = "tab:red"


def draw_values(
    task: Task, axes: Sequence[Axes], target: Tensor, predictions: Sequence[Tensor | None]
) -> None:
    """Draw a target and the predictions that there are on one scale; frame wrong classes.

    Args:
        task: whose values they are.
        axes: of the target, then of each prediction; the colour scale takes room beside them.
        target: without the dimension of the batch.
        predictions: likewise; the axes of one that is ``None`` stay empty.

    Raises:
        PluginError: the task's ``draw`` fails.
    """
    target_axes, *prediction_axes = axes
    _draw(task, target_axes, target)
    drawn = [target_axes]
    wrong = []
    for place, prediction in zip(prediction_axes, predictions, strict=True):
        if prediction is None:
            continue
        _draw(task, place, prediction)
        drawn.append(place)
        if _is_wrong(task.target, target, prediction):
            wrong.append(place)
    _share_scale(drawn, axes)
    for place in wrong:
        _frame(place)


def class_legends(tasks: Mapping[str, Task]) -> dict[str, list[Patch]]:
    """Return what the colours of maps of classes mean, of the tasks that draw them by default."""
    legends = {}
    for name, task in tasks.items():
        target = task.target
        is_map = target.kind == "class" and len(target.shape) == 2
        draws_by_default = type(task).draw is Task.draw
        if is_map and target.names and draws_by_default:
            colours = [*palette(len(target.names), target.names), GREY]
            legends[name] = class_patches([*target.names, "not annotated"], colours)
    return legends


def _draw(task: Task, axes: Axes, value: Tensor) -> None:
    try:
        task.draw(axes, value)
    except Exception as error:
        raise PluginError(f"{type(task).__name__}.draw raised {one_line(error)}.") from error


def _share_scale(drawn: Sequence[Axes], row: Sequence[Axes]) -> None:
    """Give maps of numbers one colour scale, with its bar beside the row, and bars one height."""
    images: list[AxesImage] = []
    for axes in drawn:
        images += filter(_is_scaled, axes.images)
    if len(images) == len(drawn):
        _share_colours(images, row)
    elif not any(axes.images or axes.texts for axes in drawn):
        _share_heights(drawn)


def _is_scaled(image: AxesImage) -> bool:
    """Tell whether colours stand for numbers, which those of RGB do not."""
    array = image.get_array()
    return array is not None and array.ndim == 2


def _share_colours(images: Sequence[AxesImage], row: Sequence[Axes]) -> None:
    lows, highs = zip(*(image.get_clim() for image in images), strict=True)
    for image in images:
        image.set_clim(min(lows), max(highs))
    # fractions of the whole row: the bar is as wide whatever the number of panels
    bar = row[0].figure.colorbar(
        images[0], ax=list(row), fraction=0.1 / len(row), pad=0.04 / len(row)
    )
    bar.ax.tick_params(labelsize=6)


def _share_heights(drawn: Sequence[Axes]) -> None:
    lows, highs = zip(*(axes.get_ylim() for axes in drawn), strict=True)
    for axes in drawn:
        axes.set_ylim(min(lows), max(highs))


def _is_wrong(described: Target, target: Tensor, prediction: Tensor) -> bool:
    """Tell whether one class for the whole sample was annotated and not predicted."""
    if described.kind != "class" or target.dim() or prediction.dim():
        return False
    annotated = int(target) != described.ignore
    return annotated and not torch.equal(target.long(), prediction.long())


def _frame(axes: Axes) -> None:
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(WRONG)
        spine.set_linewidth(2)
