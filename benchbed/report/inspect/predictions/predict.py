"""Samples of the test split with the predictions of a rebuilt run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor

from benchbed.engine.evaluation import Evaluator
from benchbed.engine.session import Session
from benchbed.report.inspect.predictions.sample import Sample


@torch.no_grad()
def predict(session: Session, count: int) -> list[Sample]:
    """Return up to ``count`` samples, evenly spread over the test split, with their predictions."""
    protocol, names = session.job.protocol, list(session.tasks)
    split = session.split(protocol.data.test, session.job.evaluation_transforms)
    evaluator = Evaluator(session.tasks, protocol.batch_size, session.device)
    chosen = _evenly_spread(len(split), count)
    samples: list[Sample] = []
    # the batch size of training, for which there was memory
    for start in range(0, len(chosen), protocol.batch_size):
        indices = chosen[start : start + protocol.batch_size]
        batch = split.batch(indices)
        outputs = evaluator.outputs(session.network, batch.input, names)
        predictions = {name: task.predict(outputs[name]) for name, task in session.tasks.items()}
        for place, index in enumerate(indices.tolist()):
            given = _one_crop(batch.input[place], len(session.dataset.input.shape))
            targets = _at(place, batch.targets, names)
            samples.append(Sample(index, given, targets, _at(place, predictions, names)))
    return samples


def _evenly_spread(length: int, count: int) -> np.ndarray:
    """Return up to ``count`` positions of a split, the first and the last among them, int64."""
    return np.linspace(0, length - 1, min(count, length)).round().astype(np.int64)


def _one_crop(given: Tensor, dimensions: int) -> Tensor:
    """Return a sample's input as it is drawn: the first crop where evaluation averages several."""
    return given[0] if given.dim() > dimensions else given


def _at(place: int, values: Mapping[str, Tensor], names: Iterable[str]) -> dict[str, Tensor]:
    """Return one sample's values out of a batch's."""
    return {name: values[name][place] for name in names}
