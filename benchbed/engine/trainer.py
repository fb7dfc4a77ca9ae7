"""Training of one run: epochs, validation, selection, checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchbed.architecture import check_outputs
from benchbed.engine.checkpoint import (
    checkpoint_identity,
    load_checkpoint,
    save_checkpoint,
)
from benchbed.engine.data import Split, steps_per_epoch
from benchbed.engine.evaluation import Evaluation, Evaluator, mean_scores
from benchbed.engine.gradients import Backward
from benchbed.engine.optim import build_optimizer, schedule_factor, set_learning_rate
from benchbed.engine.seeding import restore_rng, rng_state
from benchbed.engine.session import Session
from benchbed.errors import ContractError, NonFiniteLossError
from benchbed.record import Scores, finite
from benchbed.task import check_loss
from benchbed.weighting import EpochInfo

Curves = dict[str, list[float | None]]
OnEpoch = Callable[[int, dict[str, float]], None]


@dataclass(slots=True)
class Progress:
    """What a run has come to at the end of an epoch; all of it is in the checkpoint."""

    epoch: int = 0
    step: int = 0
    samples: int = 0
    seconds: float = 0.0
    curves: Curves = field(default_factory=dict)
    best_value: float | None = None
    best_epoch: int = 0
    best_state: dict[str, Tensor] | None = None
    validation: list[Scores] = field(default_factory=list)
    tests: list[Scores] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished run: scores at the selected epoch, and the selected network's weights."""

    test: Scores
    validation: Scores
    selected_epoch: int
    progress: Progress
    weights: dict[str, Tensor]


