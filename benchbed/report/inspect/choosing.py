"""Which samples are drawn where their losses decide: the worst, or typical ones."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from benchbed.discovery.registry import Registry
from benchbed.records.record import Record
from benchbed.report.inspect.records import protocol_of
from benchbed.report.inspect.request import Choice, Request

if TYPE_CHECKING:
    import numpy as np


def choose_samples(
    records: Sequence[Record], registry: Registry, requests: Sequence[Request]
) -> list[Request]:
    """Return requests with positions in place of a number, where losses decide which samples.

    All records get the same: a sample's score is the mean, over the records that have weights, of
    its :func:`~.predictions.losses.relative_losses`.

    Raises:
        BenchbedError: a record cannot be rebuilt.
    """
    first = requests[0]
    given = zip(records, requests, strict=True)
    having = [(record, request) for record, request in given if request.has_weights]
    if first.choice == "spread" or not isinstance(first.samples, int) or not having:
        return list(requests)
    from benchbed.report.inspect.predictions.losses import relative_losses
    from benchbed.report.inspect.predictions.rebuild import rebuild

    scores = []
    for record, request in having:
        protocol = protocol_of(record, registry, request.protocol, request.results)
        session = rebuild(record, protocol, registry, request.weights, request.data_root)
        scores.append(relative_losses(session))
    positions = ranked(_mean(scores), first.samples, first.choice)
    return [replace(request, samples=positions) for request in requests]


def _mean(scores: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean over ``(runs, samples)`` for each sample, NaN where there is no score."""
    import numpy as np

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # that some samples have none
        found: np.ndarray = np.nanmean(np.stack(scores), axis=0)
    return found


def ranked(scores: np.ndarray, wanted: int, choice: Choice) -> list[int]:
    """Return the positions of the worst samples, or of those nearest the median; the first first.

    Args:
        scores: of the samples, ``(N,)``, higher is worse; NaN where nothing is annotated.
        wanted: how many.
        choice: ``worst`` or ``typical``.
    """
    import numpy as np

    order = -scores
    if choice == "typical":
        order = np.abs(scores - np.nanmedian(scores))
    # NaN is sorted last; of equals the earlier one comes first
    positions = np.argsort(order, kind="stable")[:wanted]
    return [int(position) for position in positions]
