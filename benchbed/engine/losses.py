"""From a batch to the tasks' losses: outputs, repeated scoring, mixed targets, auxiliary losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from benchbed.basics.errors import ContractError, ProtocolError
from benchbed.contracts.architecture import Architecture, check_outputs
from benchbed.contracts.task import Task, check_loss
from benchbed.contracts.transform import Batch
from benchbed.records.record import AUXILIARY

Count = Tensor | int


@dataclass(slots=True)
class TaskLosses:
    """The losses of one batch.

    Attributes:
        totals: for each task its summed loss (repeated scoring included), with its graph.
        counts: for each task the number of valid elements of its own output.
        extra: for each task what ``auxiliary`` adds to its mean loss.
        free: the loss that no task owns, if any.
    """

    totals: dict[str, Tensor]
    counts: dict[str, Count]
    extra: dict[str, Tensor]
    free: Tensor | None

    def means(self) -> dict[str, Tensor]:
        """Return the loss of each task that has a valid element."""
        numbers = self._numbers()
        means: dict[str, Tensor] = {}
        for name, total in self.totals.items():
            if numbers[name] > 0:
                means[name] = total / self.counts[name]
                if name in self.extra:
                    means[name] = means[name] + self.extra[name]
        return means

    def sums(self) -> dict[str, Tensor]:
        """Return each task's mean loss, what ``auxiliary`` adds included, times its count."""
        sums = dict(self.totals)
        for name, extra in self.extra.items():
            sums[name] = self.totals[name] + extra * self.counts[name]
        return sums

    def auxiliary(self) -> dict[str, Tensor]:
        """Return the auxiliary losses by their curves' names, detached."""
        found = {f"{AUXILIARY}/{name}": extra.detach() for name, extra in self.extra.items()}
        if self.free is not None:
            found[AUXILIARY] = self.free.detach()
        return found

    def _numbers(self) -> dict[str, float]:
        """Return the counts on the host, with one synchronisation for all tasks at most."""
        numbers: dict[str, float] = {}
        on_device: dict[str, Tensor] = {}
        for name, count in self.counts.items():
            if isinstance(count, Tensor):
                on_device[name] = count.detach()
            else:
                numbers[name] = count
        if on_device:
            counted = torch.stack(list(on_device.values())).tolist()
            numbers.update(zip(on_device, counted, strict=True))
        return numbers


class LossComputer:
    """Scores outputs by their tasks; contracts are checked on the first batch of each set."""

    def __init__(self, network: Architecture, tasks: Mapping[str, Task]) -> None:
        self.network = network
        self.tasks = tasks
        self._checked: set[tuple[str, ...]] = set()

    def __call__(self, batch: Batch, names: Sequence[str], progress: float) -> TaskLosses:
        """Run the network for some tasks and return their losses.

        Raises:
            ContractError: the network or a task returned something wrong.
            ProtocolError: the mini-batch is too small for the network's batch norm.
        """
        # checked once for each set of tasks: a plugin's contract does not change from step to step
        first = tuple(names) not in self._checked
        outputs = self._outputs(batch, names)
        if first:
            wanted = {name: self.tasks[name] for name in names}
            check_outputs(self.network, outputs, wanted, len(batch))
            self._checked.add(tuple(names))
        losses = self.score(outputs, batch, names, check=first)
        self._auxiliary(losses, outputs, batch, progress)
        return losses

    def _outputs(self, batch: Batch, names: Sequence[str]) -> dict[str, Tensor]:
        try:
            found: dict[str, Tensor] = self.network(batch.input, list(names))
        except ValueError as error:
            if "Expected more than 1 value per channel" not in str(error):
                raise
            raise ProtocolError(
                f"Batch norm cannot train on a mini-batch of {len(batch)} sample with a map of 1×1 "
                f"in {type(self.network).__name__}: choose a batch_size that leaves no single "
                "sample over, or set drop_last = true in the protocol."
            ) from error
        except RuntimeError as error:
            if "view size is not compatible" not in str(error):
                raise
            name = type(self.network).__name__
            raise ContractError(
                f"{name}.forward calls view() on a tensor in the memory format channels_last: use "
                f"reshape() or flatten(), or set {name}.channels_last = False."
            ) from error
        return found

    def score(
        self,
        outputs: Mapping[str, Tensor],
        batch: Batch,
        names: Sequence[str],
        *,
        check: bool = False,
    ) -> TaskLosses:
        """Return the losses of some tasks' outputs, auxiliary ones left out.

        Raises:
            ContractError: with ``check``, a task's loss breaks its contract.
        """
        totals: dict[str, Tensor] = {}
        counts: dict[str, Count] = {}
        for name in names:
            totals[name], counts[name] = self._score(name, outputs[name], batch, first=check)
        for key, output in outputs.items():
            name, at, _ = key.partition("@")
            if at and name in totals:
                again, count = self._score(name, output, batch, first=check)
                totals[name] = totals[name] + _rescaled(again, count, counts[name])
        return TaskLosses(totals, counts, {}, None)

    def _score(
        self, name: str, output: Tensor, batch: Batch, *, first: bool
    ) -> tuple[Tensor, Count]:
        """Return a task's summed loss for an output, and the number of valid elements."""
        task = self.tasks[name]
        result = task.loss(output, batch.targets[name])
        total, count = check_loss(task, result) if first else result
        if batch.mixed is None:
            return total, count
        other, other_count = task.loss(output, batch.mixed[name])
        # a convex sum of two means, written as a sum over the first one's elements
        mixed = batch.share * total + (1.0 - batch.share) * _rescaled(other, other_count, count)
        return mixed, count

    def _auxiliary(
        self, losses: TaskLosses, outputs: Mapping[str, Tensor], batch: Batch, progress: float
    ) -> None:
        """Add what the network's ``auxiliary`` returns to the losses."""
        if type(self.network).auxiliary is Architecture.auxiliary:
            return
        found = self.network.auxiliary(outputs, losses.means(), batch.targets, progress)
        name = f"{type(self.network).__name__}.auxiliary"
        for key, value in found.items():
            if not isinstance(value, Tensor) or value.dim() != 0:
                raise ContractError(f"{name} must return scalar tensors, got one for {key!r}.")
            if key is None:
                losses.free = value
            elif key in losses.totals:
                losses.extra[key] = value
            else:
                raise ContractError(
                    f"{name} returned a loss for '{key}', which is no task of this step "
                    f"({', '.join(losses.totals)})."
                )


def _rescaled(total: Tensor, count: Count, wanted: Count) -> Tensor:
    """Return a sum over ``count`` elements as one over ``wanted`` elements of the same mean."""
    if isinstance(count, int) and isinstance(wanted, int) and count == wanted:
        return total
    # where nothing is valid the sum is 0, and 0 / 0 would make it NaN
    number = torch.as_tensor(count)
    return total / torch.where(number > 0, number, 1) * wanted
