"""One optimiser update from one or several mini-batches, joint or one task at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import torch
from torch import Tensor

from benchbed.basics.errors import ContractError, NonFiniteLossError
from benchbed.contracts.transform import Batch
from benchbed.engine.combination import gramian
from benchbed.engine.gradients import Backward
from benchbed.engine.losses import Count, LossComputer, TaskLosses
from benchbed.engine.rows import Rows
from benchbed.engine.session import Session
from benchbed.engine.sharing import partition


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
    """What an update leaves for the curves."""

    totals: dict[str, Tensor]
    counts: dict[str, Count]
    weights: dict[str, float] = field(default_factory=dict)
    steps: int = 0
    gradients: dict[str, float] = field(default_factory=dict)


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
        self._extra: dict[str, Tensor] = {}
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
            return self._update(batches, self.tasks, progress, where)
        stepped = Stepped({}, {})
        for task in self.tasks:
            one = self._update(batches, [task], progress, where)
            stepped.totals |= one.totals
            stepped.steps += one.steps
            stepped.counts |= one.counts
        return stepped

    def _update(
        self, batches: Sequence[Batch], tasks: Sequence[str], progress: float, where: str
    ) -> Stepped:
        self.optimizer.zero_grad(set_to_none=True)
        self.backward.sweeps = []
        self._extra = {}
        state = self._generators() if self.looks_back else None
        names: list[str]
        if len(batches) == 1:
            losses = self._losses(batches[0], tasks, progress)
            means = losses.means()
            self._extra = _detached(losses.extra)
            self._require_finite(means, where)
            stepped = Stepped(_detached(losses.totals), losses.counts)
            stepped.gradients = self._geometry(means)
            weights = self.backward(means, losses.free, slopes=self._log)
            names = list(means)
        elif self.batches > 1:
            names, weights, stepped = self._several(batches, tasks, progress, where)
        else:
            names, weights, stepped = self._accumulated(batches, tasks, progress, where)
        for sweep in self.backward.sweeps:
            self.effort.note(self.effort.backward, sweep, sum(map(len, batches)))
        if weights is not None:
            stepped.weights = dict(zip(names, weights.tolist(), strict=True))
        if names:
            self._clip()
            self.optimizer.step()
            stepped.steps = 1
            if state is not None:
                self._look_back(batches[-1:] if self.batches > 1 else batches, tasks, state)
        return stepped

    def _geometry(self, losses: Mapping[str, Tensor]) -> dict[str, float]:
        """Return norms and cosines of the tasks' gradients of the parameters that they share."""
        if not (self._log and self.session.job.log_gradients and len(losses) > 1):
            return {}
        engine = self.backward.engine
        split = partition(losses, self.backward.parameters)
        if not split.shared:
            return {}
        rows = self.backward.sweep(losses, keep=True, split=split)
        self.backward.engine = engine
        names = list(losses)
        products = gramian([rows.shared[name] for name in names]).cpu()
        norms = products.diag().sqrt()
        found = {f"norm/{name}": float(norm) for name, norm in zip(names, norms, strict=True)}
        for i, j in combinations(range(len(names)), 2):
            scale = float(norms[i] * norms[j])
            if scale > 0.0:
                found[f"cosine/{names[i]}/{names[j]}"] = float(products[i, j]) / scale
        return found

    def _losses(self, batch: Batch, tasks: Sequence[str], progress: float) -> TaskLosses:
        self.effort.note(self.effort.forward, tasks, len(batch))
        return self.losses(batch, tasks, progress)

    def _accumulated(
        self, batches: Sequence[Batch], tasks: Sequence[str], progress: float, where: str
    ) -> tuple[list[str], Tensor | None, Stepped]:
        """Add up the gradients of the summed losses, divide once, weigh once."""
        sums: Rows | None = None
        free: list[Tensor | None] = []
        stepped = Stepped({}, {})
        whole: dict[str, float] = {}
        for batch in batches:
            losses = self._losses(batch, tasks, progress)
            means = losses.means()
            self._require_finite(means, where)
            if sums is None:
                stepped.gradients = self._geometry(means)
            wholes = {
                name: total + losses.extra[name] * count if name in losses.extra else total
                for (name, total), count in zip(
                    losses.totals.items(), losses.counts.values(), strict=True
                )
            }
            rows = self.backward.sweep(wholes, keep=losses.free is not None)
            if sums is None:
                sums = rows.copy()
            else:
                sums.add(rows)
            free = _summed(free, self.backward.free_gradients(losses.free), len(batches))
            _tally(stepped.totals, stepped.counts, losses)
            for name in tasks:
                whole[name] = whole.get(name, 0.0) + float(wholes[name].detach())
        assert sums is not None
        counts = {name: float(count) for name, count in stepped.counts.items() if float(count) > 0}
        if not counts:
            return [], None, stepped
        sums.scale({name: 1.0 / count for name, count in counts.items()})
        means = {
            name: torch.as_tensor(whole[name] / count, device=self.session.device)
            for name, count in counts.items()
        }
        self._extra = {
            name: mean - stepped.totals[name] / counts[name] for name, mean in means.items()
        }
        weights = self.backward.decide_accumulated(sums, means, free)
        return list(means), weights, stepped

    def _several(
        self, batches: Sequence[Batch], tasks: Sequence[str], progress: float, where: str
    ) -> tuple[list[str], Tensor | None, Stepped]:
        """Take the gradients of several mini-batches apart, and weigh over all of them."""
        rows: list[Rows] = []
        stepped = Stepped({}, {})
        kept: list[str] = list(tasks)
        found: list[dict[str, Tensor]] = []
        losses: TaskLosses | None = None
        for batch in batches:
            losses = self._losses(batch, tasks, progress)
            means = losses.means()
            self._require_finite(means, where)
            kept = [name for name in kept if name in means]
            found.append(means)
            if len(found) == 1:
                stepped.gradients = self._geometry(means)
            _tally(stepped.totals, stepped.counts, losses)
        if len(kept) < 2:
            free = None if losses is None else losses.free
            weights = self.backward({name: found[-1][name] for name in kept}, free)
            return kept, weights, stepped
        for number, means in enumerate(found):
            last = number == len(found) - 1
            keep = last and losses is not None and losses.free is not None
            chosen = self.session.strategy.transform({name: means[name] for name in kept})
            rows.append(self.backward.sweep(chosen, keep=keep))
        values = {name: found[-1][name].detach() for name in kept}
        weights = self.backward.decide_over_batches(rows, values)
        if losses is not None and losses.free is not None:
            losses.free.backward()  # type: ignore[no-untyped-call]
        return kept, weights, stepped

    def _clip(self) -> None:
        if self.clip_norm:
            torch.nn.utils.clip_grad_norm_(self.parameters, self.clip_norm)

    def _generators(self) -> tuple[Tensor, Tensor | None]:
        """Return the state of the generators that a forward pass may draw from."""
        device = self.session.device
        gpu = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
        return torch.get_rng_state(), gpu

    def _restore(self, state: tuple[Tensor, Tensor | None]) -> None:
        cpu, gpu = state
        torch.set_rng_state(cpu)
        if gpu is not None:
            torch.cuda.set_rng_state(gpu, self.session.device)

    @torch.no_grad()
    def _look_back(
        self, batches: Sequence[Batch], tasks: Sequence[str], state: tuple[Tensor, Tensor | None]
    ) -> None:
        """Tell the strategy the losses after the update: same batches, same random numbers.

        Auxiliary losses count as they were before the update. Running statistics stay as the
        training pass left them: moving them twice a step put them a third off after ten steps in a
        prototype.
        """
        network = self.session.network
        after = self._generators()
        buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
        self._restore(state)
        totals: dict[str, Tensor] = {}
        counts: dict[str, Count] = {}
        for batch in batches:
            self.effort.note(self.effort.forward, tasks, len(batch))
            scored = self.losses.score(network(batch.input, list(tasks)), batch, tasks)
            _tally(totals, counts, scored)
        losses = TaskLosses(totals, counts, self._extra, None).means()
        for name, buffer in network.named_buffers():
            buffer.copy_(buffers[name])
        self._restore(after)
        self.session.strategy.after_step(losses)

    def _require_finite(self, losses: Mapping[str, Tensor], where: str) -> None:
        """End the run on a loss that is not finite; on a GPU the epoch's means are looked at."""
        if self.session.device.type == "cpu":
            require_finite({name: float(loss.detach()) for name, loss in losses.items()}, where)


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


def _tally(totals: dict[str, Tensor], counts: dict[str, Count], losses: TaskLosses) -> None:
    """Add a mini-batch's summed losses and their numbers of elements."""
    for name, total in losses.totals.items():
        totals[name] = totals.get(name, 0) + total.detach()
        counts[name] = counts.get(name, 0) + losses.counts[name]


def _detached(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in values.items()}


def _summed(
    before: list[Tensor | None], now: list[Tensor | None], share: int
) -> list[Tensor | None]:
    """Add a micro-batch's part of the mean of the loss that no task owns."""
    now = [None if gradient is None else gradient / share for gradient in now]
    if not before or not now:
        return before or now
    return [b if a is None else a if b is None else a + b for a, b in zip(before, now, strict=True)]
