"""How bad a rebuilt run's predictions are, sample by sample."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from benchbed.contracts.task import Task
from benchbed.engine.evaluation import Evaluator
from benchbed.engine.session import Session


@torch.no_grad()
def relative_losses(session: Session) -> np.ndarray:
    """Return each test sample's loss, as a share of its task's mean, averaged over the tasks.

    Returns:
        ``(N,)`` float64: 1 is as bad as the mean sample; NaN where no task is annotated.
    """
    protocol, names = session.job.protocol, list(session.tasks)
    split = session.split(protocol.data.test, session.job.evaluation_transforms)
    evaluator = Evaluator(session.tasks, protocol.batch_size, session.device)
    losses = np.full((len(names), len(split)), np.nan)
    for start in range(0, len(split), protocol.batch_size):
        indices = np.arange(start, min(start + protocol.batch_size, len(split)))
        batch = split.batch(indices)
        outputs = evaluator.outputs(session.network, batch.input, names)
        for row, name in enumerate(names):
            losses[row, indices] = _of_each(session.tasks[name], outputs[name], batch.targets[name])
    return _shares(losses)


def _of_each(task: Task, outputs: Tensor, targets: Tensor) -> list[float]:
    """Return the mean loss of each sample of a batch, NaN where it has no valid element."""
    losses = []
    for place in range(len(outputs)):
        # one sample, as a batch
        one = slice(place, place + 1)
        total, count = task.loss(outputs[one], targets[one])
        losses.append(float(total) / float(count) if float(count) > 0 else np.nan)
    return losses


def _shares(losses: np.ndarray) -> np.ndarray:
    """Return ``(tasks, N)`` losses as shares of each task's mean, averaged over the tasks."""
    known = np.isfinite(losses)
    values = np.where(known, losses, 0.0)
    means = values.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    means[means == 0.0] = 1.0
    shares = values / means[:, None]
    tasks = known.sum(axis=0)
    found: np.ndarray = np.where(tasks > 0, shares.sum(axis=0) / np.maximum(tasks, 1), np.nan)
    return found
