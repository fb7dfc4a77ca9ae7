"""The task contract: output channels, loss, prediction and metrics for one kind of target."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal

from torch import Tensor
from torchmetrics import Metric

from benchbed.basics.errors import ContractError
from benchbed.contracts.dataset import Target
from benchbed.contracts.shapes import shape_or_type

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Task(ABC):
    """What is predicted: its loss, its metrics, one of them primary.

    A plugin's options arrive as further keyword arguments of ``__init__``.

    Attributes:
        kind: ``classification`` or ``regression``; uncertainty weighting tells them apart.
        primary: name of the primary metric.
        percent: names of the metrics in [0, 1] that tables show times 100.
        final: names of metrics that are too slow for every epoch; they are computed only where the
            test split is scored for the record, so no curve and no selection can have them.
        details: names of metrics that look at one class or group alone; no Δm counts them.
        batch_level: the loss is one of a batch as a whole (dice, balancing within a batch) and no
            sum over samples; then accumulation changes it, which the record notes.
    """

    kind: ClassVar[Literal["classification", "regression"]]
    primary: str
    percent: frozenset[str] = frozenset()
    final: frozenset[str] = frozenset()
    details: frozenset[str] = frozenset()
    batch_level: bool = False

    def __init__(self, name: str, target: Target) -> None:
        self.name = name
        self.target = target

    @property
    @abstractmethod
    def channels(self) -> int:
        """Number of output channels that the network must give this task."""

    @abstractmethod
    def loss(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor | int]:
        """Return the summed loss over valid elements and their number.

        Args:
            output: the network's output, ``(N, channels, …)``.
            target: the data set's target, ``(N, …)``.

        Returns:
            ``(sum, weight)``: a differentiable scalar, and how many valid elements it sums over, an
            ``int`` where that is known without looking at the target. Both are 0 where nothing is
            valid, never NaN. The trainer divides once, after accumulation and reduction over
            processes.
        """

    def predict(self, output: Tensor) -> Tensor:
        """Return what the metrics compare with the target; the output itself by default."""
        return output

    def average(self, outputs: Tensor) -> Tensor:
        """Return one output from those of several crops of each sample.

        Args:
            outputs: ``(N, K, channels, …)``.

        Returns:
            ``(N, channels, …)``; the mean by default. Classification averages probabilities.
        """
        return outputs.mean(dim=1)

    @abstractmethod
    def metrics(self) -> dict[str, Metric]:
        """Return fresh torchmetrics ``Metric``s by name; each states ``higher_is_better``.

        Metrics that share their states, such as mIoU and pixel accuracy from one confusion matrix,
        are objects of one class with an attribute ``state_key``, equal among those that share:
        then only one of them is updated. A metric with an attribute ``group`` gets the samples'
        groups of that name as a third argument of ``update`` (see ``Target.groups``).
        """

    def draw(self, axes: Axes, value: Tensor) -> None:
        """Draw one sample's target or prediction for ``benchbed inspect``; override it at will.

        By default: a class or number a sample as text, a class by its name; a map of classes in
        fixed colours, what is ignored in grey; a map of numbers in viridis, NaN in grey; three
        channels as RGB, of [-1, 1] where any is negative and else of [0, 1]; a vector as bars.

        Args:
            axes: matplotlib axes, empty.
            value: a target ``(…)``, or one sample of what ``predict`` returned.
        """
        from benchbed.contracts.drawing import draw_target

        draw_target(axes, value, self.target)


def check_metrics(task: Task) -> dict[str, Metric]:
    """Return a task's metrics.

    Raises:
        ContractError: there are none, one has no direction, or the primary one is not among them.
    """
    name = type(task).__name__
    metrics = task.metrics()
    sound = isinstance(metrics, dict) and bool(metrics)
    if not sound or not all(isinstance(metric, Metric) for metric in metrics.values()):
        raise ContractError(f"{name}.metrics() must return torchmetrics Metrics by name.")
    for key, metric in metrics.items():
        if metric.higher_is_better is None:
            raise ContractError(
                f"{name}.metrics(): '{key}' must state higher_is_better as True or False."
            )
    if task.primary not in metrics:
        raise ContractError(
            f"{name}.primary is '{task.primary}', which is not among its metrics "
            f"({', '.join(metrics)})."
        )
    return metrics


def check_loss(task: Task, result: object) -> tuple[Tensor, Tensor | int]:
    """Return what ``loss`` returned.

    Raises:
        ContractError: it is not a pair of a scalar sum and a scalar number.
    """
    name = f"{type(task).__name__}.loss"
    if not (isinstance(result, tuple) and len(result) == 2):
        raise ContractError(
            f"{name} must return a pair (sum over valid elements, their number), "
            f"not {type(result).__name__}."
        )
    total, weight = result
    if not isinstance(total, Tensor) or total.dim() != 0:
        got = shape_or_type(total)
        raise ContractError(f"{name} must return a scalar sum first, got {got}.")
    if isinstance(weight, bool) or not isinstance(weight, Tensor | int):
        raise ContractError(f"{name} must return the number of valid elements second.")
    if isinstance(weight, Tensor) and weight.dim() != 0:
        got = shape_or_type(weight)
        raise ContractError(f"{name} must return a scalar number, got {got}.")
    return total, weight
