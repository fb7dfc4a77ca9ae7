"""One optimiser update from one or several mini-batches, joint or one task at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from benchbed.basics.errors import ContractError, NonFiniteLossError
from benchbed.contracts.transform import Batch
from benchbed.engine.combination import detached
from benchbed.engine.gradients import Backward
from benchbed.engine.logged import norms_and_cosines
from benchbed.engine.losses import Count, LossComputer, TaskLosses
from benchbed.engine.rows import Rows
from benchbed.engine.seeding import forward_rng, restore_forward_rng
from benchbed.engine.session import Session


@dataclass(slots=True)
class Effort:
    """What training took: samples times passes, by the set of tasks that a pass was for."""

    forward: dict[str, int] = field(default_factory=dict)
    backward: dict[str, int] = field(default_factory=dict)

    def note(self, where: dict[str, int], tasks: Sequence[str], samples: int) -> None:
        """Count a pass."""
        key = "+".join(tasks)
        where[key] = where.get(key, 0) + samples


@dataclass(slots=True)
class Stepped:
    """What an update leaves for the curves.

    Attributes:
        totals: the tasks' summed losses, detached.
        counts: the numbers of elements that they are summed over.
        weights: what tasks weigh, where the strategy tells.
        steps: of the optimiser.
        gradients: norms and cosines of the tasks' gradients, where they are logged.
        auxiliary: of each mini-batch the auxiliary losses by their curves' names, detached.
    """

    totals: dict[str, Tensor]
    counts: dict[str, Count]
    weights: dict[str, float] = field(default_factory=dict)
    steps: int = 0
    gradients: dict[str, float] = field(default_factory=dict)
    auxiliary: list[dict[str, Tensor]] = field(default_factory=list)

    def add(self, losses: TaskLosses) -> None:
        """Add a mini-batch's summed losses, their numbers of elements and its auxiliary losses."""
        self.auxiliary.append(losses.auxiliary())
        for name, total in losses.totals.items():
            self.totals[name] = self.totals.get(name, 0) + total.detach()
            self.counts[name] = self.counts.get(name, 0) + losses.counts[name]


@dataclass(frozen=True, slots=True)
class _Update:
    """What one update is made of.

    Attributes:
        batches: its mini-batches.
        tasks: what is trained.
        progress: share of training that is done.
        where: epoch and step, for messages.
    """

    batches: Sequence[Batch]
    tasks: Sequence[str]
    progress: float
    where: str


@dataclass(frozen=True, slots=True)
class _Differentiated:
    """What differentiating an update's losses came to.

    Attributes:
        tasks: those that got gradients; none if no loss had a valid element.
        weights: theirs, ``(T,)``, where the strategy tells.
        stepped: what there is for the curves so far.
        extra: for each task what auxiliary losses added to its mean loss.
    """

    tasks: list[str]
    weights: Tensor | None
    stepped: Stepped
    extra: dict[str, Tensor] = field(default_factory=dict)


