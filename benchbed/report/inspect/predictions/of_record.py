"""What a record's network predicts, and what is to be known of it."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from benchbed.discovery.registry import Registry
from benchbed.engine.session import Session
from benchbed.execution.staleness import stale_components
from benchbed.records.record import Record
from benchbed.report.inspect.predictions.predict import predict
from benchbed.report.inspect.predictions.rebuild import rebuild
from benchbed.report.inspect.predictions.sample import Sample
from benchbed.report.inspect.records import protocol_of
from benchbed.report.inspect.request import Request


class Predicted(NamedTuple):
    """A rebuilt run, what it predicts, and what is to be known of that."""

    session: Session
    samples: list[Sample]
    note: str


def predict_record(record: Record, registry: Registry, request: Request) -> Predicted:
    """Return a record's predictions on samples of the test split.

    Raises:
        BenchbedError: the protocol, a plugin, the data or the weights are not what they were.
    """
    protocol = protocol_of(record, registry, request.protocol, request.results)
    session = rebuild(record, protocol, registry, request.weights, request.data_root)
    note = _note_stale(record, session)
    return Predicted(session, predict(session, request.samples), note)


def _note_stale(record: Record, session: Session) -> str:
    """Return which sources have changed since the record was made, if any."""
    # transforms of the training data have no part in predictions
    without_training = msgspec.structs.replace(session.job, transforms=[])
    stale = dict.fromkeys(stale_components(record, without_training))
    if not stale:
        return ""
    return (
        f"The source of {', '.join(stale)} has changed since the record was made; the predictions "
        "are what it gives today."
    )
