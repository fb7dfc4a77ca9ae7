"""Training of one run: phases, epochs, validation, checkpoints."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from benchbed.basics.errors import ContractError
from benchbed.contracts.architecture import Architecture, Phase
from benchbed.contracts.transform import Batch
from benchbed.contracts.weighting import EpochInfo
from benchbed.engine.checkpoint import checkpoint_identity, load_checkpoint, save_checkpoint
from benchbed.engine.data import Split
from benchbed.engine.evaluation import Evaluation, Evaluator, mean_scores
from benchbed.engine.movement import Movement
from benchbed.engine.optim import (
    build_optimizer,
    forget,
    hand_over,
    lr_factors,
    schedule_factor,
    set_learning_rate,
)
from benchbed.engine.phases import (
    batches_per_update,
    epochs_of_weighting,
    phase_after,
    timed_phases,
    updates_per_epoch,
)
from benchbed.engine.seeding import derive, restore_rng, rng_state
from benchbed.engine.selection import Selected, Selector
from benchbed.engine.session import Session
from benchbed.engine.updates import Effort, Stepped, Updater, require_finite
from benchbed.records.record import Scores, finite

Curves = dict[str, list[float | None]]
OnEpoch = Callable[[int, dict[str, float]], None]


@dataclass(slots=True)
class Progress:
    """What a run has come to at the end of an epoch; all of it is in the checkpoint."""

    epoch: int = 0
    step: int = 0
    optimizer_steps: int = 0
    samples: int = 0
    seconds: float = 0.0
    phase: int = 0
    curves: Curves = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    gradients: list[str] = field(default_factory=list)
    selected: Selected = field(default_factory=Selected)
    efforts: list[Effort] = field(default_factory=lambda: [Effort()])
    """Of each phase so far."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished run: scores at the selected epoch, and the selected network's weights."""

    test: Scores
    validation: Scores
    selected_epoch: int
    progress: Progress
    weights: dict[str, Tensor]
    lr_factors: dict[str, float]


