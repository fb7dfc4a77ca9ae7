"""Training of one run: phases, epochs, validation, checkpoints."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchbed.basics.errors import ContractError
from benchbed.contracts.architecture import Architecture, Phase
from benchbed.contracts.transform import Batch
from benchbed.contracts.weighting import EpochInfo
from benchbed.engine.averaging import moving_average, take_over
from benchbed.engine.checkpoint import checkpoint_identity, load_checkpoint, save_checkpoint
from benchbed.engine.data import Split
from benchbed.engine.evaluation import Evaluator, mean_scores
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
from benchbed.engine.progress import EpochLosses, Progress, validation_values
from benchbed.engine.seeding import derive, restore_rng, rng_state
from benchbed.engine.selection import Selector
from benchbed.engine.session import Session
from benchbed.engine.strategy import Strategy
from benchbed.engine.updates import Effort, Stepped, Updater, require_finite
from benchbed.records.record import PHASE, Scores, values_by_epoch

OnEpoch = Callable[[int, dict[str, float]], None]
OnResume = Callable[[list[dict[str, float]]], None]


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
    """Trains a session under its protocol. The session's generators are seeded by the caller.

    ::

        seed_everything(job.seed)
        outcome = Trainer(build_session(job)).run()
    """

    def __init__(self, session: Session, checkpoint: Path | None = None) -> None:
        self.session = session
        self.protocol = session.job.protocol
        self.checkpoint = checkpoint
        self.train_split = session.split(self.protocol.data.train, session.job.transforms)
        self.group = batches_per_update(session)
        self.steps = self._updates_per_epoch()
        self.phases = timed_phases(session, self.steps)
        self._as_made: Strategy | None = None
        if any(phase.fresh_weighting for _, phase in self.phases):
            self._as_made = copy.deepcopy(session.strategy)
        self.evaluator = Evaluator(session.tasks, self.protocol.batch_size, session.device)
        self.selector = Selector(self.protocol.selection, self.protocol.epochs, session.tasks)
        self.progress = Progress(notes=self._batch_level())
        self.optimizer = self._make_optimizer()
        self.updater = self._make_updater()
        self.ema = moving_average(session.network, self.protocol.ema)
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
        tasks = list(self.session.tasks)
        if phase.tasks is not None:
            # in the session's order, whatever the phase's
            tasks = [name for name in tasks if name in phase.tasks]
        effort = self.progress.efforts[-1]
        return Updater(self.session, self.optimizer, tasks, effort, self.protocol.clip_norm)

    @property
    def scored(self) -> Architecture:
        """The network that is evaluated: the moving average where there is one."""
        network: nn.Module = self.session.network if self.ema is None else self.ema.module
        assert isinstance(network, Architecture)
        return network

    def run(
        self,
        on_epoch: OnEpoch = lambda epoch, values: None,
        on_resume: OnResume = lambda earlier: None,
    ) -> Outcome:
        """Train to the end, from the checkpoint if there is one.

        Args:
            on_epoch: told each epoch's number, from 1, and the values that its curves got.
            on_resume: told, where training goes on from a checkpoint, the values of each epoch that
                had ended before.

        Raises:
            NonFiniteLossError: a loss became infinite or NaN.
            ContractError: a plugin broke its contract.
        """
        if self._resume():
            on_resume(values_by_epoch(self.progress.curves))
        else:
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
        values |= validation_values(evaluation)
        progress.add_values(values)
        if self.selector.see(progress.selected, evaluation, progress.epoch):
            progress.selected.best_state = copy_state(self.scored)
        if self.selector.wants_test(progress.epoch):
            progress.selected.tests.append(self._test(test))
        progress.epoch += 1
        progress.seconds += time.perf_counter() - started
        self._save()
        return values

    def _test(self, test: Split) -> Scores:
        return self.evaluator(self.scored, test, final=True).scores

    def _train_epoch(self) -> dict[str, float]:
        """Make an epoch's updates; return what its curves get, in the order that records have."""
        session, progress = self.session, self.progress
        self._enter_phase()
        session.strategy.epoch(self._epoch_info())
        session.network.train()
        if progress.epoch == 0:
            self._movement = Movement(session.network)
        losses = EpochLosses()
        values: dict[str, float] = {}
        weights: dict[str, float] = {}
        for number, group in enumerate(self._groups()):
            stepped = self.update(group, log=number == 0)
            losses.add(stepped)
            values |= stepped.gradients
            weights |= stepped.weights
        means = losses.means()
        require_finite(means, f"epoch {progress.epoch + 1}")
        if self._movement is not None:
            progress.notes += self._movement.unmoved(session.network)
            self._movement = None
        self._note_engine()
        for name, mean in means.items():
            values[f"train/{name}/loss"] = mean
        values |= losses.auxiliary()
        values["lr"] = self._lr
        for name, weight in weights.items():
            values[f"weight/{name}"] = weight
        if len(self.phases) > 1:
            values[PHASE] = float(progress.phase + 1)
        return values

    def _groups(self) -> Iterator[list[Batch]]:
        """Yield the mini-batches of an epoch's updates."""
        protocol = self.protocol
        batches = self.train_split.shuffled(
            protocol.batch_size,
            self.session.job.seed,
            self.progress.epoch,
            drop_last=protocol.drop_last,
        )
        for _ in range(self.steps):
            yield list(islice(batches, self.group))

    def update(self, group: list[Batch], *, log: bool = False) -> Stepped:
        """Make the update that a group of mini-batches stands for.

        Args:
            group: the mini-batches.
            log: also tell the tasks' weights, and what is logged of their gradients.
        """
        progress, protocol, strategy = self.progress, self.protocol, self.session.strategy
        self._enter_phase()
        if self.session.strategy is not strategy:  # it begins in the middle of an epoch
            self.session.strategy.epoch(self._epoch_info())
        phase = self.phases[progress.phase][1]
        factor = schedule_factor(protocol.schedule, progress.step, self.steps, protocol.epochs)
        self._lr = protocol.optimizer.lr * factor * phase.lr
        set_learning_rate(self.optimizer, self._lr)
        done = progress.step / (self.steps * protocol.epochs)
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
        while self.progress.step >= self.phases[self.progress.phase][0]:
            self._begin_next_phase()

    def _begin_next_phase(self) -> None:
        progress, network = self.progress, self.session.network
        progress.phase += 1
        progress.efforts.append(Effort())
        self._note_engine()  # of the phase that ends: its updater is still there
        self._set_phase(progress.phase)
        seed = derive(self.session.job.seed, "phase", progress.phase)
        generator = torch.Generator().manual_seed(seed)
        reset = list(network.enter_phase(progress.phase, generator))
        if self.ema is not None:
            take_over(reset, network, self.scored)
        self._begin_anew(self.phases[progress.phase][1])
        for module in reset:
            forget(self.optimizer, module.parameters())
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
        progress.add_notes(backward.checked.notes)

    def _epoch_info(self) -> EpochInfo:
        """Return what the strategy may know, counted from the epoch that it began in."""
        progress, tasks = self.progress, self.session.tasks
        first, after = epochs_of_weighting(
            self.phases, progress.phase, self.steps, self.protocol.epochs
        )
        train = {name: progress.curve(f"train/{name}/loss")[first:] for name in tasks}
        validation = {name: progress.curve(f"validation/{name}/loss")[first:] for name in tasks}
        return EpochInfo(progress.epoch - first, after - first, train, validation)

    def _finish(self, test: Split) -> Outcome:
        progress, kept = self.progress, self.progress.selected
        selected = progress.epoch
        if kept.best_state is not None:
            selected = kept.best_epoch + 1
            self._set_phase(phase_after(self.phases, selected * self.steps))
            self.scored.load_state_dict(kept.best_state)
        tests = kept.tests or [self._test(test)]
        weights = copy_state(self.scored)
        self._set_phase(progress.phase)  # costs are counted in the last phase
        self._note_untrained()
        return Outcome(
            mean_scores(tests),
            self.selector.validation(kept),
            selected,
            progress,
            weights,
            lr_factors(self.optimizer),
        )

    def _note_untrained(self) -> None:
        """Note the tasks that the last phase leaves out."""
        last = self.phases[-1][1].tasks
        if last is None:
            return
        absent = [task for task in self.session.tasks if task not in last]
        if absent:
            self.progress.notes.append(f"Not trained in the last phase: {', '.join(absent)}.")

    def _save(self) -> None:
        """Write the checkpoint; the first one is read back at once."""
        if self.checkpoint is None or self.progress.epoch == self.protocol.epochs:
            return
        identity = checkpoint_identity(self.session.job)
        save_checkpoint(self.checkpoint, identity, self._state())
        if self.progress.epoch == 1 and load_checkpoint(self.checkpoint, identity) is None:
            raise ContractError(
                "The checkpoint cannot be read back: the state of the network, the weighting and "
                "their optimisers must be tensors and plain data (see get_extra_state)."
            )

    def _state(self) -> dict[str, Any]:
        """Return all that :meth:`_resume` takes up."""
        session = self.session
        return {
            "network": session.network.state_dict(),
            "strategy": session.strategy.state_dict(),
            "inner": [inner.state_dict() for inner in session.strategy.optimizers()],
            "optimizer": self.optimizer.state_dict(),
            "ema": None if self.ema is None else self.ema.state_dict(),
            "rng": rng_state(),
            "progress": asdict(self.progress),
            "checked": self.updater.backward.checked.state(),
        }

    def _resume(self) -> bool:
        """Take up the checkpoint, if there is a usable one."""
        if self.checkpoint is None:
            return False
        session = self.session
        state = load_checkpoint(self.checkpoint, checkpoint_identity(session.job))
        if state is None:
            return False
        self.progress = Progress.restored(state["progress"])
        # before anything is made of the network: a phase may freeze parameters
        self._set_phase(self.progress.phase)
        session.network.load_state_dict(state["network"])
        session.strategy.load_state_dict(state["strategy"])
        for inner, saved in zip(session.strategy.optimizers(), state["inner"], strict=True):
            inner.load_state_dict(saved)
        self.optimizer = self._make_optimizer()
        self.optimizer.load_state_dict(state["optimizer"])
        self.updater = self._make_updater()
        self.updater.backward.checked.restore(state["checked"])
        if self.ema is not None:
            self.ema.load_state_dict(state["ema"])
        # last: numbers drawn while parts were made do not count
        restore_rng(state["rng"])
        return True


def copy_state(network: nn.Module) -> dict[str, Tensor]:
    """Return a copy of a network's state on the CPU."""
    copies: dict[str, Tensor] = {}
    for name, value in network.state_dict().items():
        on_cpu = value.detach().cpu()
        # in one memory format, whatever the network's on this machine
        copies[name] = on_cpu.clone(memory_format=torch.contiguous_format)
    return copies
