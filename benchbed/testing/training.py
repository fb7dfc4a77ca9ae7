"""Short runs of the real trainer on made-up data: what the contracts of networks look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_pre_hook

from benchbed.contracts.architecture import Architecture
from benchbed.contracts.dataset import Input
from benchbed.contracts.protocol import Data, Optimizer, Protocol, Selection, TaskEntry
from benchbed.contracts.task import Task
from benchbed.discovery.component import Component
from benchbed.engine.progress import Curves
from benchbed.engine.session import Session
from benchbed.engine.strategy import Strategy
from benchbed.engine.trainer import Trainer, copy_state
from benchbed.records.job import Job
from benchbed.testing.comparison import copied, difference
from benchbed.testing.effects import seeded
from benchbed.testing.samples import SampleData

BATCH: Final = 4
_NOTHING: Final = Component("dataset", "samples", "1", "benchbed.testing.samples:SampleData")


@dataclass(frozen=True, slots=True)
class Parts:
    """What a run trains."""

    tasks: Mapping[str, Task]
    input: Input
    network: Architecture
    strategy: Strategy


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run has come to.

    Attributes:
        network: its state.
        strategy: that of the weighting strategy.
        curves: of losses and metrics.
        first_epoch: that the run trained, from 1; later where it took up a checkpoint.
    """

    network: dict[str, Tensor]
    strategy: dict[str, Any]
    curves: Curves
    first_epoch: int

    def difference(self, other: Trained) -> str | None:
        """Return where another run differs from this one, to the bit."""
        return (
            difference(self.network, other.network, "network")
            or difference(self.strategy, other.strategy, "strategy")
            or difference(self.curves, other.curves, "curves")
        )


class _StoppedError(Exception):
    """Raised where a test interrupts a run."""


def train(
    make: Callable[[], Parts],
    *,
    seed: int = 0,
    epochs: int = 4,
    batches: int = 2,
    checkpoint: Path | None = None,
    stop: int = 0,
) -> Trained:
    """Train for a few epochs.

    Args:
        make: makes the parts, once the generators are seeded.
        seed: of the generators while the parts are made and trained.
        epochs: how many.
        batches: mini-batches an epoch.
        checkpoint: written after each epoch, and taken up where it exists.
        stop: interrupt the run after this epoch; 0 for never.
    """
    with seeded(seed):
        parts = make()
        trainer = Trainer(_session(parts, epochs, batches), checkpoint)
        done: list[int] = []

        def on_epoch(epoch: int, values: dict[str, float]) -> None:
            done.append(epoch)
            if epoch == stop:
                raise _StoppedError

        with suppress(_StoppedError):
            trainer.run(on_epoch)
        return Trained(
            network=copy_state(parts.network),
            strategy=copied(whole_state(trainer.session.strategy)),
            curves=trainer.progress.curves,
            first_epoch=done[0] if done else 0,
        )


def whole_state(strategy: Strategy) -> dict[str, Any]:
    """Return all that a checkpoint keeps of a strategy."""
    inner = [optimizer.state_dict() for optimizer in strategy.optimizers()]
    return {**strategy.state_dict(), "optimizers": inner}


def _session(parts: Parts, epochs: int, batches: int) -> Session:
    names = list(parts.tasks)
    protocol = Protocol(
        name="sample",
        version=1,
        data=Data("samples"),
        tasks={name: TaskEntry("sample") for name in names},
        epochs=epochs,
        batch_size=BATCH,
        optimizer=Optimizer("adam", lr=1e-3),
        selection=Selection("last"),
    )
    job = Job(
        key="sample",
        kind="train",
        protocol=protocol,
        method="sample",
        architecture=_NOTHING,
        backbone=None,
        weighting=[],
        task_components=dict.fromkeys(names, _NOTHING),
        dataset=_NOTHING,
        tasks=names,
        seed=0,
        data_digest="",
        results="",
    )
    targets = {name: task.target for name, task in parts.tasks.items()}
    data = SampleData(parts.input, targets, BATCH * batches)
    device = torch.device("cpu")
    return Session(job, device, data, dict(parts.tasks), parts.network, parts.strategy)


@contextmanager
def watched_steps(see: Callable[[torch.optim.Optimizer], None]) -> Iterator[None]:
    """Show every optimiser to a function before each of its steps."""
    hook = register_optimizer_step_pre_hook(lambda optimizer, *_: see(optimizer))
    try:
        yield
    finally:
        hook.remove()


def assert_resumes(
    name: str, run: Callable[..., Trained], stops: Iterable[int], folder: Path, remedy: str
) -> None:
    """Stop a run after each of some epochs, and compare what it then goes on to.

    Args:
        name: of the plugin's class.
        run: trains; takes ``checkpoint``, ``stop`` and ``seed``.
        stops: epochs after which to stop.
        folder: for the checkpoints.
        remedy: what to do where a resumed run ends otherwise.
    """
    whole = run()
    for stop in stops:
        path = folder / f"{stop}.pt"
        run(checkpoint=path, stop=stop)
        try:
            rest = run(seed=1, checkpoint=path)
        except (RuntimeError, KeyError) as error:
            text = f"{name} does not load the state that it saved after training"
            raise AssertionError(f"{text}: {error}") from error
        assert rest.first_epoch == stop + 1, f"{name}: its checkpoint cannot be loaded."
        place = whole.difference(rest)
        assert place is None, (
            f"{name}: a run resumed after epoch {stop} ends with another '{place}' than one that "
            f"was not interrupted; {remedy}"
        )