class Updater:
    """Makes updates for one phase of training."""

    def __init__(
        self,
        session: Session,
        optimizer: torch.optim.Optimizer,
        tasks: Sequence[str],
        effort: Effort,
        clip_norm: float = 0.0,
    ) -> None:
        self.session = session
        self.optimizer = optimizer
        self.tasks = list(tasks)
        self.effort = effort
        self.clip_norm = clip_norm
        self.losses = LossComputer(session.network, session.tasks)
        self.backward = Backward(session.strategy, session.network)
        self.parameters = [p for p in session.network.parameters() if p.requires_grad]
        last = session.strategy.last
        self.batches = last.batches
        self._log = False
        self.looks_back = session.strategy.looks_back
        if last.at == "representation" and session.job.protocol.accumulate > 1:
            raise ContractError(
                f"{type(last).__name__} looks at the representation of single mini-batches, which "
                "does not go together with the protocol's 'accumulate'."
            )
        if self.batches > 1 and session.job.protocol.accumulate > 1:
            raise ContractError(
                f"{type(last).__name__} draws {self.batches} mini-batches an update, which does "
                "not go together with the protocol's 'accumulate'."
            )

    def __call__(
        self, batches: Sequence[Batch], progress: float, where: str, *, log: bool = False
    ) -> Stepped:
        """Make the updates that one group of mini-batches stands for.

        Args:
            batches: the mini-batches.
            progress: share of training that is done.
            where: epoch and step, for messages.
            log: also return the tasks' weights at loss level and, where the job asks for it, norms
                and cosines of the tasks' gradients, from the first mini-batch.
        """
        self._log = log
        if self.session.network.execution == "joint":
            return self._update(_Update(batches, self.tasks, progress, where))
        stepped = Stepped({}, {})
        for task in self.tasks:
            one = self._update(_Update(batches, [task], progress, where))
            stepped.totals |= one.totals
            stepped.counts |= one.counts
            stepped.steps += one.steps
            stepped.auxiliary += one.auxiliary
        return stepped

    def _update(self, update: _Update) -> Stepped:
        """Differentiate, clip, step, and look back."""
        # None, not 0: momentum and weight decay would move what no loss reaches
        self.optimizer.zero_grad(set_to_none=True)
        self.backward.sweeps = []
        before = forward_rng(self.session.device) if self.looks_back else None
        if len(update.batches) == 1:
            found = self._of_one_batch(update)
        elif self.batches > 1:
            found = self._over_batches(update)
        else:
            found = self._accumulated(update)
        stepped = found.stepped
        samples = sum(map(len, update.batches))
        for tasks in self.backward.sweeps:
            self.effort.note(self.effort.backward, tasks, samples)
        if found.weights is not None:
            stepped.weights = dict(zip(found.tasks, found.weights.tolist(), strict=True))
        if not found.tasks:
            return stepped
        if self.clip_norm:
            torch.nn.utils.clip_grad_norm_(self.parameters, self.clip_norm)
        self.optimizer.step()
        stepped.steps = 1
        if before is not None:
            self._look_back(update, found.extra, before)
        return stepped

    def _losses(self, batch: Batch, update: _Update) -> tuple[TaskLosses, dict[str, Tensor]]:
        """Return a mini-batch's losses, and the mean loss of each task with a valid element.

        Raises:
            NonFiniteLossError: a loss is infinite or NaN; on a GPU, where looking would wait for
                it, the epoch's means are looked at instead.
        """
        self.effort.note(self.effort.forward, update.tasks, len(batch))
        losses = self.losses(batch, update.tasks, update.progress)
        means = losses.means()
        if self.session.device.type == "cpu":
            values = {name: float(mean.detach()) for name, mean in means.items()}
            require_finite(values, update.where)
        return losses, means

    def _logged(self, means: Mapping[str, Tensor]) -> dict[str, float]:
        """Return norms and cosines of the tasks' gradients, where this update logs them."""
        if not (self._log and self.session.job.log_gradients):
            return {}
        return norms_and_cosines(self.backward, means)

    def _of_one_batch(self, update: _Update) -> _Differentiated:
        losses, means = self._losses(update.batches[0], update)
        stepped = Stepped(detached(losses.totals), losses.counts, auxiliary=[losses.auxiliary()])
        stepped.gradients = self._logged(means)
        weights = self.backward(means, losses.free, slopes=self._log)
        return _Differentiated(list(means), weights, stepped, detached(losses.extra))

    def _accumulated(self, update: _Update) -> _Differentiated:
        """Add up the gradients of the summed losses, divide once, weigh once."""
        rows: Rows | None = None
        free: list[Tensor | None] = []
        stepped = Stepped({}, {})
        sums = dict.fromkeys(update.tasks, 0.0)
        for batch in update.batches:
            losses, means = self._losses(batch, update)
            if rows is None:
                stepped.gradients = self._logged(means)
            batch_sums = losses.sums()
            batch_rows = self.backward.sweep(batch_sums, keep=losses.free is not None)
            if rows is None:
                rows = batch_rows.copy()
            else:
                rows.add(batch_rows)
            free_gradients = self.backward.free_gradients(losses.free)
            free = _with_share(free, free_gradients, len(update.batches))
            stepped.add(losses)
            for task in update.tasks:
                sums[task] += float(batch_sums[task].detach())
        assert rows is not None
        counts = {task: float(count) for task, count in stepped.counts.items() if float(count) > 0}
        if not counts:
            return _Differentiated([], None, stepped)
        rows.scale({task: 1.0 / count for task, count in counts.items()})
        device = self.session.device
        whole: dict[str, Tensor] = {}
        extra: dict[str, Tensor] = {}
        for task, count in counts.items():
            whole[task] = torch.as_tensor(sums[task] / count, device=device)
            extra[task] = whole[task] - stepped.totals[task] / count
        weights = self.backward.decide_accumulated(rows, whole, free)
        return _Differentiated(list(whole), weights, stepped, extra)

    def _over_batches(self, update: _Update) -> _Differentiated:
        """Take the gradients of several mini-batches apart, and weigh over all of them."""
        stepped = Stepped({}, {})
        kept = list(update.tasks)
        means_of: list[dict[str, Tensor]] = []
        free: Tensor | None = None
        for batch in update.batches:
            losses, means = self._losses(batch, update)
            if not means_of:
                stepped.gradients = self._logged(means)
            # a task counts if it has a valid element in each mini-batch
            kept = [task for task in kept if task in means]
            means_of.append(means)
            free = losses.free
            stepped.add(losses)
        last = {task: means_of[-1][task] for task in kept}
        if len(kept) < 2:
            weights = self.backward(last, free)
            return _Differentiated(kept, weights, stepped)
        rows: list[Rows] = []
        for number, means in enumerate(means_of, start=1):
            # the free loss is the last mini-batch's, and is differentiated after its tasks'
            keep = free is not None and number == len(means_of)
            chosen = self.session.strategy.transform({task: means[task] for task in kept})
            rows.append(self.backward.sweep(chosen, keep=keep))
        weights = self.backward.decide_over_batches(rows, detached(last))
        if free is not None:
            free.backward()  # type: ignore[no-untyped-call]
        return _Differentiated(kept, weights, stepped)

    @torch.no_grad()
    def _look_back(
        self,
        update: _Update,
        extra: dict[str, Tensor],
        before: tuple[Tensor, Tensor | None],
    ) -> None:
        """Tell the strategy the losses after the update: same batches, same random numbers.

        Auxiliary losses count as they were before the update. Running statistics stay as the
        training pass left them: moving them twice a step put them a third off after ten steps in a
        prototype.

        Args:
            update: what was made.
            extra: the auxiliary losses by task.
            before: the generators' state before the first forward pass.
        """
        network, device, tasks = self.session.network, self.session.device, update.tasks
        after = forward_rng(device)
        buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
        restore_forward_rng(before, device)
        again = Stepped({}, {})
        for batch in update.batches[-1:] if self.batches > 1 else update.batches:
            self.effort.note(self.effort.forward, tasks, len(batch))
            outputs = network(batch.input, list(tasks))
            again.add(self.losses.score(outputs, batch, tasks))
        losses = TaskLosses(again.totals, again.counts, extra, None).means()
        for name, buffer in network.named_buffers():
            buffer.copy_(buffers[name])
        restore_forward_rng(after, device)
        self.session.strategy.after_step(losses)


def require_finite(losses: Mapping[str, float], where: str) -> None:
    """Refuse losses that are infinite or NaN.

    Raises:
        NonFiniteLossError: with the task and the place.
    """
    for name, loss in losses.items():
        if not math.isfinite(loss):
            raise NonFiniteLossError(
                f"The training loss of task '{name}' became {loss} in {where}; lower the learning "
                "rate, or look for a division by zero in the loss or weighting."
            )


def _with_share(
    before: list[Tensor | None], now: list[Tensor | None], batches: int
) -> list[Tensor | None]:
    """Add a micro-batch's part of the mean of the loss that no task owns.

    Args:
        before: gradients so far, by parameter; none of the first micro-batch, or without the loss.
        now: those of this micro-batch.
        batches: how many there are in all.
    """
    now = [None if gradient is None else gradient / batches for gradient in now]
    if not before or not now:
        return before or now
    return list(map(_sum_of, before, now))


def _sum_of(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    if one is None:
        return other
    if other is None:
        return one
    return one + other