class Trainer:
    """Trains a session under its protocol. The session's generators are seeded by the caller."""

    def __init__(self, session: Session, checkpoint: Path | None = None) -> None:
        self.session = session
        self.protocol = session.job.protocol
        self.checkpoint = checkpoint
        self.train_split = session.split(self.protocol.data.train)
        self.steps = steps_per_epoch(
            len(self.train_split), self.protocol.batch_size, drop_last=self.protocol.drop_last
        )
        if not self.steps:
            raise ContractError(
                f"{self.protocol.id}: its batch size {self.protocol.batch_size} is larger than "
                f"the training split ({len(self.train_split)} samples) and drop_last is set."
            )
        network, strategy = session.network, session.strategy
        self.optimizer = build_optimizer(
            self.protocol.optimizer, network.parameters(), strategy.parameters()
        )
        self.backward = Backward(strategy, list(network.named_parameters()))
        self.evaluator = Evaluator(session.tasks, self.protocol.batch_size, session.device)
        self.progress = Progress()
        self._first = True

    def run(self, on_epoch: OnEpoch = lambda epoch, values: None) -> Outcome:
        """Train to the end, from the checkpoint if there is one.

        Raises:
            NonFiniteLossError: a loss became infinite or NaN.
            ContractError: a plugin broke its contract.
        """
        self._resume()
        splits = self.protocol.data
        validation = self.session.split(splits.validation)
        test = self.session.split(splits.test)
        while self.progress.epoch < self.protocol.epochs:
            values = self.run_epoch(validation, test)
            on_epoch(self.progress.epoch, values)
        return self._finish(test)

    def run_epoch(self, validation: Split, test: Split) -> dict[str, float]:
        """Train for one epoch, validate, and write the checkpoint; return the epoch's curves."""
        started = time.perf_counter()
        values = self._train_epoch()
        self._note(values)
        self._validate(self.evaluator(self.session.network, validation), values)
        self._test_if_wanted(test)
        self.progress.epoch += 1
        self.progress.seconds += time.perf_counter() - started
        self._save()
        return values

    def _train_epoch(self) -> dict[str, float]:
        session, protocol, progress = self.session, self.protocol, self.progress
        names = list(session.tasks)
        session.strategy.epoch(self._epoch_info())
        session.network.train()
        sums = dict.fromkeys(names, torch.zeros((), device=session.device))
        counts: dict[str, Tensor | int] = dict.fromkeys(names, 0)
        weights: Tensor | None = None
        for x, targets in self.train_split.shuffled(
            protocol.batch_size, session.job.seed, progress.epoch, drop_last=protocol.drop_last
        ):
            totals, valid, weights = self.step(x, targets)
            for name in names:
                sums[name] = sums[name] + totals[name]
                counts[name] = counts[name] + valid[name]
            progress.samples += len(x)
        means = {name: float(sums[name]) / max(float(counts[name]), 1.0) for name in names}
        self._require_finite(means)
        values = {f"train/{name}/loss": mean for name, mean in means.items()}
        values["lr"] = float(self.optimizer.param_groups[0]["lr"])
        if weights is not None and len(weights) == len(names):
            values |= {
                f"weight/{name}": float(w) for name, w in zip(names, weights.tolist(), strict=True)
            }
        return values

    def step(
        self, x: Tensor, targets: dict[str, Tensor]
    ) -> tuple[dict[str, Tensor], dict[str, Tensor | int], Tensor | None]:
        """Make one optimiser step on a batch.

        Returns:
            The summed loss and number of valid elements of each task, detached; and the weights
            of the tasks where the strategy states them.
        """
        session = self.session
        factor = schedule_factor(
            self.protocol.schedule, self.progress.step, self.steps, self.protocol.epochs
        )
        set_learning_rate(self.optimizer, self.protocol.optimizer.lr * factor)
        outputs = session.network(x, list(session.tasks))
        if self._first:
            check_outputs(session.network, outputs, session.tasks, len(x))
        totals: dict[str, Tensor] = {}
        counts: dict[str, Tensor | int] = {}
        losses: dict[str, Tensor] = {}
        for name, task in session.tasks.items():
            result = task.loss(outputs[name], targets[name])
            total, count = check_loss(task, result) if self._first else result
            totals[name], counts[name] = total.detach(), count
            if int(count) > 0:
                losses[name] = total / count
        if session.device.type == "cpu":
            self._require_finite({name: float(loss.detach()) for name, loss in losses.items()})
        self._first = False
        self.optimizer.zero_grad(set_to_none=True)
        weights = self.backward(losses)
        self.optimizer.step()
        self.progress.step += 1
        return totals, counts, weights

    def _require_finite(self, losses: dict[str, float]) -> None:
        for name, loss in losses.items():
            if not math.isfinite(loss):
                raise NonFiniteLossError(
                    f"The training loss of task '{name}' became {loss} in epoch "
                    f"{self.progress.epoch + 1}, optimiser step {self.progress.step + 1}; lower "
                    "the learning rate, or look for a division by zero in the loss or weighting."
                )

    def _epoch_info(self) -> EpochInfo:
        def losses(split: str) -> dict[str, list[float]]:
            curves = self.progress.curves
            return {
                name: [math.nan if v is None else v for v in curves.get(f"{split}/{name}/loss", [])]
                for name in self.session.tasks
            }

        return EpochInfo(
            self.progress.epoch, self.protocol.epochs, losses("train"), losses("validation")
        )

    def _validate(self, evaluation: Evaluation, values: dict[str, float]) -> None:
        progress = self.progress
        found = {f"validation/{name}/loss": loss for name, loss in evaluation.losses.items()}
        for task, scores in evaluation.scores.items():
            found |= {f"validation/{task}/{metric}": value for metric, value in scores.items()}
        self._note(found)
        values |= found
        progress.validation.append(evaluation.scores)
        if self.protocol.selection.rule != "best-validation":
            progress.validation = progress.validation[-self.protocol.selection.k :]
            return
        value = self._criterion(evaluation)
        if progress.best_value is None or value > progress.best_value:
            progress.best_value, progress.best_epoch = value, progress.epoch
            progress.best_state = _copy(self.session.network.state_dict())
            progress.validation = [evaluation.scores]
        else:
            progress.validation = progress.validation[:1]

    def _criterion(self, evaluation: Evaluation) -> float:
        """Return the validation criterion, larger is better; NaN counts as worst."""
        criterion = self.protocol.selection.criterion
        if criterion == "loss":
            value, higher = sum(evaluation.losses.values()), False
        else:
            name, _, metric = criterion.partition("/")
            if name not in self.session.tasks:
                name = next(iter(self.session.tasks))
                metric = self.session.tasks[name].primary
            if metric not in evaluation.scores[name]:
                raise ContractError(
                    f"{self.protocol.id}: selection.criterion names metric '{metric}', which task "
                    f"'{name}' lacks; it has {', '.join(evaluation.scores[name])}."
                )
            value = evaluation.scores[name][metric]
            higher = bool(self.evaluator.metrics[name][metric].higher_is_better)
        if math.isnan(value):
            return -math.inf
        return value if higher else -value

    def _test_if_wanted(self, test: Split) -> None:
        selection, progress = self.protocol.selection, self.progress
        left = self.protocol.epochs - progress.epoch
        if selection.rule == "mean-of-last-k" and left <= selection.k:
            progress.tests.append(self.evaluator(self.session.network, test).scores)

    def _finish(self, test: Split) -> Outcome:
        progress, network = self.progress, self.session.network
        selected = progress.epoch
        if progress.best_state is not None:
            network.load_state_dict(progress.best_state)
            selected = progress.best_epoch + 1
        tests = progress.tests or [self.evaluator(network, test).scores]
        validation = mean_scores(progress.validation[-self._averaged() :])
        return Outcome(
            mean_scores(tests), validation, selected, progress, _copy(network.state_dict())
        )

    def _averaged(self) -> int:
        selection = self.protocol.selection
        return selection.k if selection.rule == "mean-of-last-k" else 1

    def _note(self, values: dict[str, float]) -> None:
        for name, value in values.items():
            self.progress.curves.setdefault(name, []).append(finite(value))

    def _save(self) -> None:
        if self.checkpoint is None or self.progress.epoch == self.protocol.epochs:
            return
        state: dict[str, Any] = {
            "network": self.session.network.state_dict(),
            "strategy": self.session.strategy.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "rng": rng_state(),
            "progress": {name: getattr(self.progress, name) for name in Progress.__slots__},
        }
        save_checkpoint(self.checkpoint, checkpoint_identity(self.session.job), state)

    def _resume(self) -> None:
        if self.checkpoint is None:
            return
        state = load_checkpoint(self.checkpoint, checkpoint_identity(self.session.job))
        if state is None:
            return
        self.session.network.load_state_dict(state["network"])
        self.session.strategy.load_state_dict(state["strategy"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.progress = Progress(**state["progress"])
        restore_rng(state["rng"])


def _copy(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in state.items()}
