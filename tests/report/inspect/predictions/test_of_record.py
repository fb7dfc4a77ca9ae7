"""What is to be known of predictions: sources that have changed since the record."""

from __future__ import annotations

import dataclasses

import msgspec

from benchbed.discovery.method import Component
from benchbed.report.inspect.one_run import inspect_record
from benchbed.report.inspect.predictions.of_record import predict_record
from benchbed.report.inspect.predictions.rebuild import rebuild
from benchbed.report.inspect.records import read_record
from benchbed.report.inspect.request import Request
from tests.report.inspect.helpers import SHORT, everything, is_drawn, rewritten, short_protocol


def test_a_changed_source_is_noted_beside_the_panels(copy, trained, tmp_path):
    path = copy("hps/mgda")
    first, *rest = read_record(path).components
    path = rewritten(path, components=[msgspec.structs.replace(first, source="old"), *rest])
    request = Request(path, tmp_path, protocol=short_protocol(trained))
    done = inspect_record(request, everything())
    assert done.note.startswith("The source of architecture hps has changed")
    assert done.exit_code == 0
    assert is_drawn(done.panels)


def test_a_changed_source_of_training_transforms_is_not_noted(trained, monkeypatch):
    record, path = read_record(trained["hps/mgda"]), trained["hps/mgda"]
    request = Request(path, samples=1, protocol=short_protocol(trained))
    session = rebuild(record, SHORT, everything(), request.weights, None)
    transform = Component("transform", "flip", "1", "x:Flip", source="new")
    for field, noted in (("transforms", False), ("evaluation_transforms", True)):
        job = msgspec.structs.replace(session.job, **{field: [transform]})
        shown = dataclasses.replace(session, job=job)
        monkeypatch.setattr(
            "benchbed.report.inspect.predictions.of_record.rebuild", lambda *_, s=shown: s
        )
        monkeypatch.setattr("benchbed.report.inspect.predictions.of_record.predict", lambda *_: [])
        note = predict_record(record, everything(), request)[2]
        assert ("transform flip" in note) == noted
        assert bool(note) == noted
