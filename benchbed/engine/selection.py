"""Model selection: which epoch's model is scored on the test split."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from benchbed.basics.errors import ContractError
from benchbed.contracts.protocol import Selection
from benchbed.contracts.task import Task
from benchbed.engine.evaluation import Evaluation, mean_scores
from benchbed.records.record import Scores


@dataclass(slots=True)
class Selected:
    """What selection keeps from epoch to epoch; all of it is in the checkpoint."""

    best_value: float | None = None
    best_epoch: int = 0
    best_state: dict[str, Tensor] | None = None
    validation: list[Scores] = field(default_factory=list)
    tests: list[Scores] = field(default_factory=list)


class Selector:
    """Applies a selection rule."""

    def __init__(self, rule: Selection, epochs: int, tasks: Mapping[str, Task]) -> None:
        self.rule = rule
        self.epochs = epochs
        self.tasks = tasks
        self.directions = {name: _directions(task) for name, task in tasks.items()}

    def require_criterion(self) -> None:
        """Refuse a criterion that no epoch can be selected by, before the first one.

        Raises:
            ContractError: its task lacks the metric, or computes it at the end only.
        """
        name, _, metric = self.rule.criterion.partition("/")
        if self.rule.rule in {"best-validation", "paper-selection"} and name in self.tasks:
            every = [key for key in self.directions[name] if key not in self.tasks[name].final]
            self._require_metric(name, metric, every)

    def _require_metric(self, name: str, metric: str, there: Iterable[str]) -> None:
        known = list(there)
        if metric not in known:
            late = metric in self.tasks[name].final
            raise ContractError(
                f"The protocol's selection.criterion names metric '{metric}', which task "
                f"'{name}' {'computes at the end only' if late else 'lacks'}; it has "
                f"{', '.join(known)}."
            )

    def see(self, kept: Selected, evaluation: Evaluation, epoch: int) -> bool:
        """Take an epoch's validation into account; tell whether its model is the best so far."""
        kept.validation.append(evaluation.scores)
        if self.rule.rule not in {"best-validation", "paper-selection"}:
            kept.validation = kept.validation[-self.averaged :]
            return False
        value = self.criterion(evaluation)
        if kept.best_value is not None and not value > kept.best_value:
            kept.validation = kept.validation[:1]
            return False
        kept.best_value, kept.best_epoch = value, epoch
        kept.validation = [evaluation.scores]
        return True

    def wants_test(self, epoch: int) -> bool:
        """Tell whether the test split is scored after this epoch (counted from 0)."""
        return self.rule.rule == "mean-of-last-k" and self.epochs - epoch <= self.rule.k

    @property
    def averaged(self) -> int:
        """Number of epochs whose scores are averaged."""
        return self.rule.k if self.rule.rule == "mean-of-last-k" else 1

    def validation(self, kept: Selected) -> Scores:
        """Return the validation scores that belong to the test scores."""
        return mean_scores(kept.validation[-self.averaged :])

    def criterion(self, evaluation: Evaluation) -> float:
        """Return the validation criterion, larger is better; NaN counts as worst.

        Raises:
            ContractError: the criterion names a metric that its task lacks.
        """
        if self.rule.criterion == "loss":
            value = -sum(evaluation.losses.values())
        else:
            value = self._metric(evaluation)
        return -math.inf if math.isnan(value) else value

    def _metric(self, evaluation: Evaluation) -> float:
        """Return the metric that the criterion names, larger is better."""
        name, _, metric = self.rule.criterion.partition("/")
        if name not in self.tasks:
            # the run of another single task: its own primary metric takes the place
            name = next(iter(self.tasks))
            metric = self.tasks[name].primary
            if metric in self.tasks[name].final:
                return -evaluation.losses[name]
        scores = evaluation.scores[name]
        self._require_metric(name, metric, scores)
        value = scores[metric]
        return value if self.directions[name][metric] else -value


def _directions(task: Task) -> dict[str, bool]:
    """Return for each of a task's metrics whether higher is better."""
    return {name: bool(metric.higher_is_better) for name, metric in task.metrics().items()}