class Trainer:
    """Trains a session under its protocol. The session's generators are seeded by the caller."""

    def __init__(self, session: Session, checkpoint: Path | None = None) -> None:
        self.session = session
        self.protocol = session.job.protocol
        self.checkpoint = checkpoint
        self.train_split = session.split(self.protocol.data.train, session.job.transforms)
        self.group = batches_per_update(session)
        self.steps = self._updates_per_epoch()
        self.phases = timed_phases(session, self.steps)
        anew = any(phase.fresh_weighting for _, phase in self.phases)
        self._as_made = copy.deepcopy(session.strategy) if anew else None
        self.evaluator = Evaluator(session.tasks, self.protocol.batch_size, session.device)
        self.selector = Selector(self.protocol.selection, self.protocol.epochs, session.tasks)
        self.progress = Progress(notes=self._batch_level())
        self.optimizer = self._make_optimizer()
        self.updater = self._make_updater()
        self.ema = self._make_ema()
        self._movement: Movement | None = None
        self._lr = self.protocol.optimizer.lr

    def _batch_level(self) -> list[str]:
        """Note losses that are not what one large batch would give."""
        names = [name for name, task in self.session.tasks.items() if task.batch_level]
        if not names or self.protocol.accumulate == 1:
            return []
        what = f"The loss of {', '.join(names)} is one of a batch as a whole: over "
        return [what + f"{self.protocol.accumulate} accumulated mini-batches it is their mean."]

    def _updates_per_epoch(self) -> int:
        protocol = self.protocol
        updates = updates_per_epoch(self.session, len(self.train_split))
        if not updates:
            raise ContractError(
                f"{protocol.id}: its batch size {protocol.batch_size} (times {self.group} "
                f"mini-batches an update) is larger than the training split "
                f"({len(self.train_split)} samples)."
            )
        return updates

    def _make_optimizer(self) -> torch.optim.Optimizer:
        network, strategy = self.session.network, self.session.strategy
        spec = self.protocol.optimizer
        asked = network.param_groups(spec.lr) or ()
        return build_optimizer(spec, network.parameters(), strategy.learned(), asked)

    def _make_updater(self) -> Updater:
        phase = self.phases[self.progress.phase][1]
        tasks = list(self.session.tasks) if phase.tasks is None else list(phase.tasks)
        ordered = [name for name in self.session.tasks if name in tasks]
        effort, clip = self.progress.efforts[-1], self.protocol.clip_norm
        return Updater(self.session, self.optimizer, ordered, effort, clip)

    def _make_ema(self) -> AveragedModel | None:
        if not self.protocol.ema:
            return None
        average = get_ema_multi_avg_fn(self.protocol.ema)  # type: ignore[no-untyped-call]
        return AveragedModel(self.session.network, multi_avg_fn=average, use_buffers=True)

    @property
    def scored(self) -> Architecture:
        """The network that is evaluated: the moving average where there is one."""
        network: nn.Module = self.session.network if self.ema is None else self.ema.module
        assert isinstance(network, Architecture)
        return network

    def run(self, on_epoch: OnEpoch = lambda epoch, values: None) -> Outcome:
        """Train to the end, from the checkpoint if there is one.

        Raises:
            NonFiniteLossError: a loss became infinite or NaN.
            ContractError: a plugin broke its contract.
        """
        if not self._resume():
            self._set_phase(0)
        splits, transforms = self.protocol.data, self.session.job.evaluation_transforms
        validation = self.session.split(splits.validation, transforms)
        test = self.session.split(splits.test, transforms)
        while self.progress.epoch < self.protocol.epochs:
            values = self.run_epoch(validation, test)
            on_epoch(self.progress.epoch, values)
        return self._finish(test)

    def run_epoch(self, validation: Split, test: Split) -> dict[str, float]:
        """Train for one epoch, validate, and write the checkpoint; return the epoch's curves."""
        started = time.perf_counter()
        progress = self.progress
        values = self._train_epoch()
        evaluation = self.evaluator(self.scored, validation)
        values |= _curves(evaluation)
        self._note(values)
        if self.selector.see(progress.selected, evaluation, progress.epoch):
            progress.selected.best_state = copy_state(self.scored)
        if self.selector.wants_test(progress.epoch):
            progress.selected.tests.append(self.evaluator(self.scored, test, final=True).scores)
        progress.epoch += 1
        progress.seconds += time.perf_counter() - started
        self._save()
        return values

    def _train_epoch(self) -> dict[str, float]:
        session, protocol, progress = self.session, self.protocol, self.progress
        self._enter_phase()
        session.strategy.epoch(self._epoch_info())
        session.network.train()
        if progress.epoch == 0:
            self._movement = Movement(session.network)
        sums: dict[str, Tensor] = {}
        counts: dict[str, Any] = {}
        stepped: Stepped | None = None
        batches = self.train_split.shuffled(
            protocol.batch_size, session.job.seed, progress.epoch, drop_last=protocol.drop_last
        )
        values: dict[str, float] = {}
        weights: dict[str, float] = {}
        for group in islice(_grouped(batches, self.group), self.steps):
            stepped = self.update(group, log=stepped is None)
            values |= stepped.gradients
            weights |= stepped.weights
            for name, total in stepped.totals.items():
                sums[name] = sums[name] + total if name in sums else total.double()
                counts[name] = counts.get(name, 0) + stepped.counts[name]
        means = {name: float(sums[name]) / (float(counts[name]) or 1.0) for name in sums}
        require_finite(means, f"epoch {progress.epoch + 1}")
        if self._movement is not None:
            progress.notes += self._movement.unmoved(session.network)
            self._movement = None
        self._note_engine()
        values |= {f"train/{name}/loss": mean for name, mean in means.items()}
        values["lr"] = self._lr
        return values | {f"weight/{name}": weight for name, weight in weights.items()}

    def update(self, group: list[Batch], *, log: bool = False) -> Stepped:
        """Make the update that a group of mini-batches stands for."""
        progress, strategy = self.progress, self.session.strategy
        self._enter_phase()
        if self.session.strategy is not strategy:  # it begins in the middle of an epoch
            self.session.strategy.epoch(self._epoch_info())
        phase = self.phases[progress.phase][1]
        factor = schedule_factor(
            self.protocol.schedule, progress.step, self.steps, self.protocol.epochs
        )
        self._lr = self.protocol.optimizer.lr * factor * phase.lr
        set_learning_rate(self.optimizer, self._lr)
        done = progress.step / (self.steps * self.protocol.epochs)
        where = f"epoch {progress.epoch + 1}, optimiser step {progress.step + 1}"
        stepped = self.updater(group, done, where, log=log)
        if self.ema is not None:
            self.ema.update_parameters(self.session.network)
        progress.step += 1
        progress.optimizer_steps += stepped.steps
        progress.samples += sum(map(len, group))
        return stepped

    def train_in(self, phase: int) -> None:
        """Make the next updates those of a phase, without entering it; for measurements."""
        self.progress.phase = phase
        self._set_phase(phase)
        self.updater = self._make_updater()

    def _set_phase(self, index: int) -> None:
        """Switch the network to a phase, and its moving average with it."""
        self.session.network.set_phase(index)
        if self.ema is not None:
            self.scored.set_phase(index)

    def _enter_phase(self) -> None:
        """Begin the next phase where the last one has ended."""
        progress, network = self.progress, self.session.network
        while progress.step >= self.phases[progress.phase][0]:
            progress.phase += 1
            progress.efforts.append(Effort())
            self._note_engine()
            self._set_phase(progress.phase)
            seed = derive(self.session.job.seed, "phase", progress.phase)
            generator = torch.Generator().manual_seed(seed)
            reset = list(network.enter_phase(progress.phase, generator))
            if self.ema is not None:
                _take_over(reset, network, self.scored)
            self._begin_anew(self.phases[progress.phase][1])
            forget(self.optimizer, [p for module in reset for p in module.parameters()])
            self.updater = self._make_updater()

    def _begin_anew(self, phase: Phase) -> None:
        """Replace the strategy and the optimiser's state, as a phase that begins asks for."""
        session, before = self.session, self.optimizer
        if phase.fresh_weighting and self._as_made is not None:
            session.strategy = copy.deepcopy(self._as_made)
        if phase.fresh_weighting or phase.fresh_optimizer:
            self.optimizer = self._make_optimizer()
        if not phase.fresh_optimizer:
            hand_over(before, self.optimizer, session.network.parameters())

    def _note_engine(self) -> None:
        """Note how gradients were taken, and what came of comparing the ways."""
        backward, progress = self.updater.backward, self.progress
        engine = backward.engine or "one backward pass"
        if engine not in progress.gradients[-1:]:
            progress.gradients.append(engine)
        progress.notes += [x for x in backward.checked.notes if x not in progress.notes]

    def _epoch_info(self) -> EpochInfo:
        """Return what the strategy may know, counted from the epoch that it began in."""
        progress = self.progress
        first, after = epochs_of_weighting(
            self.phases, progress.phase, self.steps, self.protocol.epochs
        )

        def losses(split: str) -> dict[str, list[float]]:
            never: list[float | None] = [None] * progress.epoch
            return {
                name: [
                    math.nan if value is None else value
                    for value in progress.curves.get(f"{split}/{name}/loss", never)[first:]
                ]
                for name in self.session.tasks
            }

        return EpochInfo(
            progress.epoch - first, after - first, losses("train"), losses("validation")
        )

    def _finish(self, test: Split) -> Outcome:
        progress, kept = self.progress, self.progress.selected
        selected = progress.epoch
        if kept.best_state is not None:
            selected = kept.best_epoch + 1
            self._set_phase(phase_after(self.phases, selected * self.steps))
            self.scored.load_state_dict(kept.best_state)
        tests = kept.tests or [self.evaluator(self.scored, test, final=True).scores]
        weights = copy_state(self.scored)
        self._set_phase(progress.phase)  # costs are counted in the last phase
        last = self.phases[-1][1].tasks
        absent = [] if last is None else [t for t in self.session.tasks if t not in last]
        if absent:
            progress.notes.append(f"Not trained in the last phase: {', '.join(absent)}.")
        return Outcome(
            mean_scores(tests),
            self.selector.validation(kept),
            selected,
            progress,
            weights,
            lr_factors(self.optimizer),
        )

    def _note(self, values: dict[str, float]) -> None:
        """Add an epoch to the curves; a curve that the epoch lacks gets a gap."""
        curves, epoch = self.progress.curves, self.progress.epoch
        for name, value in values.items():
            curves.setdefault(name, [None] * epoch).append(finite(value))
        for curve in curves.values():
            curve.extend([None] * (epoch + 1 - len(curve)))

    def _save(self) -> None:
        if self.checkpoint is None or self.progress.epoch == self.protocol.epochs:
            return
        state: dict[str, Any] = {
            "network": self.session.network.state_dict(),
            "strategy": self.session.strategy.state_dict(),
            "inner": [o.state_dict() for o in self.session.strategy.optimizers()],
            "optimizer": self.optimizer.state_dict(),
            "ema": None if self.ema is None else self.ema.state_dict(),
            "rng": rng_state(),
            "progress": asdict(self.progress),
            "checked": self.updater.backward.checked.state(),
        }
        identity = checkpoint_identity(self.session.job)
        save_checkpoint(self.checkpoint, identity, state)
        if self.progress.epoch == 1 and load_checkpoint(self.checkpoint, identity) is None:
            raise ContractError(
                "The checkpoint cannot be read back: the state of the network, the weighting and "
                "their optimisers must be tensors and plain data (see get_extra_state)."
            )

    def _resume(self) -> bool:
        """Take up the checkpoint, if there is a usable one."""
        if self.checkpoint is None:
            return False
        state = load_checkpoint(self.checkpoint, checkpoint_identity(self.session.job))
        if state is None:
            return False
        plain = state["progress"]
        self.progress = Progress(
            **{
                **plain,
                "selected": Selected(**plain["selected"]),
                "efforts": [Effort(**effort) for effort in plain["efforts"]],
            }
        )
        network = self.session.network
        self._set_phase(self.progress.phase)
        network.load_state_dict(state["network"])
        self.session.strategy.load_state_dict(state["strategy"])
        for inner, saved in zip(self.session.strategy.optimizers(), state["inner"], strict=True):
            inner.load_state_dict(saved)
        self.optimizer = self._make_optimizer()
        self.optimizer.load_state_dict(state["optimizer"])
        self.updater = self._make_updater()
        self.updater.backward.checked.restore(state["checked"])
        if self.ema is not None:
            self.ema.load_state_dict(state["ema"])
        restore_rng(state["rng"])
        return True


def _grouped(batches: Iterator[Batch], size: int) -> Iterator[list[Batch]]:
    while group := list(islice(batches, size)):
        yield group


def _curves(evaluation: Evaluation) -> dict[str, float]:
    values = {f"validation/{name}/loss": loss for name, loss in evaluation.losses.items()}
    for task, scores in evaluation.scores.items():
        values |= {f"validation/{task}/{metric}": value for metric, value in scores.items()}
    return values


def _take_over(modules: Iterable[nn.Module], network: nn.Module, average: nn.Module) -> None:
    """Copy the parameters and buffers of some of a network's modules into its moving average."""
    wanted = {id(tensor) for module in modules for tensor in _tensors(module)}
    for own, averaged in zip(_tensors(network), _tensors(average), strict=True):
        if id(own) in wanted:
            averaged.detach().copy_(own.detach())


def _tensors(module: nn.Module) -> Iterator[Tensor]:
    return chain(module.parameters(), module.buffers())


def copy_state(network: nn.Module) -> dict[str, Tensor]:
    """Return a copy of a network's state on the CPU."""
    return {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in network.state_dict().items()
    }
