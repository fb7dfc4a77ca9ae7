"""Samples of the test split with the predictions of a rebuilt run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from benchbed.engine.evaluation import Evaluator
from benchbed.engine.session import Session
from benchbed.report.inspect.predictions.sample import Sample
from benchbed.report.layout.positions import positions


@torch.no_grad()
def predict(session: Session, wanted: int | Sequence[int]) -> list[Sample]:
    """Return samples of the test split with their predictions.

    Args:
        session: the rebuilt run.
        wanted: how many, evenly spread over the split, or their positions.

    Raises:
        DataError: the split has no such sample.
    """
    protocol, names = session.job.protocol, list(session.tasks)
    split = session.split(protocol.data.test, session.job.evaluation_transforms)
    evaluator = Evaluator(session.tasks, protocol.batch_size, session.device)
    chosen = np.array(positions(wanted, len(split), protocol.data.test), dtype=np.int64)
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


def _one_crop(given: Tensor, dimensions: int) -> Tensor:
    """Return a sample's input as it is drawn: the first crop where evaluation averages several."""
    return given[0] if given.dim() > dimensions else given


def _at(place: int, values: Mapping[str, Tensor], names: Iterable[str]) -> dict[str, Tensor]:
    """Return one sample's values out of a batch's."""
    return {name: values[name][place] for name in names}
