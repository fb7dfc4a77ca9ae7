"""Classification of a sample."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import ClassVar, Literal

from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric
from torchmetrics.classification import MulticlassAccuracy

from benchbed.basics.errors import DataError, suggest
from benchbed.contracts.dataset import Target
from benchbed.contracts.task import Task
from benchbed_zoo.metrics.confusion import ConfusionScore
from benchbed_zoo.metrics.samples import GroupAccuracy, Mistakes, entry, macro_f1, recall
from benchbed_zoo.tasks.parts.targets import check_target

NO_GROUPS = "none"


class Classification(Task):
    """One of K classes for each sample; targets are int64 ``(N,)``, outputs logits ``(N, K)``.

    A sample whose target is the data set's ignore index does not count.
    """

    kind: ClassVar[Literal["classification", "regression"]] = "classification"
    primary = "accuracy"
    percent = frozenset({"accuracy", "macro_accuracy"})

    def __init__(
        self,
        name: str,
        target: Target,
        f1: bool = False,
        per_class: bool = False,
        confusion: bool = False,
        group: str = NO_GROUPS,
    ) -> None:
        """Choose the metrics beside accuracy and its mean over classes.

        Args:
            name: of the task.
            target: what it predicts.
            f1: add ``macro_f1``.
            per_class: add ``accuracy[CLASS]`` for each class, the share of its samples that are
                right (its recall).
            confusion: add ``confusion[TRUE,PREDICTED]`` for each pair of classes, how many samples
                of the one are given the other; for few classes.
            group: add ``accuracy[GROUP]`` for each group of the target's grouping of this name.

        Raises:
            DataError: the target does not fit or has no such grouping, or a class and a group have
                one name.
        """
        super().__init__(name, target)
        check_target(name, target, "class")
        self._f1, self._per_class, self._confusion = f1, per_class, confusion
        self._group = group
        self._groups = () if group == NO_GROUPS else _groups(name, target, group)
        shares = [*(self._classes if per_class else ()), *self._groups]
        _refuse_twins(name, shares)
        mean = {"macro_f1"} if f1 else set()
        each = {f"accuracy[{share}]" for share in shares}
        cells = {self._cell(i, j) for i, j in self._pairs}
        self.percent |= mean | each
        self.details = frozenset(each | cells)

    @property
    def channels(self) -> int:
        """Return K."""
        return self.target.classes

    def loss(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor | int]:
        """Return the summed cross-entropy and the number of samples with a label.

        Args:
            output: logits, ``(N, K)``.
            target: ``(N,)``.
        """
        ignore = self.target.ignore
        if ignore is None:
            return F.cross_entropy(output, target, reduction="sum"), len(target)
        total = F.cross_entropy(output, target, ignore_index=ignore, reduction="sum")
        return total, (target != ignore).sum()

    def predict(self, output: Tensor) -> Tensor:
        """Return the most likely class, ``(N,)``."""
        return output.argmax(dim=1)

    def average(self, outputs: Tensor) -> Tensor:
        """Return the logarithm of the crops' mean probabilities.

        Args:
            outputs: logits of C crops of each sample, ``(N, C, K)``.

        Returns:
            ``(N, K)``.
        """
        crops = outputs.shape[1]
        return outputs.float().log_softmax(dim=2).logsumexp(dim=1) - math.log(crops)

    def metrics(self) -> dict[str, Metric]:
        """Return the share of samples that are right, its mean over classes, and what was chosen.

        A class's or group's accuracy is NaN where no sample of it has a label.
        """
        found: dict[str, Metric] = {
            "accuracy": self._accuracy("micro"),
            "macro_accuracy": self._accuracy("macro"),
        }
        if self._f1:
            found["macro_f1"] = self._score(macro_f1)
        for place, name in enumerate(self._classes if self._per_class else ()):
            found[f"accuracy[{name}]"] = self._score(partial(recall, place=place))
        for place, name in enumerate(self._groups):
            found[f"accuracy[{name}]"] = GroupAccuracy(self._group, place, self.target.ignore)
        for i, j in self._pairs:
            cls = ConfusionScore if i == j else Mistakes
            found[self._cell(i, j)] = self._score(partial(entry, true=i, predicted=j), cls)
        return found

    @property
    def _classes(self) -> tuple[str, ...]:
        """Name of each class, or its number where it has none."""
        names = self.target.names or map(str, range(self.channels))
        return tuple(map(_plain, names))

    @property
    def _pairs(self) -> tuple[tuple[int, int], ...]:
        """Every true class with every predicted one, where the confusion matrix is wanted."""
        return tuple(product(range(self.channels), repeat=2)) if self._confusion else ()

    def _cell(self, true: int, predicted: int) -> str:
        return f"confusion[{self._classes[true]},{self._classes[predicted]}]"

    def _accuracy(self, average: Literal["micro", "macro"]) -> Metric:
        return MulticlassAccuracy(
            self.channels, average=average, ignore_index=self.target.ignore, validate_args=False
        )

    def _score(
        self, score: Callable[[Tensor], Tensor], cls: type[ConfusionScore] = ConfusionScore
    ) -> Metric:
        ignore = self.target.ignore
        return cls(self.channels, score, -100 if ignore is None else ignore)


def _groups(task: str, target: Target, group: str) -> tuple[str, ...]:
    if group not in target.groups:
        hint = suggest(group, target.groups) or " It has none."
        raise DataError(f"Task '{task}': its target has no groups '{group}'.{hint}")
    return tuple(map(_plain, target.groups[group]))


def _refuse_twins(task: str, names: Sequence[str]) -> None:
    twins = sorted(name for name, count in Counter(names).items() if count > 1)
    if twins:
        raise DataError(
            f"Task '{task}' would score two classes or groups under one name, '{twins[0]}'; leave "
            "out 'per_class' or 'group'."
        )


def _plain(name: str) -> str:
    """Return a name without the stroke, which divides a task from its metric."""
    return name.replace("/", "-")
