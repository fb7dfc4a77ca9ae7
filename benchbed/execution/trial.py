"""Trying a method out: an update in each phase and a look at validation, which nothing keeps."""

from __future__ import annotations

import signal
from collections.abc import Callable
from itertools import islice

import msgspec
import torch
from torch import Tensor

from benchbed.basics.errors import NonFiniteLossError
from benchbed.contracts.dataset import Target
from benchbed.engine.cost import costs_or_none
from benchbed.engine.evaluation import Scorer, require_labels
from benchbed.engine.pretrained import load_pretrained
from benchbed.engine.seeding import seed_everything
from benchbed.engine.session import Session, build_session
from benchbed.engine.trainer import Trainer
from benchbed.records.job import Job


def try_out(job: Job) -> list[str]:
    """Make an update in each phase on a mini-batch, and predict one; of single-task nets each.

    The mini-batches are those with which training and validation would begin. The process ends by
    SIGALRM where that takes longer than the job's limit, be it in a plugin's native code.

    Returns:
        What is to be known before training, such as that its multiply-adds cannot be counted.

    Raises:
        BenchbedError: something does not exist, makes no sense or breaks its contract.
        NonFiniteLossError: a loss is not finite, or an output after the update.
    """
    _end_after(job.limit_s)
    notes: dict[str, None] = {}
    for tasks in job.networks:
        seed_everything(job.seed)
        session = build_session(msgspec.structs.replace(job, tasks=tasks))
        if job.pretrained:
            load_pretrained(session)
        trainer = Trainer(session)
        trainer.selector.require_criterion()
        _look_for_labels(session)
        _update_in_each_phase(trainer)
        _predict(trainer, session)
        notes |= dict.fromkeys(costs_or_none(session)[1])
    return list(notes)


def _end_after(seconds: float) -> None:
    # Python's handlers do not run in native code that hangs; the signal's own effect does
    set_timer: Callable[[int, float], object] | None = getattr(signal, "setitimer", None)
    if seconds and set_timer is not None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        set_timer(signal.ITIMER_REAL, seconds)


def _look_for_labels(session: Session) -> None:
    """Look into each split until every task has a label, mostly in its first mini-batch.

    Raises:
        DataError: a task has none in a split.
    """
    protocol = session.job.protocol
    for name in (protocol.data.train, protocol.data.validation, protocol.data.test):
        split = session.split(name, session.job.evaluation_transforms)
        labelled = dict.fromkeys(session.tasks, 0.0)
        for batch in split.in_order(protocol.batch_size):
            for task, target in batch.targets.items():
                labelled[task] += _has_label(target, session.tasks[task].target)
            if all(labelled.values()):
                break
        require_labels(labelled, split)


def _has_label(values: Tensor, target: Target) -> bool:
    """Tell whether anything is annotated, as far as a target's description tells."""
    if target.kind == "value":
        return bool(torch.isfinite(values).any())
    return target.ignore is None or bool((values != target.ignore).any())


def _update_in_each_phase(trainer: Trainer) -> None:
    protocol = trainer.protocol
    batches = trainer.train_split.shuffled(protocol.batch_size, 0, 0, drop_last=protocol.drop_last)
    group = list(islice(batches, trainer.group))
    for phase in range(len(trainer.phases)):
        trainer.train_in(phase)
        trainer.session.network.train()
        trainer.update(group)
        trainer.progress.step = 0  # the next phase's is a first step too


@torch.no_grad()
def _predict(trainer: Trainer, session: Session) -> None:
    """Take a validation mini-batch through losses and metrics, without asking these for values.

    Of a few samples a metric may rightly have none.
    """
    transforms = session.job.evaluation_transforms
    split = session.split(trainer.protocol.data.validation, transforms)
    batch = next(iter(split.in_order(trainer.protocol.batch_size)))
    names = list(session.tasks)
    trainer.scored.eval()
    outputs = trainer.evaluator.outputs(trainer.scored, batch.input, names)
    for name, task in session.tasks.items():
        if not bool(torch.isfinite(outputs[name]).all()):
            raise NonFiniteLossError(
                f"after one step the outputs of task '{name}' are infinite or NaN; lower the "
                "learning rate, or look at the options"
            )
        target = batch.targets[name]
        task.loss(outputs[name], target)
        scorer = Scorer(task.metrics(), session.device)
        scorer.update(task.predict(outputs[name]), target, batch.groups)
